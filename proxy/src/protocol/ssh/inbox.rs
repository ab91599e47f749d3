//! What a client sends on one channel, in order, until the target takes it. It never makes the sender wait: what waits
//! is weighed in the connection's valve, which stops the socket instead.

use super::wire::Valve;
use bytes::Bytes;
use russh::{Pty, Sig};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What a message weighs beyond its bytes.
const OVERHEAD: usize = 256;

/// One message of a client.
#[derive(Debug)]
pub(super) enum Input {
    /// It wants a terminal.
    Terminal {
        /// `TERM`.
        kind: String,
        /// Its size.
        size: Size,
        /// Its modes (RFC 4254 section 8).
        modes: Vec<(Pty, u32)>,
    },
    /// It sets an environment variable.
    Variable(String, String),
    /// It wants a shell.
    Shell,
    /// It wants a command run.
    Command(Vec<u8>),
    /// It wants a subsystem.
    Subsystem(String),
    /// Bytes for the standard input.
    Data(Bytes),
    /// Its window has another size.
    Resize(Size),
    /// A signal for what runs.
    Signal(Sig),
    /// It will send no more bytes.
    Eof,
    /// It is done with the channel.
    Close,
}

/// A terminal's size, in cells and in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) columns: u32,
    pub(super) rows: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Input {
    fn weight(&self) -> usize {
        OVERHEAD
            + match self {
                Self::Data(data) => data.len(),
                Self::Command(line) => line.len(),
                Self::Terminal { kind, modes, .. } => kind.len() + modes.len() * size_of::<(Pty, u32)>(),
                Self::Variable(name, value) => name.len() + value.len(),
                Self::Subsystem(name) => name.len(),
                Self::Shell | Self::Resize(_) | Self::Signal(_) | Self::Eof | Self::Close => 0,
            }
    }
}

/// The sender's end.
#[derive(Debug)]
pub(super) struct Sender {
    queue: mpsc::UnboundedSender<Input>,
    valve: Arc<Valve>,
    /// Tells the inbox when this is dropped.
    _leaving: DropGuard,
}

/// The receiver's end. What it took weighs until it takes the next.
#[derive(Debug)]
pub(super) struct Inbox {
    queue: mpsc::UnboundedReceiver<Input>,
    valve: Arc<Valve>,
    taken: usize,
    gone: CancellationToken,
}

/// Both ends, weighed in `valve`.
pub(super) fn channel(valve: &Arc<Valve>) -> (Sender, Inbox) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let gone = CancellationToken::new();
    (
        Sender { queue: sender, valve: Arc::clone(valve), _leaving: gone.clone().drop_guard() },
        Inbox { queue: receiver, valve: Arc::clone(valve), taken: 0, gone },
    )
}

impl Sender {
    /// Queues a message. After the channel's end it is dropped, as RFC 4254 section 5.3 allows.
    pub(super) fn send(&self, input: Input) {
        let weight = input.weight();
        self.valve.hold(weight);
        if self.queue.send(input).is_err() {
            self.valve.release(weight);
        }
    }
}

impl Inbox {
    /// The next message; `None` once the connection is gone. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Input> {
        self.valve.release(std::mem::take(&mut self.taken));
        let input = self.queue.recv().await;
        self.taken = input.as_ref().map_or(0, Input::weight);
        input
    }

    /// Waits until nothing more will come, taking nothing.
    pub(super) async fn left(&self) {
        self.gone.cancelled().await;
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.queue.close();
        self.valve.release(self.taken);
        while let Ok(input) = self.queue.try_recv() {
            self.valve.release(input.weight());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_taken_or_dropped_weighs_no_more() {
        let valve = Valve::new();
        let (sender, mut inbox) = channel(&valve);
        sender.send(Input::Data(Bytes::from_static(b"abc")));
        sender.send(Input::Eof);
        sender.send(Input::Close);
        assert_eq!(valve.weight(), 3 * OVERHEAD + 3);
        assert!(matches!(inbox.next().await, Some(Input::Data(_))));
        assert_eq!(valve.weight(), 3 * OVERHEAD + 3);
        assert!(matches!(inbox.next().await, Some(Input::Eof)));
        assert_eq!(valve.weight(), 2 * OVERHEAD);
        drop(inbox);
        assert_eq!(valve.weight(), 0);
        sender.send(Input::Shell);
        assert_eq!(valve.weight(), 0);
    }
}
