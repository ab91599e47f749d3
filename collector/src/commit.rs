//! What is durable: from the positions of the tables to where the bus must be read from, and from what was read to
//! the positions that are committed with the rows. Pure: no Delta, no bus, no clock.
//!
//! Every table keeps its own positions. They may differ, since a crash can fall between two tables' commits. A topic
//! is then read from the lowest of them, and each table passes over what it has. What was seen of every spool is
//! taken from the same table as the lowest position: it is what a reader at that position knew.

use interdict_bus::{Dedupe, From};
use interdict_schemas::lake::txn::Txn;
use interdict_schemas::{StampRef, Topic};
use std::collections::{BTreeMap, BTreeSet};

/// Positions to be committed with rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// By partition: the next offset to be read.
    pub(crate) next: BTreeMap<u32, u64>,
    /// By partition and spool: the highest sequence.
    pub(crate) highest: BTreeMap<u32, BTreeMap<String, u64>>,
}

impl Marks {
    /// Adds what was read after, for a table that stands at `floor`. A cut that ends before the floor says nothing to
    /// that table: its positions only ever rise.
    pub(crate) fn merge(&mut self, later: &Self, floor: &From) {
        for (partition, next) in &later.next {
            if *next <= floor.get(partition).copied().unwrap_or(0) {
                continue;
            }
            self.next.insert(*partition, *next);
            if let Some(spools) = later.highest.get(partition) {
                let mine = self.highest.entry(*partition).or_default();
                mine.extend(spools.iter().map(|(spool, sequence)| (spool.clone(), *sequence)));
            }
        }
    }

    /// The Delta transactions that say the same.
    #[must_use]
    pub(crate) fn txns(&self, topic: Topic) -> Vec<(String, i64)> {
        let version = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let next = self
            .next
            .iter()
            .map(|(partition, offset)| (Txn::Next { topic, partition: *partition }.to_string(), version(*offset)));
        let highest = self.highest.iter().flat_map(|(partition, spools)| {
            spools.iter().map(|(spool, sequence)| {
                let id = Txn::Highest { topic, partition: *partition, spool: spool.clone() };
                (id.to_string(), version(*sequence))
            })
        });
        next.chain(highest).collect()
    }
}

/// Which table a partition's reading resumes from, and where: the one that is furthest behind.
#[must_use]
pub(crate) fn furthest_behind(tables: &[From], partition: u32) -> (usize, u64) {
    let next = tables.iter().map(|next| next.get(&partition).copied().unwrap_or(0));
    next.enumerate().min_by_key(|(_, offset)| *offset).unwrap_or((0, 0))
}

/// Up to where a partition need not be read again: every table has it.
#[must_use]
pub(crate) fn durable<'a>(tables: impl Iterator<Item = &'a From>, partition: u32) -> u64 {
    tables.map(|next| next.get(&partition).copied().unwrap_or(0)).min().unwrap_or(0)
}

/// How far a topic has been read. The fold that decides which records are new.
#[derive(Debug)]
pub(crate) struct Progress {
    topic: Topic,
    next: From,
    dedupe: Dedupe,
    known: BTreeMap<u32, BTreeSet<String>>,
    fresh: Marks,
}

impl Progress {
    /// Reading that resumes at `next`.
    #[must_use]
    pub(crate) fn new(topic: Topic, next: From) -> Self {
        Self { topic, next, dedupe: Dedupe::default(), known: BTreeMap::new(), fresh: Marks::default() }
    }

    /// From which offset each partition is to be read.
    #[must_use]
    pub(crate) const fn next(&self) -> &From {
        &self.next
    }

    /// Whether the spool's highest sequence has been looked up; before that, nothing of it may be admitted.
    #[must_use]
    pub(crate) fn knows(&self, partition: u32, spool: &str) -> bool {
        self.known.get(&partition).is_some_and(|spools| spools.contains(spool))
    }

