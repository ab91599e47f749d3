//! What is remembered between records, bounded in entries and in bytes, so that no log can fill the memory.

use interdict_schemas::Time;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// The most entries of one memory.
const ENTRIES: usize = 1 << 15;

/// The most bytes of one memory, about.
const BYTES: usize = 32 << 20;

/// A key of any length in a fixed one. Whoever writes a log must not be able to make two keys the same.
type Key = [u8; 16];

fn key(parts: &[&str]) -> Key {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut key = Key::default();
    key.iter_mut().zip(hasher.finalize()).for_each(|(to, from)| *to = from);
    key
}

/// The newest entries, by key.
#[derive(Debug)]
pub(super) struct Recent<T> {
    entries: HashMap<Key, (T, usize)>,
    order: VecDeque<Key>,
    bytes: usize,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), bytes: 0 }
    }
}

impl<T> Recent<T> {
    /// Remembers a value of about so many bytes; the oldest are forgotten for it.
    pub(super) fn insert(&mut self, parts: &[&str], value: T, bytes: usize) {
        let key = key(parts);
        self.bytes = self.bytes.saturating_add(bytes);
        match self.entries.insert(key, (value, bytes)) {
            Some((_, old)) => self.bytes = self.bytes.saturating_sub(old),
            None => self.order.push_back(key),
        }
        // Keys that were taken out stay in the order until they come up; it must not outgrow the entries by much.
        while self.order.len() > ENTRIES.saturating_mul(2) || self.entries.len() > ENTRIES || self.bytes > BYTES {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some((_, old)) = self.entries.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(old);
            }
        }
    }

    pub(super) fn find(&self, parts: &[&str]) -> Option<&T> {
        self.entries.get(&key(parts)).map(|(value, _)| value)
    }

    pub(super) fn take(&mut self, parts: &[&str]) -> Option<T> {
        let (value, bytes) = self.entries.remove(&key(parts))?;
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(value)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Puts into order of time what comes nearly so: holds some back, and gives the oldest for each that comes.
#[derive(Debug)]
pub(super) struct Sorted<T> {
    held: BTreeMap<(Time, u64), (T, usize)>,
    count: u64,
    bytes: usize,
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { held: BTreeMap::new(), count: 0, bytes: 0 }
    }
}

impl<T> Sorted<T> {
    pub(super) fn push(&mut self, time: Time, value: T, bytes: usize) {
        self.held.insert((time, self.count), (value, bytes));
        self.count += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// The oldest, if more are held than may be.
    pub(super) fn overflow(&mut self) -> Option<T> {
        (self.held.len() > ENTRIES || self.bytes > BYTES).then(|| self.pop()).flatten()
    }

    /// The oldest.
    pub(super) fn pop(&mut self) -> Option<T> {
        let (_, (value, bytes)) = self.held.pop_first()?;
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(value)
    }
}
