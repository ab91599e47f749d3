//! A record as it lies in the store: the writer's count, the key, the envelope. Pure.
//!
//! Layout: count (u64), length of the key (u32), key, envelope; integers little endian. The store's key is the offset
//! (u64, big endian), so that the store's order is the topic's. The count is that of the last stamped record of the
//! topic up to and including this one, so that the newest record alone tells where the count goes on.

/// Bytes before the key.
const HEAD: usize = 12;

/// A stored record, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// The count of stamped records so far.
    pub(super) count: u64,
    /// The record's key.
    pub(super) key: &'a str,
    /// The encoded envelope.
    pub(super) envelope: &'a [u8],
}

/// Starts an entry: the envelope's bytes are to be appended to it.
pub(super) fn begin(count: u64, key: &str, capacity: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + key.len() + capacity);
    bytes.extend_from_slice(&count.to_le_bytes());
    // A key is far below 4 GiB: the size of the whole record is checked before.
    bytes.extend_from_slice(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(key.as_bytes());
    bytes
}

/// Takes an entry apart; nothing if it is not one.
pub(super) fn parse(bytes: &[u8]) -> Option<Entry<'_>> {
    let (count, rest) = bytes.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (key, envelope) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    Some(Entry { count: u64::from_le_bytes(*count), key: std::str::from_utf8(key).ok()?, envelope })
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
        fn entry_reads_back(count: u64, key: String, envelope: Vec<u8>) {
            let mut bytes = begin(count, &key, envelope.len());
            bytes.extend_from_slice(&envelope);
            prop_assert_eq!(parse(&bytes), Some(Entry { count, key: &key, envelope: &envelope }));
        }

        #[test]
        fn any_bytes_are_parsed_without_a_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
