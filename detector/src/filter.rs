//! Tells most of what is not in a set without a look at it: a Bloom filter of one hash, one line of the processor's cache.

use crate::fingerprint::Fingerprint;

const WORDS: usize = 8;

/// Bits of what was added; what is taken out of the set is not taken out here.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Filter([u64; WORDS]);

/// The word and the bit of one.
const fn bit(of: Fingerprint) -> (usize, u64) {
    ((of >> 61) as usize, 1 << (of >> 55 & 63))
}

impl Filter {
    pub(crate) fn add(&mut self, one: Fingerprint) {
        let (word, bit) = bit(one);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    /// Whether it may have been added.
    pub(crate) fn may_hold(&self, one: Fingerprint) -> bool {
        let (word, bit) = bit(one);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }
}

impl FromIterator<Fingerprint> for Filter {
    fn from_iter<I: IntoIterator<Item = Fingerprint>>(all: I) -> Self {
        let mut filter = Self::default();
        all.into_iter().for_each(|one| filter.add(one));
        filter
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;
    use crate::fingerprint;

    #[test]
    fn what_was_added_may_be_there_and_most_else_is_not() {
        let all = || (0..50).map(|number| fingerprint::of(("in", number)));
        let filter: Filter = all().collect();
        assert!(all().all(|one| filter.may_hold(one)));
        let others = (0..1000).filter(|number| filter.may_hold(fingerprint::of(("out", number)))).count();
        assert!(others < 200, "{others}");
        assert!((0..8).all(|word| !Filter::default().may_hold(word << 61)));
    }
}
