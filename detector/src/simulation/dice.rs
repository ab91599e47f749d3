//! Chance that is the same everywhere: whole numbers alone, so that no processor's floating point has a say, and no
//! distribution of a library that may change.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

/// Draws in an order.
#[derive(Debug)]
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// Streams of one seed do not know of each other: what one draws changes nothing in another.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Any 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// From 0 to `end - 1`; 0 if `end` is 0.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        let wide = u64::from(self.0.next_u32()) * u64::from(end);
        u32::try_from(wide >> 32).unwrap_or_default()
    }

    /// From `low` to `high`, both included; every octave is about as likely as the next, as with waits and sizes.
    pub(super) fn spread(&mut self, low: u32, high: u32) -> u32 {
        let low = low.max(1);
        let octaves = (high / low).max(1).ilog2() + 1;
        let base = low.checked_shl(self.below(octaves)).unwrap_or(high);
        base.saturating_add(self.below(base)).min(high.max(low))
    }

    /// From `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1)))
    }

    /// True in so many of a hundred cases.
    pub(super) fn percent(&mut self, share: u32) -> bool {
        self.below(100) < share
    }

    /// From 0 to `end - 1`, small numbers more often: half of all draws are in the first eighth.
    pub(super) fn skewed(&mut self, end: u32) -> u32 {
        let draw = u64::from(self.0.next_u32());
        let cube = (((draw * draw) >> 32) * draw) >> 32;
        u32::try_from((cube * u64::from(end)) >> 32).unwrap_or_default()
    }

    /// One of these.
    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(u32::try_from(of.len()).unwrap_or(u32::MAX)) as usize)
    }
}

/// A property that stays: the same numbers always give the same 64 bits. So a population of any size needs no memory.
pub(super) const fn mix(seed: u64, one: u64, two: u64) -> u64 {
    let first = scramble(seed ^ one.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    scramble(first ^ two.wrapping_mul(0xd1b5_4a32_d192_ed03))
}

/// `bits` as a number from 0 to `end - 1`.
pub(super) fn share(bits: u64, end: u32) -> u32 {
    u32::try_from(((bits >> 32) * u64::from(end)) >> 32).unwrap_or_default()
}

// Shifts and odd factors are each reversible, so no two inputs fall together.
const fn scramble(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
