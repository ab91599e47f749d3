//! What a name of the extended protocol stands for at the target, although its answers have not come yet. Owns the
//! names of prepared statements or of portals. Refuses to guess: a name whose meaning hangs on an answer still out is
//! reported as unsettled, and more names than the bound are not taken.
//!
//! A Parse of a name that exists fails at the target, and then the older statement keeps it. So a name means what the
//! target has confirmed, or, within the batch that redefined it, the new thing: had that failed, the target would skip
//! the rest of the batch. In a later batch the name is unsettled until the answer is there.

use std::collections::HashMap;

/// What a name stands for now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lookup<'a, T> {
    /// This.
    Known(&'a T),
    /// Nothing that came through here.
    Unknown,
    /// It hangs on an answer that is still out.
    Unsettled,
}

#[derive(Debug)]
struct Slot<T> {
    confirmed: Option<T>,
    newest: Option<T>,
    batch: u64,
    pending: u32,
}

/// Names and what they stand for.
#[derive(Debug)]
pub(super) struct Names<T> {
    slots: HashMap<Box<[u8]>, Slot<T>>,
    most: usize,
}

impl<T: Clone> Names<T> {
    /// At most `most` names.
    pub(super) fn new(most: usize) -> Self {
        Self { slots: HashMap::new(), most }
    }

    /// What `name` stands for to a message of `batch`.
    pub(super) fn lookup(&self, name: &[u8], batch: u64) -> Lookup<'_, T> {
        let Some(slot) = self.slots.get(name) else { return Lookup::Unknown };
        let value = match slot.pending {
            0 => &slot.confirmed,
            _ if slot.batch == batch => &slot.newest,
            _ => return Lookup::Unsettled,
        };
        value.as_ref().map_or(Lookup::Unknown, Lookup::Known)
    }

    /// Whether another name can be taken.
    pub(super) fn has_room(&self, name: &[u8]) -> bool {
        self.slots.len() < self.most || self.slots.contains_key(name)
    }

    /// A message of `batch` was forwarded that makes `name` stand for `value`, or for nothing.
    pub(super) fn request(&mut self, name: &[u8], value: Option<T>, batch: u64) {
        if let Some(slot) = self.slots.get_mut(name) {
            slot.newest = value;
            slot.batch = batch;
            slot.pending += 1;
        } else {
            self.slots.insert(name.into(), Slot { confirmed: None, newest: value, batch, pending: 1 });
        }
    }

    /// The target did what the oldest open request for `name` asked.
    pub(super) fn confirm(&mut self, name: &[u8], value: Option<T>) {
        if let Some(slot) = self.slots.get_mut(name) {
            slot.confirmed = value;
            self.answered(name);
        }
    }

    /// The target did not do it.
    pub(super) fn reject(&mut self, name: &[u8]) {
        self.answered(name);
    }

    fn answered(&mut self, name: &[u8]) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        slot.pending = slot.pending.saturating_sub(1);
        if slot.pending == 0 {
            slot.newest = None;
            if slot.confirmed.is_none() {
                self.slots.remove(name);
            }
        }
    }

    /// The name, or every name, was taken away by other means (DEALLOCATE, the end of a transaction).
    pub(super) fn forget(&mut self, name: Option<&[u8]>) {
        self.slots.retain(|key, slot| {
            if name.is_none_or(|name| name == &**key) {
                slot.confirmed = None;
            }
            slot.pending > 0 || slot.confirmed.is_some()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_what_the_target_confirmed() {
        let mut names = Names::new(10);
        assert_eq!(names.lookup(b"a", 0), Lookup::Unknown);
        names.request(b"a", Some(1), 0);
        assert_eq!(names.lookup(b"a", 0), Lookup::Known(&1), "within its batch");
        assert_eq!(names.lookup(b"a", 1), Lookup::Unsettled, "in the next");
        names.confirm(b"a", Some(1));
        assert_eq!(names.lookup(b"a", 1), Lookup::Known(&1));
        names.request(b"a", Some(2), 1);
        names.reject(b"a");
        assert_eq!(names.lookup(b"a", 2), Lookup::Known(&1), "a failed redefinition changes nothing");
        names.request(b"a", None, 2);
        assert_eq!(names.lookup(b"a", 2), Lookup::Unknown);
        names.confirm(b"a", None);
        assert!(names.slots.is_empty());
    }

    #[test]
    fn answers_settle_in_order() {
        let mut names = Names::new(10);
        names.request(b"a", Some(1), 0);
        names.request(b"a", Some(2), 1);
        names.confirm(b"a", Some(1));
        assert_eq!(names.lookup(b"a", 1), Lookup::Known(&2));
        assert_eq!(names.lookup(b"a", 2), Lookup::Unsettled);
        names.reject(b"a");
        assert_eq!(names.lookup(b"a", 2), Lookup::Known(&1));
    }

    #[test]
    fn names_are_bounded_and_forgotten() {
        let mut names = Names::new(1);
        names.request(b"a", Some(1), 0);
        names.confirm(b"a", Some(1));
        assert!(names.has_room(b"a") && !names.has_room(b"b"));
        names.forget(Some(b"a"));
        assert_eq!(names.lookup(b"a", 0), Lookup::Unknown);
        assert!(names.has_room(b"b"));
    }
}
