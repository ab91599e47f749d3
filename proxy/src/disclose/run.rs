//! One run of base64: how far it is decoded, and how its lines are broken. Pure.

use super::alphabet;
use super::filter::Filter;
use super::rows::{LONG, SHORTEST};

/// Columns of a full line, after which a run may go on in the next: Ruby's `pack`; PEM (RFC 7468 section 2); OpenSSH's
/// keys and Go's YAML; MIME (RFC 2045 section 6.8), and so coreutils' `base64` and PostgreSQL's `encode`.
const WRAPS: [usize; 4] = [60, 64, 70, 76];
/// Bytes of a break at most: an end of line, perhaps escaped more than once, and the next line's indentation.
const MAX_BREAK: usize = 32;

/// A run that may go on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Run {
    /// Characters so far.
    length: usize,
    /// Of these, those of the current line.
    line: usize,
    /// What the characters stand for since bytes and characters last ended together.
    bits: u32,
    /// Bytes of the widest break so far.
    widest: usize,
}

/// The bytes between two lines, as far as they came.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Break {
    bytes: usize,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, Default)]
enum Stage {
    /// Before the end of line.
    #[default]
    Before,
    /// After a backslash.
    Escape,
    /// In the next line's indentation.
    After,
}

/// What a byte is to the break that it follows.
#[derive(Debug)]
pub(super) enum Step {
    /// Part of it.
    Break(Break),
    /// The next line's first character.
    Line,
    /// Neither; the run was over with its line.
    End {
        /// Whether the byte follows a backslash.
        escaped: bool,
    },
}

impl Run {
    /// Whether it is decoded whatever follows.
    pub(super) const fn is_long(&self) -> bool {
        self.length >= LONG
    }

    /// The run with its padding, which counts.
    pub(super) const fn padded(self) -> Self {
        let length = if self.length < SHORTEST { self.length } else { self.length.next_multiple_of(4) };
        Self { length, ..self }
    }

    /// Whether it may go on after a byte that is no character.
    pub(super) fn breaks(&self, next: u8) -> bool {
        matches!(next, b'\r' | b'\n' | b'\\') && WRAPS.contains(&self.line)
    }

    /// The run in its next line.
    pub(super) fn next_line(self, after: Break) -> Self {
        Self { line: 0, widest: self.widest.max(after.bytes), ..self }
    }

    /// Decodes up to the first byte that is no character; how many characters. A byte is written with its last bit.
    pub(super) fn decode(&mut self, bytes: &[u8], to: &mut Vec<u8>) -> usize {
        let mut rest = bytes;
        while let [next, ..] = rest
            && let Some(value) = alphabet::value(*next)
        {
            let many = if self.length.is_multiple_of(4) { alphabet::decode(rest, to) } else { 0 };
            if many == 0 {
                self.push(value, to);
            }
            let read = many.max(1);
            self.length += read;
            self.line += read;
            rest = rest.get(read..).unwrap_or_default();
        }
        bytes.len() - rest.len()
    }

    fn push(&mut self, value: u32, to: &mut Vec<u8>) {
        self.bits = self.bits << 6 | value;
        let byte = match self.length % 4 {
            0 => return,
            1 => self.bits >> 4,
            2 => self.bits >> 2,
            _ => std::mem::take(&mut self.bits),
        };
        to.push(byte as u8);
    }

    /// How many bytes of the response the last `open` bytes decoded take at most, and the break after them; of a byte
    /// that is not whole yet one, if it may begin a word.
    pub(super) fn pending(&self, open: usize, after: Option<Break>, filter: &Filter) -> usize {
        let characters = match open {
            0 if self.may_begin(filter) => 1,
            0 => return 0,
            // A character has six bits of a byte's eight; one more where the first and the last are shared.
            open => ((4 * open).div_ceil(3) + 1).min(self.length),
        };
        let [narrowest, ..] = WRAPS;
        let breaks = characters / narrowest + 1;
        characters + breaks * self.widest + after.map_or(0, |after| after.bytes)
    }

    /// Whether the bits that make no whole byte yet may begin a word.
    fn may_begin(&self, filter: &Filter) -> bool {
        let missing = 2 * (self.length % 4);
        let lowest = (self.bits << missing) as u8;
        missing > 0 && filter.has_first(lowest, lowest | ((1 << missing) - 1))
    }
}

impl Break {
    /// Reads the next byte.
    pub(super) fn step(self, next: u8) -> Step {
        let stage = match (self.stage, next) {
            (Stage::Before, b'\r') | (Stage::Escape, b'r') => Stage::Before,
            (Stage::Before | Stage::Escape, b'\\') => Stage::Escape,
            (Stage::Before, b'\n') | (Stage::Escape, b'n') | (Stage::After, b' ' | b'\t') => Stage::After,
            (Stage::After, _) if alphabet::value(next).is_some() => return Step::Line,
            (stage, _) => return Step::End { escaped: matches!(stage, Stage::Escape) },
        };
        let bytes = self.bytes + 1;
        if bytes <= MAX_BREAK {
            Step::Break(Self { bytes, stage })
        } else {
            Step::End { escaped: matches!(self.stage, Stage::Escape) }
        }
    }
}
