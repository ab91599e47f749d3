//! Events of several partitions in the order of their times, as far as that can be had. Pure.
//!
//! Within a partition the order is the bus's. Among partitions the record with the smallest time goes first; and while
//! a partition is known to have records that were not read yet, nothing goes before they are there, so that one
//! partition's backlog is not folded before another one's. Once what was known to be there is read, nothing waits:
//! what comes later goes in the order in which it comes.
//!
//! Memory is bounded by whoever feeds it: what [`Merge::is_full`] names must not be fed until it is drained.

use interdict_bus::From as Offsets;
use interdict_schemas::Time;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

/// Records of one partition from which on it is full.
pub const FULL: usize = 4096;
/// A full partition is drained when it holds so few. Far below, because pausing throws away what was fetched.
const DRAINED: usize = FULL / 8;

/// The merge of some partitions.
#[derive(Debug)]
pub struct Merge<T> {
    lanes: BTreeMap<u32, Lane<T>>,
    // The first record of each lane that has one.
    heads: BinaryHeap<Reverse<(Time, u32)>>,
    // Lanes whose next record is known to be on the bus and is not here.
    awaited: usize,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<(u64, Time, T)>,
    // Everything before this offset was fed.
    read: u64,
    // Everything before this offset is on the bus.
    known: u64,
}

impl<T> Lane<T> {
    fn is_awaited(&self) -> bool {
        self.waiting.is_empty() && self.read < self.known
    }
}

impl<T> Merge<T> {
    /// A merge of partitions 0 to `partitions`, each read from its offset in `from`.
    #[must_use]
    pub fn new(partitions: u32, from: &Offsets) -> Self {
        let lane = |at: u32| {
            let read = from.get(&at).copied().unwrap_or(0);
            (at, Lane { waiting: VecDeque::new(), read, known: 0 })
        };
        Self { lanes: (0..partitions).map(lane).collect(), heads: BinaryHeap::new(), awaited: 0 }
    }

    /// Says that a partition's records before `end` are on the bus, and are to be waited for.
    pub fn expect(&mut self, partition: u32, end: u64) {
        self.change(partition, |lane| lane.known = end.max(lane.known));
    }

    /// Feeds a partition's next record. One that was fed before is dropped.
    pub fn push(&mut self, partition: u32, offset: u64, time: Time, record: T) {
        let Some(lane) = self.lanes.get(&partition) else { return };
        if offset < lane.read {
            return;
        }
        if lane.waiting.is_empty() {
            self.heads.push(Reverse((time, partition)));
        }
        self.change(partition, |lane| {
            lane.waiting.push_back((offset, time, record));
            lane.read = offset.saturating_add(1);
        });
    }

    /// Says that a partition has no records before `offset` that were not fed.
    pub fn reached(&mut self, partition: u32, offset: u64) {
        self.change(partition, |lane| lane.read = offset.max(lane.read));
    }

    /// The next record and its partition, if none must be waited for.
    pub fn pop(&mut self) -> Option<(u32, u64, T)> {
        if self.awaited > 0 {
            return None;
        }
        let Reverse((_, partition)) = self.heads.pop()?;
        let mut popped = None;
        self.change(partition, |lane| popped = lane.waiting.pop_front());
        if let Some((_, time, _)) = self.lanes.get(&partition).and_then(|lane| lane.waiting.front()) {
            self.heads.push(Reverse((*time, partition)));
        }
        popped.map(|(offset, _, record)| (partition, offset, record))
    }

    /// Whether records are known to be on the bus and are not here.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.lanes.values().any(|lane| lane.read < lane.known)
    }

    /// Whether a partition holds so much that it must not be fed.
    #[must_use]
    pub fn is_full(&self, partition: u32) -> bool {
        self.lanes.get(&partition).is_some_and(|lane| lane.waiting.len() >= FULL)
    }

    /// Whether a partition that was full may be fed again.
    #[must_use]
    pub fn is_drained(&self, partition: u32) -> bool {
        self.lanes.get(&partition).is_none_or(|lane| lane.waiting.len() <= DRAINED)
    }

    /// From where each partition is to be read on.
    #[must_use]
    pub fn read(&self) -> Offsets {
        self.lanes.iter().map(|(partition, lane)| (*partition, lane.read)).collect()
    }

    /// Per partition, the offset before which everything was popped.
    pub fn popped(&self) -> impl Iterator<Item = (u32, u64)> {
        self.lanes
            .iter()
            .map(|(partition, lane)| (*partition, lane.waiting.front().map_or(lane.read, |(offset, ..)| *offset)))
    }

    fn change(&mut self, partition: u32, change: impl FnOnce(&mut Lane<T>)) {
        let Some(lane) = self.lanes.get_mut(&partition) else { return };
        let before = lane.is_awaited();
        change(lane);
        match (before, lane.is_awaited()) {
            (false, true) => self.awaited += 1,
            (true, false) => self.awaited -= 1,
            _ => {}
        }
    }
}
