//! Both directions of one channel while its program runs. Output is recorded and scanned before the client gets it;
//! each direction waits for the other side's window, and for nothing else.

use super::client::{Client, Gone, To};
use super::deed::Deed;
use super::inbox::{Inbox, Input};
use super::outlet::Outlet;
use crate::emit;
use bytes::Bytes;
use interdict_schemas::{Disclosure, Status};
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use std::time::Duration;

/// How long the end of what came may be held back in case it goes on. Less than a person or a prompt notices.
const SETTLE: Duration = Duration::from_millis(5);

/// How a program ended, as the target says.
#[derive(Debug)]
pub(super) struct Exit {
    pub(super) status: Status,
    /// The exit status, or the signal's name.
    pub(super) code: String,
    pub(super) detail: String,
}

/// Why the pump stopped.
#[derive(Debug)]
pub(super) enum End {
    /// The target closed the channel.
    Closed(Option<Exit>),
    /// The target's connection is gone.
    Lost,
    /// The client closed the channel, or is gone.
    Left,
    /// The log takes no more.
    Unrecorded(emit::Error),
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Left
    }
}

impl From<emit::Error> for End {
    fn from(error: emit::Error) -> Self {
        Self::Unrecorded(error)
    }
}

/// Runs both directions until one side ends.
pub(super) async fn run(
    channel: Channel<Msg>,
    client: &Client,
    inbox: &mut Inbox,
    deed: &Deed<'_>,
    scan: impl Fn() -> crate::disclose::Scan,
) -> End {
    let (reader, writer) = channel.split();
    let output = Output { client, deed, print: Outlet::new(scan()), error: Outlet::new(scan()), stream: 1 };
    let end = tokio::select! {
        biased;
        end = output.run(reader) => end,
        end = feed(inbox, &writer, deed) => end,
    };
    // The target may have ended first; then there is nothing left to close.
    let _closed = writer.close().await;
    end
}

/// From the client to the target, until the client leaves.
async fn feed(inbox: &mut Inbox, target: &ChannelWriteHalf<Msg>, deed: &Deed<'_>) -> End {
    loop {
        let sent = match inbox.next().await {
            None | Some(Input::Close) => return End::Left,
            Some(Input::Data(data)) => {
                deed.typed(data.len());
                target.data_bytes(data).await
            }
            Some(Input::Eof) => target.eof().await,
            Some(Input::Signal(signal)) => target.signal(signal).await,
            Some(Input::Resize(size)) => {
                if let Err(error) = deed.resized(size.columns, size.rows) {
                    return End::Unrecorded(error);
                }
                target.window_change(size.columns, size.rows, size.width, size.height).await
            }
            // One program per channel: what asks for more was told so by the server.
            Some(
                Input::Terminal { .. } | Input::Variable(..) | Input::Shell | Input::Command(_) | Input::Subsystem(_),
            ) => Ok(()),
        };
        if sent.is_err() {
            // The other direction knows how the target ended, and ends this.
            std::future::pending::<()>().await;
        }
    }
}

struct Output<'a> {
    client: &'a Client,
    deed: &'a Deed<'a>,
    print: Outlet,
    error: Outlet,
    /// Which extended stream `error` is.
    stream: u32,
}

impl Output<'_> {
    async fn run(mut self, reader: ChannelReadHalf) -> End {
        match self.pump(reader).await {
            Ok(end) | Err(end) => end,
        }
    }

    /// From the target to the client, until the target ends.
    async fn pump(&mut self, mut reader: ChannelReadHalf) -> Result<End, End> {
        let mut exit = None;
        // A client that has sent and received EOF closes the channel, and russh then closes it at once, whereas sshd
        // would still send the exit status. So EOF waits for the exit status, wherever in the order that comes.
        let mut ended = false;
        loop {
            let message = if self.print.holds() || self.error.holds() {
                match tokio::time::timeout(SETTLE, reader.wait()).await {
                    Ok(message) => message,
                    Err(_) => {
                        self.settle().await?;
                        continue;
                    }
                }
            } else {
                reader.wait().await
            };
            match message {
                Some(ChannelMsg::Data { data }) => self.take(To::Output, data).await?,
                Some(ChannelMsg::ExtendedData { data, ext }) => self.take(To::Extended(ext), data).await?,
                Some(ChannelMsg::Eof) => {
                    self.settle().await?;
                    ended = true;
                    if exit.is_some() {
                        self.client.eof().await?;
                    }
                }
                Some(ChannelMsg::ExitStatus { exit_status }) => {
                    self.settle().await?;
                    let status = if exit_status == 0 { Status::Success } else { Status::Failure };
                    exit = Some(Exit { status, code: exit_status.to_string(), detail: String::new() });
                    self.client.exit(exit_status).await?;
                    if ended {
                        self.client.eof().await?;
                    }
                }
                Some(ChannelMsg::ExitSignal { signal_name, core_dumped, error_message, .. }) => {
                    self.settle().await?;
                    let (code, detail) = (format!("SIG{}", name(&signal_name)), error_message.clone());
                    exit = Some(Exit { status: Status::Failure, code, detail });
                    self.client.exit_signal(signal_name, core_dumped, error_message).await?;
                    if ended {
                        self.client.eof().await?;
                    }
                }
                Some(ChannelMsg::Close) => {
                    self.settle().await?;
                    return Ok(End::Closed(exit));
                }
                None => {
                    self.settle().await?;
                    return Ok(if exit.is_some() { End::Closed(exit) } else { End::Lost });
                }
                Some(_) => {}
            }
        }
    }

    async fn take(&mut self, to: To, data: Bytes) -> Result<(), End> {
        if let To::Extended(stream) = to
            && stream != self.stream
        {
            self.settle().await?;
            self.stream = stream;
        }
        let outlet = if to == To::Output { &mut self.print } else { &mut self.error };
        let ready = outlet.pass(data);
        let taught = outlet.taught();
        self.release(to, ready, taught).await
    }

    async fn settle(&mut self) -> Result<(), End> {
        let (ready, taught) = (self.print.settle(), self.print.taught());
        self.release(To::Output, ready, taught).await?;
        let (ready, taught) = (self.error.settle(), self.error.taught());
        self.release(To::Extended(self.stream), ready, taught).await
    }

    // INVARIANT: the only way of the target's bytes to the client; their records stand before they go.
    async fn release(&self, to: To, data: Bytes, taught: Vec<Disclosure>) -> Result<(), End> {
        self.deed.taught(taught)?;
        if !data.is_empty() {
            self.deed.printed(&data)?;
            self.client.print(to, data).await?;
        }
        Ok(())
    }
}

fn name(signal: &russh::Sig) -> String {
    match signal {
        russh::Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}
