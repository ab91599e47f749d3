//! A bounded set of things that an actor meets: machines, accounts. Each is a fingerprint with the day it was last met
//! and how often, 16 bytes; beyond the bound the one not met for longest goes.

use crate::fingerprint::Fingerprint;

/// Something compared, with the day it was last met. Kept sorted by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Met {
    what: Fingerprint,
    last: u16,
    count: u16,
}

/// A bounded set of things met.
#[derive(Debug, Default)]
pub struct Acquaintances(Vec<Met>);

impl Acquaintances {
    /// How often it was met.
    #[must_use]
    pub fn count(&self, what: Fingerprint) -> u16 {
        self.0
            .binary_search_by_key(&what, |met| met.what)
            .ok()
            .and_then(|at| self.0.get(at))
            .map_or(0, |met| met.count)
    }

    /// Whether it was met.
    #[must_use]
    pub fn knows(&self, what: Fingerprint) -> bool {
        self.count(what) > 0
    }

    /// Takes note of it; beyond `bound` the one not met for longest goes.
    pub fn meet(&mut self, what: Fingerprint, day: u16, bound: usize) {
        match self.0.binary_search_by_key(&what, |met| met.what) {
            Ok(at) => {
                if let Some(met) = self.0.get_mut(at) {
                    met.count = met.count.saturating_add(1);
                    met.last = met.last.max(day);
                }
            }
            Err(mut at) => {
                if self.0.len() >= bound
                    && let Some(oldest) = (0..self.0.len()).min_by_key(|at| self.0.get(*at).map(|met| met.last))
                {
                    self.0.remove(oldest);
                    at -= usize::from(oldest < at);
                }
                self.0.insert(at, Met { what, last: day, count: 1 });
            }
        }
    }

    /// Forgets what was not met since `cut`.
    pub(crate) fn age(&mut self, cut: u16) {
        self.0.retain(|met| met.last >= cut);
        self.0.shrink_to(self.0.len() * 2);
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Met>()
    }
}
