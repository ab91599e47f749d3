//! Event ids seen recently, by hash, in bounded memory.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Two generations of ids: when the younger is full the older is dropped, so that between one and two generations
/// are remembered.
#[derive(Debug)]
pub(crate) struct Recent {
    bound: usize,
    younger: HashSet<u64>,
    older: HashSet<u64>,
}

impl Recent {
    /// Remembers at least `bound` ids.
    #[must_use]
    pub(crate) fn new(bound: usize) -> Self {
        Self { bound: bound.max(1), younger: HashSet::new(), older: HashSet::new() }
    }

    /// Whether this id is new; from now on it is not.
    pub(crate) fn admit(&mut self, id: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let hash = hasher.finish();
        if self.older.contains(&hash) || !self.younger.insert(hash) {
            return false;
        }
        if self.younger.len() >= self.bound {
            self.older = std::mem::take(&mut self.younger);
        }
        true
    }
}
