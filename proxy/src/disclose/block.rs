//! Sixty-four bytes looked at together, because every byte of every response is looked at: what holds of which of them
//! makes the bits of one integer, and a few shifts then say what holds of their neighbours. Pure.

/// Bytes looked at together.
pub(super) const BLOCK: usize = 64;

/// Which bytes something holds of; bit 0 tells of the first. `holds` is to compare, not to look up, nor to branch: a
/// compiler then asks it of many bytes at once.
pub(super) fn row(block: &[u8; BLOCK], holds: impl Fn(u8) -> bool) -> u64 {
    let flags = block.map(|byte| u8::from(holds(byte)));
    let (eights, _) = flags.as_chunks::<8>();
    // The multiplication brings the lowest bits of eight bytes together in the highest byte.
    let bits = eights.iter().map(|eight| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56);
    bits.enumerate().fold(0, |row, (number, bits)| row | bits << (8 * number))
}

/// As [`row`], for what holds of no byte of most blocks.
pub(super) fn rare(block: &[u8; BLOCK], holds: impl Fn(u8) -> bool) -> u64 {
    let any = block.iter().fold(0, |any, byte| any | u8::from(holds(*byte)));
    if any == 0 { 0 } else { row(block, holds) }
}
