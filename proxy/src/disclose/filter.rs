//! Where a word may begin. Pure; says "perhaps", and never misses one.
//!
//! Most positions of most responses begin no word. A word begins after a byte that belongs to none or to an escape, so
//! those positions are picked out of 64 bytes together; of their first bytes a bitmap knows whether any word has them
//! (one load, one multiplication).

use super::block::{BLOCK, rare, row};
use super::bound::LEFT;

/// log2 of the bits in the bitmap: 32 KiB, which stays in the first cache level.
const BITS: u32 = 18;
/// Sets the bit that tells ASCII upper from lower case. Folds some other bytes too: the automaton decides.
const FOLD: u32 = 0x2020_2020;

/// What all words have in common.
#[derive(Debug)]
pub(super) struct Filter {
    bitmap: Vec<u64>,
    /// How many first bytes the bitmap looks at: all four, or three if a word is so short.
    mask: u32,
    /// Which bytes begin a word; asked where fewer than four bytes are there.
    first: [bool; 256],
    /// All bits, if a word begins with a byte that does not join words, such as `$`; else none.
    strange: u64,
    /// Bytes of the shortest word; none if a word is not ASCII.
    shortest: Option<usize>,
}

impl Filter {
    /// From lower-case words of at least three bytes.
    pub(super) fn new(words: &[String]) -> Self {
        let short = words.iter().any(|word| word.len() < 4);
        let strange = words.iter().any(|word| !word.bytes().next().is_some_and(joins));
        let shortest =
            if words.iter().all(|word| word.is_ascii()) { words.iter().map(String::len).min() } else { None };
        let mut filter = Self {
            bitmap: vec![0; 1 << (BITS - 6)],
            mask: if short { 0x00ff_ffff } else { u32::MAX },
            first: [false; 256],
            strange: if strange { u64::MAX } else { 0 },
            shortest,
        };
        for word in words {
            let mut start = [0; 4];
            for (to, from) in start.iter_mut().zip(word.bytes()) {
                *to = from;
            }
            filter.insert(start);
        }
        filter
    }

    fn insert(&mut self, start: [u8; 4]) {
        let bit = self.slot(start);
        if let Some(cell) = self.bitmap.get_mut(bit >> 6) {
            *cell |= 1 << (bit & 63);
        }
        let [lower, ..] = start;
        for byte in [lower, lower.to_ascii_uppercase()] {
            if let Some(first) = self.first.get_mut(usize::from(byte)) {
                *first = true;
            }
        }
    }

    /// Bytes of the shortest word; none if a word is not ASCII.
    pub(super) const fn shortest(&self) -> Option<usize> {
        self.shortest
    }

    /// Whether a byte of a range begins a word.
    pub(super) fn has_first(&self, from: u8, to: u8) -> bool {
        self.first.get(usize::from(from)..=usize::from(to)).is_some_and(|range| range.contains(&true))
    }

    /// The next position at which a word may begin; the length if there is none.
    pub(super) fn candidate(&self, text: &[u8], from: usize) -> usize {
        let mut at = from;
        // Which of the next bytes may follow an escape, and whether the first one is joined. Of those before the first
        // block neither is known, so that all may begin a word.
        let (mut escaped, mut joined) = ((1 << LEFT) - 1, 0);
        while let Some(bytes) = text.get(at..).and_then(|rest| rest.first_chunk::<{ BLOCK + 3 }>())
            && let Some(block) = bytes.first_chunk::<BLOCK>()
        {
            let joins = row(block, joins);
            let escape = rare(block, |byte| (byte == b'\\') | (byte == b'%'));
            // `\n`, `%2F` and `\u003c`.
            let ended = escape << 2 | escape << 3 | escape << 6;
            let mut starts = (!(joins << 1 | joined) | escaped | ended) & (joins | self.strange);
            while starts != 0 {
                let start = starts.trailing_zeros() as usize;
                if bytes.get(start..).and_then(|rest| rest.first_chunk()).is_some_and(|first| self.has(*first)) {
                    return at + start;
                }
                starts &= starts - 1;
            }
            escaped = escape >> (BLOCK - 2) | escape >> (BLOCK - 3) | escape >> (BLOCK - 6);
            joined = joins >> (BLOCK - 1);
            at += BLOCK;
        }
        let rest = text.get(at..).unwrap_or_default();
        let windows = rest.len().saturating_sub(3);
        let whole = rest.windows(4).position(|window| self.has(window.try_into().unwrap_or_default()));
        let begun = || rest.iter().skip(windows).position(|byte| self.has_first(*byte, *byte));
        at + whole.or_else(|| begun().map(|start| windows + start)).unwrap_or(rest.len())
    }

    /// Whether a word may have these first bytes.
    fn has(&self, first: [u8; 4]) -> bool {
        let bit = self.slot(first);
        self.bitmap.get(bit >> 6).is_some_and(|cell| cell >> (bit & 63) & 1 == 1)
    }

    /// The bitmap's bit for a word's first bytes.
    const fn slot(&self, first: [u8; 4]) -> usize {
        let bytes = (u32::from_le_bytes(first) | FOLD) & self.mask;
        (bytes.wrapping_mul(0x9e37_79b1) >> (32 - BITS)) as usize
    }
}

/// Whether a word of any kind goes on after this byte.
fn joins(byte: u8) -> bool {
    ((byte | 0x20).wrapping_sub(b'a') < 26) | (byte.wrapping_sub(b'0') < 10) | (byte == b'_')
}
