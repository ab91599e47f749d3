//! The bytes of records that were read, many in one piece of memory: by itself each would cost an allocation, of memory
//! that nobody has touched before.

use crate::{Position, Record};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

/// Bytes of a piece. It stays as long as one of its records does.
const PIECE: usize = 256 << 10;

/// Where the next record's bytes go.
#[derive(Debug, Default)]
pub(crate) struct Pack(BytesMut);

impl Pack {
    /// A record with this key and value; nothing if the key is not UTF-8.
    pub(crate) fn record(&mut self, position: Position, key: &[u8], value: &[u8]) -> Option<Record> {
        let size = key.len() + value.len();
        if self.0.capacity() < size {
            self.0 = BytesMut::with_capacity(size.max(PIECE));
        }
        self.0.extend_from_slice(key);
        self.0.extend_from_slice(value);
        let mut value: Bytes = self.0.split().freeze();
        let key = ByteString::try_from(value.split_to(key.len())).ok()?;
        Some(Record { position, key, value })
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
}