    /// Tells the highest sequence of a spool that the lake has, if it has any.
    pub(crate) fn learn(&mut self, partition: u32, spool: &str, highest: Option<u64>) {
        self.known.entry(partition).or_default().insert(spool.to_owned());
        if let Some(highest) = highest {
            self.dedupe.seed(self.topic, partition, spool, highest);
        }
    }

    /// Whether a record is new. It counts as read from now on.
    pub(crate) fn admit(&mut self, partition: u32, offset: u64, stamp: Option<StampRef<'_>>) -> bool {
        if offset < self.next.get(&partition).copied().unwrap_or(0) {
            return false;
        }
        self.pass(partition, offset);
        let Some(stamp) = stamp else { return true };
        if !self.dedupe.admit(self.topic, partition, stamp) {
            return false;
        }
        let spools = self.fresh.highest.entry(partition).or_default();
        match spools.get_mut(stamp.spool) {
            Some(highest) => *highest = stamp.sequence,
            None => {
                spools.insert(stamp.spool.to_owned(), stamp.sequence);
            }
        }
        true
    }

    /// Counts a record as read that is none.
    pub(crate) fn pass(&mut self, partition: u32, offset: u64) {
        self.next.insert(partition, offset + 1);
        self.fresh.next.insert(partition, offset + 1);
    }

    /// What was read since the last call.
    pub(crate) fn take(&mut self) -> Marks {
        std::mem::take(&mut self.fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_resumes_at_the_table_that_is_furthest_behind() {
        let check = |tables: &[&[(u32, u64)]], partition, expected: (usize, u64)| {
            let tables: Vec<From> = tables.iter().map(|next| next.iter().copied().collect()).collect();
            assert_eq!(furthest_behind(&tables, partition), expected);
            assert_eq!(durable(tables.iter(), partition), expected.1);
        };
        check(&[], 0, (0, 0));
        check(&[&[(0, 7)], &[(0, 5)], &[(0, 9)]], 0, (1, 5));
        check(&[&[(0, 7)], &[]], 0, (1, 0));
        check(&[&[(0, 7), (1, 3)], &[(0, 7), (1, 2)]], 1, (1, 2));
    }

    #[test]
    fn a_table_that_is_ahead_is_never_set_back() {
        let read = |next, sequence| Marks {
            next: [(0, next)].into(),
            highest: [(0, [("s".to_owned(), sequence)].into())].into(),
        };
        let mut marks = Marks::default();
        let floor = From::from([(0, 10)]);
        marks.merge(&read(8, 6), &floor);
        marks.merge(&read(10, 8), &floor);
        assert_eq!(marks, Marks::default());
        marks.merge(&read(12, 9), &floor);
        assert_eq!(marks, read(12, 9));
    }

    #[test]
    fn what_stands_and_what_is_sent_again_is_not_new() {
        let mut progress = Progress::new(Topic::Events, From::from([(0, 10)]));
        assert!(!progress.knows(0, "s"));
        progress.learn(0, "s", Some(4));
        assert!(progress.knows(0, "s") && !progress.knows(1, "s"));
        let mut check = |partition, offset, stamp: Option<(&str, u64)>, expected: bool| {
            let stamp = stamp.map(|(spool, sequence)| StampRef { proxy: "gw", spool, sequence, previous: None });
            assert_eq!(progress.admit(partition, offset, stamp), expected, "{partition}/{offset} {stamp:?}");
        };
        check(0, 9, Some(("s", 5)), false);
        check(0, 10, Some(("s", 4)), false);
        check(0, 11, Some(("s", 5)), true);
        check(0, 12, Some(("s", 5)), false);
        check(0, 13, None, true);
        check(1, 0, Some(("s", 1)), true);
        let marks = progress.take();
        assert_eq!(
            marks.txns(Topic::Events),
            [
                ("interdict/interdict.events/0".to_owned(), 14),
                ("interdict/interdict.events/1".to_owned(), 1),
                ("interdict/interdict.events/0/s".to_owned(), 5),
                ("interdict/interdict.events/1/s".to_owned(), 1),
            ]
        );
        assert_eq!(progress.take(), Marks::default());
    }
}
