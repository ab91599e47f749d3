//! What follows from events and is not yet known to be on the bus. Pure.
//!
//! Every detector folds every event, so each knows all that follows; only the owner of a partition publishes. The
//! others keep what they would have said until the owner's judged mark has passed it, so that whoever takes a partition
//! over says what its last owner did not. The bound drops the oldest first; what was dropped is missing only to a new
//! owner that finds the mark before it, and [`Outbox::is_lacking`] says so.

use crate::judge::Output;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Outputs that are kept of all the others' partitions together. One takes some kilobytes.
pub const KEPT: usize = 16_384;

/// The outputs of all partitions.
#[derive(Debug)]
pub struct Outbox {
    own: BTreeSet<u32>,
    lanes: BTreeMap<u32, Lane>,
    kept: usize,
    bound: usize,
}

#[derive(Debug, Default)]
struct Lane {
    // Everything before this offset has been judged and published, by whoever.
    mark: Option<u64>,
    kept: VecDeque<(u64, Output)>,
    // Outputs of offsets before this one were dropped.
    dropped: u64,
}

impl Outbox {
    /// An empty one for partitions 0 to `partitions`, none of them one's own, which keeps at most `bound` outputs.
    pub fn new(partitions: u32, bound: usize) -> Self {
        let lanes = (0..partitions).map(|at| (at, Lane::default())).collect();
        Self { own: BTreeSet::new(), lanes, kept: 0, bound }
    }

    /// Says which partitions are one's own. Of these nothing is ever dropped: they are taken after every batch.
    pub fn owns(&mut self, own: BTreeSet<u32>) {
        self.own = own;
    }

    /// The partitions that are one's own.
    pub const fn own(&self) -> &BTreeSet<u32> {
        &self.own
    }

    /// Forgets what is kept and what was dropped, before everything is folded anew. The marks stay.
    pub fn clear(&mut self) {
        self.kept = 0;
        for lane in self.lanes.values_mut() {
            *lane = Lane { mark: lane.mark, ..Lane::default() };
        }
    }

    /// Takes in what follows from the event at `offset`, unless that is published already.
    pub fn put(&mut self, partition: u32, offset: u64, outputs: Vec<Output>) {
        let Some(lane) = self.lanes.get_mut(&partition) else { return };
        if lane.mark.is_some_and(|mark| offset < mark) {
            return;
        }
        self.kept += outputs.len();
        lane.kept.extend(outputs.into_iter().map(|output| (offset, output)));
        while self.kept > self.bound && self.drop_oldest() {}
    }

    /// Takes note of a judged mark, one's own or another's.
    pub fn marked(&mut self, partition: u32, offset: u64) {
        let Some(lane) = self.lanes.get_mut(&partition) else { return };
        lane.mark = Some(lane.mark.map_or(offset, |mark| mark.max(offset)));
        let before = lane.kept.len();
        // From history, which is read by time, offsets do not come in order.
        lane.kept.retain(|(at, _)| *at >= offset);
        self.kept -= before - lane.kept.len();
    }

    /// Everything that is kept, with its partition and offset.
    pub fn kept(&self) -> impl Iterator<Item = (u32, u64, &Output)> {
        self.lanes.iter().flat_map(|(at, lane)| lane.kept.iter().map(|(offset, output)| (*at, *offset, output)))
    }

    /// Per partition, the offset before which something was dropped.
    pub fn all_dropped(&self) -> impl Iterator<Item = (u32, u64)> {
        self.lanes.iter().map(|(at, lane)| (*at, lane.dropped)).filter(|(_, before)| *before > 0)
    }

    /// Says that something of a partition before an offset was dropped.
    pub fn dropped(&mut self, partition: u32, before: u64) {
        if let Some(lane) = self.lanes.get_mut(&partition) {
            lane.dropped = lane.dropped.max(before);
        }
    }

    /// The partition's mark.
    pub fn mark(&self, partition: u32) -> Option<u64> {
        self.lanes.get(&partition)?.mark
    }

    /// Everything that is kept of a partition. It is not kept any longer.
    pub fn take(&mut self, partition: u32) -> impl Iterator<Item = Output> + use<> {
        let kept = self.lanes.get_mut(&partition).map(|lane| std::mem::take(&mut lane.kept)).unwrap_or_default();
        self.kept -= kept.len();
        kept.into_iter().map(|(_, output)| output)
    }

    /// Whether something that is not yet published was dropped.
    pub fn is_lacking(&self, partition: u32) -> bool {
        self.lanes.get(&partition).is_some_and(|lane| lane.dropped > lane.mark.unwrap_or(0))
    }

    /// Of the others' partition that holds most; false if none holds anything.
    fn drop_oldest(&mut self) -> bool {
        let others = self.lanes.iter_mut().filter(|(partition, _)| !self.own.contains(partition));
        let Some((_, lane)) = others.max_by_key(|(_, lane)| lane.kept.len()) else { return false };
        let Some((offset, _)) = lane.kept.pop_front() else { return false };
        self.kept -= 1;
        lane.dropped = lane.dropped.max(offset.saturating_add(1));
        true
    }
}
