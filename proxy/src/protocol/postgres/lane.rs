//! The bytes on their way in one direction. Owns which of them are understood, which may leave, and where messages
//! begin. They are forwarded from the buffer they were read into; only a replaced message costs a copy.

use super::frame;
use bytes::{Buf, BytesMut};

/// Bytes held in one direction before its sender is no longer read, unless one message is longer.
pub(super) const HIGH: usize = 64 * 1024;
/// A buffer that grew beyond this is given back once it is empty.
const KEEP: usize = 1024 * 1024;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Read, and not yet written.
    data: BytesMut,
    /// Up to here it may be written.
    ready: usize,
    /// Up to here it is understood.
    at: usize,
    /// Bytes still to come of a message that streams through.
    passing: usize,
    /// Bytes not yet written of the message that is partly written.
    begun: usize,
    /// The length that the buffer must reach for the next message to be understood.
    needed: usize,
}

impl Lane {
    /// With what was read before.
    pub(super) fn new(data: BytesMut) -> Self {
        Self { data, ..Self::default() }
    }

    /// Where more bytes are read to; `None` while there are enough.
    pub(super) fn space(&mut self) -> Option<&mut BytesMut> {
        if self.data.len() >= HIGH.max(self.needed) {
            return None;
        }
        if self.data.is_empty() && self.data.capacity() > KEEP {
            self.data = BytesMut::new();
        }
        if self.data.capacity() - self.data.len() < HIGH / 8 {
            self.data.reserve(HIGH);
        }
        Some(&mut self.data)
    }

    /// What is not understood yet.
    pub(super) fn rest(&self) -> &[u8] {
        self.data.get(self.at..).unwrap_or_default()
    }

    /// What may be written.
    pub(super) fn ready(&self) -> &[u8] {
        self.data.get(..self.ready).unwrap_or_default()
    }

    /// Bytes still to come of the message that streams through.
    pub(super) fn passing(&self) -> usize {
        self.passing
    }

    /// The next `count` bytes are understood.
    pub(super) fn accept(&mut self, count: usize) {
        self.at = (self.at + count).min(self.data.len());
        self.needed = 0;
    }

    /// The next message streams through: its header is understood, `body` bytes follow.
    pub(super) fn stream(&mut self, body: usize) {
        self.accept(frame::HEADER);
        self.passing = body;
    }

    /// The next bytes of the message that streams through; [`Lane::pass`] takes them.
    pub(super) fn streamed(&self) -> &[u8] {
        let rest = self.rest();
        rest.get(..self.passing).unwrap_or(rest)
    }

    /// Takes bytes of the message that streams through.
    pub(super) fn pass(&mut self, count: usize) {
        self.accept(count);
        self.passing -= count.min(self.passing);
    }

    /// The next message needs `total` bytes.
    pub(super) fn need(&mut self, total: usize) {
        self.needed = self.at + total;
    }

    /// Puts `with` in the place of the next `count` bytes.
    pub(super) fn replace(&mut self, count: usize, with: &[u8]) {
        let tail = self.data.split_off((self.at + count).min(self.data.len()));
        self.data.truncate(self.at);
        self.data.extend_from_slice(with);
        self.accept(with.len());
        self.data.extend_from_slice(&tail);
    }

    /// All that is understood may be written, but for the last `held` bytes.
    pub(super) fn release(&mut self, held: usize) {
        self.ready = self.ready.max(self.at.saturating_sub(held));
    }

    /// The first `count` ready bytes were written.
    pub(super) fn written(&mut self, count: usize) {
        let mut count = count.min(self.ready);
        self.ready -= count;
        self.at -= count.min(self.at);
        self.needed = self.needed.saturating_sub(count);
        while count > 0 {
            if self.begun == 0 {
                // Whatever may be written begins with a header that was read before.
                self.begun = frame::header(&self.data).ok().flatten().map_or(count, |header| header.total);
            }
            let step = count.min(self.begun);
            self.data.advance(step);
            self.begun -= step;
            count -= step;
        }
    }

    /// Drops what need not be written for the last message to be whole; whether it then is. What was not released
    /// is never written.
    pub(super) fn cut(&mut self) -> bool {
        let whole = self.begun <= self.ready;
        self.ready = if whole { self.begun } else { 0 };
        self.data.truncate(self.ready);
        self.at = self.ready;
        whole
    }

    /// Appends a message of the gateway's own. Nothing else may follow.
    pub(super) fn append(&mut self, write: impl FnOnce(&mut BytesMut)) {
        self.data.truncate(self.ready);
        write(&mut self.data);
        self.ready = self.data.len();
        self.at = self.ready;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BufMut;

    fn lane(messages: &[&[u8]]) -> Lane {
        let mut data = BytesMut::new();
        for message in messages {
            data.put_u8(b'd');
            data.put_u32(u32::try_from(message.len()).unwrap() + 4);
            data.extend_from_slice(message);
        }
        Lane::new(data)
    }

    #[test]
    fn only_released_bytes_leave() {
        let mut lane = lane(&[b"abc", b"de"]);
        lane.accept(8);
        assert_eq!(lane.ready(), b"");
        lane.release(2);
        assert_eq!(lane.ready().len(), 6);
        lane.release(0);
        lane.written(3);
        assert_eq!(lane.ready().len(), 5);
        assert_eq!(lane.rest().len(), 7);
    }

    #[test]
    fn replaced_messages_keep_their_place() {
        let mut lane = lane(&[b"abc", b"de", b"f"]);
        lane.accept(8);
        lane.replace(7, b"XYZ");
        lane.accept(6);
        lane.release(0);
        assert_eq!(lane.ready(), b"d\0\0\0\x07abcXYZd\0\0\0\x05f");
    }

    #[test]
    fn a_cut_ends_at_a_message() {
        for written in 0..=15 {
            let mut lane = lane(&[b"abc", b"de"]);
            lane.accept(15);
            lane.release(0);
            lane.written(written);
            assert!(lane.cut());
            let whole = match written {
                0 | 8 | 15 => 0,
                1..8 => 8 - written,
                _ => 15 - written,
            };
            assert_eq!(lane.ready().len(), whole, "{written}");
        }
        let mut part = Lane::new(BytesMut::from(&b"d\0\0\0\x09ab"[..]));
        part.stream(5);
        part.pass(2);
        part.release(0);
        part.written(6);
        assert!(!part.cut(), "a message whose end is not there cannot be ended");
    }
}
