//! Where many characters of base64 stand in a row. Pure. Refuses rows too short to be worth decoding.

use super::block::{BLOCK, rare, row};

/// Characters in a row that are decoded, with their padding. Fewer encode few names, and are an ordinary word most of
/// the time.
pub(super) const LONG: usize = 12;
/// As many without their padding.
pub(super) const SHORTEST: usize = LONG - 2;

/// Where long rows begin, and the one that reaches to the end, however short. Sixty-four bytes are looked at together:
/// which of them are characters makes the bits of an integer, and few shifts say which have enough others after them.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    bytes: &'a [u8],
    /// Where the block after the current one begins.
    next: usize,
    /// Which bytes of the current block and of the next one are characters.
    characters: u128,
    /// Which of them are padding.
    padding: u128,
    /// Where in the current block the rows begin that are not told yet.
    starts: u64,
}

impl<'a> Rows<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let mut rows = Self { bytes, next: 0, characters: 0, padding: 0, starts: 0 };
        rows.read();
        rows
    }

    /// Reads the next block. Bytes that are not there yet are taken for characters, so that a row at the end is long.
    fn read(&mut self) {
        let rest = self.bytes.get(self.next..).unwrap_or_default();
        let mut last = [b'A'; BLOCK];
        let block = rest.first_chunk().unwrap_or_else(|| {
            for (to, from) in last.iter_mut().zip(rest) {
                *to = *from;
            }
            &last
        });
        self.characters |= u128::from(row(block, is_character)) << BLOCK;
        self.padding |= u128::from(rare(block, |byte| byte == b'=')) << BLOCK;
    }

    /// Which bytes of the current block have enough characters from them on, or fewer and padding.
    fn long(&self) -> u64 {
        let two = self.characters & self.characters >> 1;
        let four = two & two >> 2;
        let eight = four & four >> 4;
        let padded = self.padding >> SHORTEST | self.padding >> (SHORTEST + 1);
        (eight & (two >> 8) & (four >> 8 | padded)) as u64
    }
}

impl Iterator for Rows<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.starts == 0 {
            if self.next >= self.bytes.len() {
                return None;
            }
            let joined = self.characters as u64 >> (BLOCK - 1);
            self.characters >>= BLOCK;
            self.padding >>= BLOCK;
            self.next += BLOCK;
            self.read();
            let characters = self.characters as u64;
            self.starts = characters & !(characters << 1 | joined) & self.long();
        }
        let start = self.next - BLOCK + self.starts.trailing_zeros() as usize;
        self.starts &= self.starts - 1;
        (start < self.bytes.len()).then_some(start)
    }
}

fn is_character(byte: u8) -> bool {
    let special = (byte == b'+') | (byte == b'-') | (byte == b'_');
    ((byte | 0x20).wrapping_sub(b'a') < 26) | (byte.wrapping_sub(b'/') < 11) | special
}
