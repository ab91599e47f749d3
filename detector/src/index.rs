//! Finds a thing's number by its fingerprint, in 5 bytes a place: the fingerprint stands in the thing, which whoever looks
//! for it touches anyhow.

use crate::fingerprint::Fingerprint;
use crate::slab::Slab;
use foldhash::quality::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Numbers by fingerprint.
#[derive(Debug, Default)]
pub(crate) struct Index {
    table: HashTable<u32>,
    // Keyed: names come from outside.
    state: RandomState,
}

/// The index of things that were read back; nothing if two have the same fingerprint.
pub(crate) fn index<T>(things: &Slab<T>, key: impl Fn(&T) -> Fingerprint) -> Option<Index> {
    let mut index = Index::default();
    let of = |number| things.get(number).map(&key);
    for (number, thing) in things.numbered() {
        let key = key(thing);
        if index.find(key, of).is_some() {
            return None;
        }
        index.insert(key, number, of);
    }
    Some(index)
}

impl Index {
    /// The number of a thing; `key` says a thing's fingerprint.
    pub(crate) fn find(&self, of: Fingerprint, key: impl Fn(u32) -> Option<Fingerprint>) -> Option<u32> {
        self.table.find(self.state.hash_one(of), |number| key(*number) == Some(of)).copied()
    }

    /// Adds a thing that is not in it.
    pub(crate) fn insert(&mut self, of: Fingerprint, number: u32, key: impl Fn(u32) -> Option<Fingerprint>) {
        let state = &self.state;
        // A thing that is gone is in no index; were it, any place will do.
        self.table.insert_unique(state.hash_one(of), number, |number| state.hash_one(key(*number).unwrap_or(0)));
    }

    /// Takes a thing out.
    pub(crate) fn remove(&mut self, of: Fingerprint, number: u32) {
        if let Ok(entry) = self.table.find_entry(self.state.hash_one(of), |other| *other == number) {
            entry.remove();
        }
    }

    /// Bytes behind it.
    pub(crate) fn bytes(&self) -> usize {
        self.table.capacity() * 6
    }
}
