//! A short list without slack: as long as what is in it, in one allocation. It grows by one at a time, which costs a
//! reallocation where a `Vec` costs none, and is why it is for lists that seldom grow and of which there are millions.

use serde::{Deserialize, Serialize};
use std::ops::{Deref, DerefMut};

/// A short list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Few<T>(Box<[T]>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T> Few<T> {
    /// Puts a value at a place, at most at the end.
    pub(crate) fn insert(&mut self, at: usize, value: T) {
        let mut list = std::mem::take(&mut self.0).into_vec();
        list.reserve_exact(1);
        list.insert(at.min(list.len()), value);
        self.0 = list.into_boxed_slice();
    }

    /// Puts a value at the end.
    pub(crate) fn push(&mut self, value: T) {
        self.insert(usize::MAX, value);
    }

    /// Puts a value at the end; beyond `bound` the first one goes.
    pub(crate) fn push_within(&mut self, value: T, bound: usize) {
        if self.len() < bound {
            return self.push(value);
        }
        if let Some(first) = self.first_mut() {
            *first = value;
            self.rotate_left(1);
        }
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, at: usize) {
        if at < self.len() {
            let mut list = std::mem::take(&mut self.0).into_vec();
            list.remove(at);
            self.0 = list.into_boxed_slice();
        }
    }

    /// Keeps only what `keeps` says. It is asked twice of some.
    pub(crate) fn retain(&mut self, keeps: impl Fn(&T) -> bool) {
        if !self.iter().all(&keeps) {
            let mut list = std::mem::take(&mut self.0).into_vec();
            list.retain(keeps);
            self.0 = list.into_boxed_slice();
        }
    }

    /// Bytes behind it.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Few;

    #[test]
    fn it_is_a_list() {
        let mut few = Few::default();
        few.push(2);
        few.insert(0, 1);
        few.insert(9, 3);
        assert_eq!(*few, [1, 2, 3]);
        few.push_within(4, 3);
        assert_eq!(*few, [2, 3, 4]);
        few.remove(1);
        few.remove(7);
        assert_eq!(*few, [2, 4]);
        few.retain(|value| *value > 2);
        assert_eq!(*few, [4]);
        few.push_within(5, 0);
        assert_eq!(*few, [5]);
    }
}
