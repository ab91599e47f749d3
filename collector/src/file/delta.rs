//! Texts of which neighbours begin alike (Parquet format, Encodings, "Delta Strings"): of each how much it shares with the
//! one before, how long the rest is, and the rest. A text that stands there many times takes hardly a bit each time.

/// Numbers that are packed with one least difference, and those of them with one width.
const BLOCK: usize = 128;
const PART: usize = 32;

/// Texts that are being written.
#[derive(Default)]
pub(super) struct Deltas<'a> {
    last: &'a [u8],
    shared: Vec<u32>,
    rests: Vec<u32>,
    bytes: Vec<u8>,
    /// Bytes that a reader makes of them.
    pub(super) whole: usize,
}

impl<'a> Deltas<'a> {
    /// Appends a text so many times.
    pub(super) fn put(&mut self, text: &'a [u8], times: usize) {
        if times == 0 {
            return;
        }
        let shared = text.iter().zip(self.last).take_while(|(one, other)| one == other).count();
        let rest = text.get(shared..).unwrap_or_default();
        self.shared.push(length(shared));
        self.rests.push(length(rest.len()));
        self.bytes.extend_from_slice(rest);
        self.shared.extend(std::iter::repeat_n(length(text.len()), times - 1));
        self.rests.extend(std::iter::repeat_n(0, times - 1));
        self.whole += text.len() * times;
        self.last = text;
    }

    /// Bytes so far, about.
    pub(super) const fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Everything.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + self.shared.len());
        pack(&self.shared, &mut out);
        pack(&self.rests, &mut out);
        out.extend_from_slice(&self.bytes);
        out
    }
}

/// Columns of a batch are below 2 GiB.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Numbers as differences, packed bit by bit (Parquet format, Encodings, "Delta Encoding").
fn pack(numbers: &[u32], out: &mut Vec<u8>) {
    put(BLOCK as u64, out);
    put((BLOCK / PART) as u64, out);
    put(numbers.len() as u64, out);
    put(zigzag(numbers.first().copied().unwrap_or_default().into()), out);
    let pairs = numbers.iter().zip(numbers.iter().skip(1));
    let deltas: Vec<i64> = pairs.map(|(one, next)| i64::from(*next) - i64::from(*one)).collect();
    for block in deltas.chunks(BLOCK) {
        let least = block.iter().min().copied().unwrap_or_default();
        put(zigzag(least), out);
        let above = |delta: &i64| (delta - least).unsigned_abs();
        let mut widths = [0; BLOCK / PART];
        for (width, part) in widths.iter_mut().zip(block.chunks(PART)) {
            let most = part.iter().map(above).max().unwrap_or_default();
            *width = (u64::BITS - most.leading_zeros()) as u8;
        }
        out.extend_from_slice(&widths);
        for (width, part) in widths.into_iter().zip(block.chunks(PART)) {
            // What is missing of a part is written as nothing above the least.
            let (mut bits, mut count) = (0_u128, 0_u32);
            for above in part.iter().map(above).chain(std::iter::repeat(0)).take(PART) {
                bits |= u128::from(above) << count;
                count += u32::from(width);
                while count >= 8 {
                    out.push((bits & 0xff) as u8);
                    bits >>= 8;
                    count -= 8;
                }
            }
        }
    }
}

const fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

fn put(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
