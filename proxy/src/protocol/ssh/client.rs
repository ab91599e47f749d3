//! A client's side of one channel: what the target prints, and what the gateway itself has to say.

use bytes::Bytes;
use russh::server::{Handle, Msg};
use russh::{ChannelWriteHalf, Sig};
use std::sync::atomic::{AtomicBool, Ordering};

/// The stream of [RFC 4254 section 5.2] that carries standard error.
const STDERR: u32 = 1;

/// The client is gone; nothing more can be told it.
#[derive(Debug)]
pub(super) struct Gone;

impl From<russh::Error> for Gone {
    fn from(_: russh::Error) -> Self {
        Self
    }
}

/// Where output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    /// Standard output.
    Output,
    /// Standard error, or whatever other stream the target numbers.
    Extended(u32),
}

/// Writes to one channel of a client, within its window.
pub(super) struct Client {
    write: ChannelWriteHalf<Msg>,
    handle: Handle,
    terminal: AtomicBool,
}

impl Client {
    pub(super) fn new(write: ChannelWriteHalf<Msg>, handle: Handle) -> Self {
        Self { write, handle, terminal: AtomicBool::new(false) }
    }

    /// From now on lines end as a raw terminal needs them.
    pub(super) fn has_terminal(&self) {
        self.terminal.store(true, Ordering::Relaxed);
    }

    /// The target's output. Waits for the client's window.
    pub(super) async fn print(&self, to: To, data: Bytes) -> Result<(), Gone> {
        match to {
            To::Output => self.write.data_bytes(data).await?,
            To::Extended(stream) => self.write.extended_data_bytes(stream, data).await?,
        }
        Ok(())
    }

    /// The gateway's own words, on standard error.
    pub(super) async fn say(&self, words: &str) -> Result<(), Gone> {
        let end = if self.terminal.load(Ordering::Relaxed) { "\r\n" } else { "\n" };
        let line = format!("interdict: {words}{end}");
        Ok(self.write.extended_data_bytes(STDERR, line.into_bytes()).await?)
    }

    pub(super) async fn eof(&self) -> Result<(), Gone> {
        Ok(self.write.eof().await?)
    }

    pub(super) async fn exit(&self, status: u32) -> Result<(), Gone> {
        Ok(self.write.exit_status(status).await?)
    }

    pub(super) async fn exit_signal(&self, signal: Sig, core: bool, message: String) -> Result<(), Gone> {
        self.handle
            .exit_signal_request(self.write.id(), signal, core, message, String::new())
            .await
            .map_err(|()| Gone)
    }

    pub(super) async fn close(&self) -> Result<(), Gone> {
        Ok(self.write.close().await?)
    }
}
