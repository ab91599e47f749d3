//! A bounded set of things that an actor meets: machines, accounts. Each is the first 43 bits of a fingerprint with how
//! often it was met, up to 31 times, and the day it last was, 8 bytes; beyond the bound the one not met for longest goes.
//! Two of a hundred things that one actor meets are taken for one another once in 10^9 actors.

use crate::few::Few;
use crate::fingerprint::Fingerprint;
use serde::{Deserialize, Serialize};

/// Something compared, above how often and the day it was last met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Met(u64);

/// Bits of the day, and of the count above it.
const DAY: u32 = 16;
const COUNT: u32 = 5;
const MOST: u64 = (1 << COUNT) - 1;

const fn compared(what: Fingerprint) -> u64 {
    what >> (DAY + COUNT)
}

impl Met {
    const fn new(what: u64, count: u64, day: u16) -> Self {
        Self(what << (DAY + COUNT) | count << DAY | day as u64)
    }

    const fn what(self) -> u64 {
        self.0 >> (DAY + COUNT)
    }

    const fn count(self) -> u64 {
        self.0 >> DAY & MOST
    }

    const fn last(self) -> u16 {
        (self.0 & u16::MAX as u64) as u16
    }

    fn again(self, day: u16) -> Self {
        Self::new(self.what(), (self.count() + 1).min(MOST), day.max(self.last()))
    }
}

/// A bounded set of things met. Kept sorted by what they are.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Acquaintances(Few<Met>);

impl Acquaintances {
    fn find(&self, what: Fingerprint) -> Result<usize, usize> {
        self.0.binary_search_by_key(&compared(what), |met| met.what())
    }

    /// Looks at them.
    pub(crate) fn touch(&self) -> usize {
        self.0.get(self.0.len() / 2).map_or(0, |met| met.0 as usize)
    }

    /// Whether it was met.
    #[must_use]
    pub fn knows(&self, what: Fingerprint) -> bool {
        self.find(what).is_ok()
    }

    /// How often it was met, up to 31 times.
    #[must_use]
    pub fn count(&self, what: Fingerprint) -> u64 {
        self.find(what).ok().and_then(|at| self.0.get(at)).map_or(0, |met| met.count())
    }

    /// Takes note of it; beyond `bound` the one not met for longest goes.
    pub fn meet(&mut self, what: Fingerprint, day: u16, bound: usize) {
        match self.find(what) {
            Ok(at) => {
                if let Some(met) = self.0.get_mut(at) {
                    *met = met.again(day);
                }
            }
            Err(mut at) => {
                if self.0.len() >= bound
                    && let Some(oldest) = (0..self.0.len()).min_by_key(|at| self.0.get(*at).map(|met| met.last()))
                {
                    self.0.remove(oldest);
                    at -= usize::from(oldest < at);
                }
                self.0.insert(at, Met::new(compared(what), 1, day));
            }
        }
    }

    /// Forgets what was not met since `cut`.
    pub(crate) fn age(&mut self, cut: u16) {
        self.0.retain(|met| met.last() >= cut);
    }

    /// Bytes behind it.
    pub(crate) fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meetings_are_counted_and_the_oldest_goes() {
        let mut met = Acquaintances::default();
        let [one, other, third] = [1_u64, 2, 3].map(|n| n << 40 | 0xfffff);
        (0..40).for_each(|day| met.meet(one, day, 2));
        met.meet(other, 50, 2);
        assert_eq!((met.count(one), met.count(other), met.count(third)), (31, 1, 0));
        met.meet(third, 60, 2);
        assert!(!met.knows(one) && met.knows(other) && met.knows(third));
        met.age(55);
        assert!(!met.knows(other) && met.knows(third));
    }
}
