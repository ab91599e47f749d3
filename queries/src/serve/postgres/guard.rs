//! The bound on what is read: a message longer than it may be ends the connection before its bytes are gathered.
//! Stands between TLS and the decoder, and looks at nothing but the messages' lengths. Counts the bytes on its way.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest message, in bytes: a statement of the longest text, or its parameters.
pub(super) const MAX_MESSAGE: usize = 4 << 20;
/// The longest startup packet.
pub(super) const MAX_STARTUP: usize = 10_000;

/// Bytes from and to a client.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) from: AtomicU64,
    pub(super) to: AtomicU64,
}

/// Follows the lengths in a stream of messages.
#[derive(Debug, Default)]
struct Lengths {
    /// Type and length of the message that begins, as far as they have come. The first packet has no type.
    header: Vec<u8>,
    typed: bool,
    /// Bytes of the message that are still to come.
    rest: usize,
}

impl Lengths {
    fn take(&mut self, mut bytes: &[u8]) -> Result<(), usize> {
        loop {
            let skipped = self.rest.min(bytes.len());
            self.rest -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
            self.header.push(*first);
            bytes = rest;
            let length =
                self.header.get(usize::from(self.typed)..).and_then(|length| <[u8; 4]>::try_from(length).ok());
            let Some(length) = length else { continue };
            let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
            if length > if self.typed { MAX_MESSAGE } else { MAX_STARTUP } {
                return Err(length);
            }
            self.rest = length.saturating_sub(4);
            self.header.clear();
            self.typed = true;
        }
    }
}

/// A stream whose messages are bounded.
#[derive(Debug)]
pub(super) struct Guard<S> {
    stream: S,
    lengths: Lengths,
    traffic: Arc<Traffic>,
}

impl<S> Guard<S> {
    pub(super) fn new(stream: S, traffic: Arc<Traffic>) -> Self {
        Self { stream, lengths: Lengths::default(), traffic }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        let new = buffer.filled().get(before..).unwrap_or_default();
        this.traffic.from.fetch_add(new.len() as u64, Ordering::Relaxed);
        match this.lengths.take(new) {
            Ok(()) => read,
            Err(length) => {
                let words = format!("a message of {length} bytes is longer than {MAX_MESSAGE}");
                Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, words)))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(written)) = &written {
            this.traffic.to.fetch_add(*written as u64, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: usize) -> Vec<u8> {
        let length = u32::try_from(body + 4).expect("length").to_be_bytes();
        [&[kind][..], &length, &vec![0; body]].concat()
    }

    #[test]
    fn lengths_are_followed_however_the_bytes_are_split() {
        let startup = [&20_u32.to_be_bytes()[..], &[0; 16]].concat();
        let stream = [startup, message(b'p', 30), message(b'Q', 0), message(b'Q', 5000), message(b'X', 0)].concat();
        for split in 0..=stream.len() {
            let mut lengths = Lengths::default();
            let (first, second) = stream.split_at(split);
            assert_eq!(lengths.take(first).and_then(|()| lengths.take(second)), Ok(()), "split at {split}");
            assert_eq!((lengths.rest, lengths.header.len()), (0, 0), "split at {split}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused_by_its_header() {
        let check =
            |stream: Vec<u8>, expected: Result<(), usize>| assert_eq!(Lengths::default().take(&stream), expected);
        let startup = [0, 0, 0, 8, 0, 3, 0, 0];
        check((MAX_STARTUP as u32 + 1).to_be_bytes().to_vec(), Err(MAX_STARTUP + 1));
        let long =
            |length: usize| [&startup[..], b"Q", &u32::try_from(length).expect("length").to_be_bytes()].concat();
        check(long(MAX_MESSAGE), Ok(()));
        check(long(MAX_MESSAGE + 1), Err(MAX_MESSAGE + 1));
        check(long(u32::MAX as usize), Err(u32::MAX as usize));
        // Lengths below four are the decoder's to refuse.
        check(long(0), Ok(()));
    }
}
