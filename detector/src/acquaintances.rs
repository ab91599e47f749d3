//! A bounded set of things that an actor meets: machines, accounts. Each is the first 48 bits of a fingerprint with the
//! day it was last met, 8 bytes; beyond the bound the one not met for longest goes. Two of a thousand things that one
//! actor meets are taken for one another once in 10^9 actors.

use crate::few::Few;
use crate::fingerprint::Fingerprint;
use serde::{Deserialize, Serialize};

/// Something compared, above the day it was last met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Met(u64);

impl Met {
    const DAY: u64 = 0xffff;

    const fn new(what: Fingerprint, day: u16) -> Self {
        Self(what & !Self::DAY | day as u64)
    }

    const fn what(self) -> u64 {
        self.0 >> 16
    }

    const fn last(self) -> u16 {
        (self.0 & Self::DAY) as u16
    }
}

/// A bounded set of things met. Kept sorted by what they are.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Acquaintances(Few<Met>);

impl Acquaintances {
    fn find(&self, what: Fingerprint) -> Result<usize, usize> {
        self.0.binary_search_by_key(&(what >> 16), |met| met.what())
    }

    /// Whether it was met.
    #[must_use]
    pub fn knows(&self, what: Fingerprint) -> bool {
        self.find(what).is_ok()
    }

    /// Takes note of it; beyond `bound` the one not met for longest goes.
    pub fn meet(&mut self, what: Fingerprint, day: u16, bound: usize) {
        match self.find(what) {
            Ok(at) => {
                if let Some(met) = self.0.get_mut(at) {
                    *met = Met::new(what, day.max(met.last()));
                }
            }
            Err(mut at) => {
                if self.0.len() >= bound
                    && let Some(oldest) = (0..self.0.len()).min_by_key(|at| self.0.get(*at).map(|met| met.last()))
                {
                    self.0.remove(oldest);
                    at -= usize::from(oldest < at);
                }
                self.0.insert(at, Met::new(what, day));
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
