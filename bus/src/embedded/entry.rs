//! A record as it lies in the store: the writer's count and chain, the key, the envelope. Pure.
//!
//! Layout: count (u64), length of the key (u32), the chain's head (32 bytes), key, envelope; integers little endian.
//! The store's key is the offset (u64, big endian), so that the store's order is the topic's. Count and head are those
//! of the last stamped record of the topic up to and including this one, so that the newest record alone tells where
//! both go on. The highest bit of the length says that there is a head: builds that knew no chains wrote none.

use interdict_schemas::Digest;

/// Bytes before the key.
const FIXED: usize = 12;

/// In the length of the key: a head comes before it.
const CHAINED: u32 = 1 << 31;

/// A stored record, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// The count of stamped records so far.
    pub(super) count: u64,
    /// The chain's head after it; absent where a build without chains wrote it.
    pub(super) head: Option<Digest>,
    /// The record's key.
    pub(super) key: &'a str,
    /// The encoded envelope.
    pub(super) envelope: &'a [u8],
}

/// Starts an entry: the envelope's bytes are to be appended to it.
pub(super) fn begin(count: u64, head: &Digest, key: &str, capacity: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FIXED + head.0.len() + key.len() + capacity);
    bytes.extend_from_slice(&count.to_le_bytes());
    // A key is far below 2 GiB: the size of the whole record is checked before.
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX) | CHAINED;
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&head.0);
    bytes.extend_from_slice(key.as_bytes());
    bytes
}

/// Takes an entry apart; nothing if it is not one.
pub(super) fn parse(bytes: &[u8]) -> Option<Entry<'_>> {
    let (count, rest) = bytes.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length);
    let (head, rest) = if length & CHAINED == 0 {
        (None, rest)
    } else {
        let (head, rest) = rest.split_first_chunk::<32>()?;
        (Some(Digest(*head)), rest)
    };
    let (key, envelope) = rest.split_at_checked(usize::try_from(length & !CHAINED).ok()?)?;
    Some(Entry { count: u64::from_le_bytes(*count), head, key: std::str::from_utf8(key).ok()?, envelope })
}

/// The offset a store's key stands for; nothing if it is not one.
pub(super) fn offset(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entry_reads_back(count: u64, head: [u8; 32], key: String, envelope: Vec<u8>) {
            let head = Digest(head);
            let mut bytes = begin(count, &head, &key, envelope.len());
            bytes.extend_from_slice(&envelope);
            prop_assert_eq!(parse(&bytes), Some(Entry { count, head: Some(head), key: &key, envelope: &envelope }));
        }

        #[test]
        fn entry_of_a_build_without_chains_reads_back(count: u64, key: String, envelope: Vec<u8>) {
            let mut bytes = count.to_le_bytes().to_vec();
            bytes.extend_from_slice(&(key.len() as u32).to_le_bytes());
            bytes.extend_from_slice(key.as_bytes());
            bytes.extend_from_slice(&envelope);
            prop_assert_eq!(parse(&bytes), Some(Entry { count, head: None, key: &key, envelope: &envelope }));
        }

        #[test]
        fn any_bytes_are_parsed_without_a_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
