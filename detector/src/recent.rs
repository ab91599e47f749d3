//! Event ids seen recently, by hash, in bounded memory.

use crate::fingerprint;
use std::collections::HashSet;

type Set = HashSet<u64, foldhash::fast::RandomState>;

/// Two generations of ids: when the younger is full the older is dropped, so that between one and two generations
/// are remembered.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Recent {
    bound: usize,
    younger: Set,
    older: Set,
}

impl Recent {
    /// Remembers at least `bound` ids.
    #[must_use]
    pub(crate) fn new(bound: usize) -> Self {
        Self { bound: bound.max(1), younger: Set::default(), older: Set::default() }
    }

    /// The same ids; from now on at least `bound` are remembered.
    #[must_use]
    pub(crate) fn within(self, bound: usize) -> Self {
        Self { bound: bound.max(1), ..self }
    }

    /// Bytes held, about.
    pub(crate) fn bytes(&self) -> usize {
        (self.younger.capacity() + self.older.capacity()) * 9
    }

    /// Whether this id is new; from now on it is not.
    pub(crate) fn admit(&mut self, id: &str) -> bool {
        let hash = fingerprint::of(id);
        if self.older.contains(&hash) || !self.younger.insert(hash) {
            return false;
        }
        if self.younger.len() >= self.bound {
            // Its room is kept: it will be needed again.
            std::mem::swap(&mut self.older, &mut self.younger);
            self.younger.clear();
        }
        true
    }
}
