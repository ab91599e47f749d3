//! The bytes of records that were read, many in one piece of memory: by itself each would cost an allocation. Pieces whose
//! records are gone are written again: memory that nobody has touched before costs more than what is written to it.

use crate::{Position, Record};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use std::collections::VecDeque;

/// Bytes of a piece. It stays as long as one of its records does.
const PIECE: usize = 256 << 10;

/// Pieces that are kept to be written again: 64 MiB of them, and of more the oldest are let go.
const KEPT: usize = 256;

/// Where the next record's bytes go.
#[derive(Debug)]
pub(crate) struct Pack {
    piece: BytesMut,
    /// The ends of those that are full, the oldest first.
    full: VecDeque<BytesMut>,
}

impl Default for Pack {
    fn default() -> Self {
        Self { piece: BytesMut::with_capacity(PIECE), full: VecDeque::new() }
    }
}

impl Pack {
    /// A record with this key and value; nothing if the key is not UTF-8.
    pub(crate) fn record(&mut self, position: Position, key: &[u8], value: &[u8]) -> Option<Record> {
        let mut value = self.bytes(key, value);
        let key = ByteString::try_from(value.split_to(key.len())).ok()?;
        Some(Record { position, key, value })
    }

    /// A piece that nobody reads any more: the oldest mostly, and where one record of it is kept for long, the next.
    fn free(&mut self) -> Option<BytesMut> {
        for _ in 0..2 {
            let mut oldest = self.full.pop_front()?;
            if oldest.try_reclaim(PIECE) {
                return Some(oldest);
            }
            self.full.push_back(oldest);
        }
        None
    }

    fn bytes(&mut self, key: &[u8], value: &[u8]) -> Bytes {
        let size = key.len() + value.len();
        if size > PIECE {
            return [key, value].concat().into();
        }
        if self.piece.capacity() < size {
            let next = self.free().unwrap_or_else(|| BytesMut::with_capacity(PIECE));
            if self.full.len() == KEPT {
                self.full.pop_front();
            }
            self.full.push_back(std::mem::replace(&mut self.piece, next));
        }
        self.piece.extend_from_slice(key);
        self.piece.extend_from_slice(value);
        self.piece.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_out_as_they_went_in_whatever_their_size() {
        let mut pack = Pack::default();
        let sizes = [0, 1, 7, PIECE - 8, PIECE, 1, 2 * PIECE, 0, 3];
        let value = |at: usize, size: usize| vec![u8::try_from(at).expect("few"); size];
        let records: Vec<Record> = sizes
            .iter()
            .enumerate()
            .map(|(at, size)| {
                let position = Position { partition: 3, offset: at as u64 };
                pack.record(position, format!("key {at}").as_bytes(), &value(at, *size)).expect("a key of text")
            })
            .collect();
        for (at, (record, size)) in records.iter().zip(sizes).enumerate() {
            assert_eq!(record.position, Position { partition: 3, offset: at as u64 });
            assert_eq!(record.key, format!("key {at}"));
            assert_eq!(record.value, value(at, size));
        }
        assert!(pack.record(Position { partition: 0, offset: 0 }, b"\xff", b"").is_none());
    }

    #[test]
    fn a_piece_is_written_again_once_its_records_are_gone_and_not_before() {
        let (mut pack, half) = (Pack::default(), vec![7; PIECE / 2]);
        let mut record = || pack.record(Position { partition: 0, offset: 0 }, b"", &half).expect("a key of text");
        let first = [record(), record()];
        let place = |record: &Record| record.value.as_ptr();
        let (held, freed) = (place(&first[0]), place(&first[1]));
        let second = [record(), record()];
        assert!(second.iter().all(|record| ![held, freed].contains(&place(record))), "the first is still read");
        let [kept, gone] = first;
        drop(gone);
        let third = [record(), record()];
        assert!(third.iter().all(|record| ![held, freed].contains(&place(record))), "half of it is still read");
        assert!(kept.value.iter().all(|byte| *byte == 7));
        drop(kept);
        assert_eq!([place(&record()), place(&record())], [held, freed]);
    }

    #[test]
    fn what_is_kept_is_bounded_and_does_not_grow_beside_a_slow_reader() {
        let (mut pack, whole) = (Pack::default(), vec![0; PIECE]);
        let mut held = VecDeque::new();
        for offset in 0..4 * KEPT as u64 {
            held.push_back(pack.record(Position { partition: 0, offset }, b"", &whole).expect("a key of text"));
            if held.len() > 3 {
                held.pop_front();
            }
        }
        assert!(pack.full.len() <= 5, "{} kept beside 3 in use", pack.full.len());
        held.clear();
        let pinned = pack.record(Position { partition: 0, offset: 0 }, b"", &whole).expect("a key of text");
        for offset in 0..4 * KEPT as u64 {
            drop(pack.record(Position { partition: 0, offset }, b"", &whole).expect("a key of text"));
        }
        assert!(pack.full.len() <= 8, "{} kept beside one that stays", pack.full.len());
        drop(pinned);
        for offset in 0..8 + KEPT as u64 {
            held.push_back(pack.record(Position { partition: 0, offset }, b"", &whole).expect("a key of text"));
        }
        assert!(pack.full.len() <= KEPT, "{} kept", pack.full.len());
    }
}
