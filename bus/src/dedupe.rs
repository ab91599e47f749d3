//! Drops what a crash made a writer send twice. Pure: stamps in, decisions out.
//!
//! The sequences of one spool rise within a partition, whatever was sent again: a resend starts at the oldest record
//! that was not acknowledged and keeps the order. So a record is new exactly if its sequence is above the highest seen.

use interdict_schemas::{StampRef, Topic};
use std::collections::BTreeMap;

/// The highest sequence seen per spool, topic and partition. One entry per local log that ever wrote.
#[derive(Debug, Clone, Default)]
pub struct Dedupe {
    seen: BTreeMap<(Topic, u32), BTreeMap<String, u64>>,
}

impl Dedupe {
    /// Tells what was seen before this reader began, as its own durable state says.
    pub fn seed(&mut self, topic: Topic, partition: u32, spool: &str, sequence: u64) {
        let spools = self.seen.entry((topic, partition)).or_default();
        let highest = spools.entry(spool.to_owned()).or_default();
        *highest = (*highest).max(sequence);
    }

    /// The highest sequence seen of each spool in each partition of a topic.
    pub fn highest(&self, topic: Topic) -> impl Iterator<Item = (u32, &str, u64)> {
        let of = self.seen.iter().filter(move |((of, _), _)| *of == topic);
        of.flat_map(|((_, partition), spools)| {
            spools.iter().map(|(spool, sequence)| (*partition, spool.as_str(), *sequence))
        })
    }

    /// Whether the record is new. Admitting it makes every later copy old.
    pub fn admit(&mut self, topic: Topic, partition: u32, stamp: StampRef<'_>) -> bool {
        let spools = self.seen.entry((topic, partition)).or_default();
        match spools.get_mut(stamp.spool) {
            Some(highest) if stamp.sequence <= *highest => false,
            Some(highest) => {
                *highest = stamp.sequence;
                true
            }
            None => {
                spools.insert(stamp.spool.to_owned(), stamp.sequence);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamp(spool: &str, sequence: u64) -> StampRef<'_> {
        StampRef { proxy: "gw", spool, sequence, previous: None }
    }

    #[test]
    fn copies_are_dropped_per_spool_topic_and_partition() {
        let mut dedupe = Dedupe::default();
        dedupe.seed(Topic::Events, 0, "old", 7);
        let mut check = |topic, partition, spool, sequence, expected| {
            let admitted = dedupe.admit(topic, partition, stamp(spool, sequence));
            assert_eq!(admitted, expected, "{topic}/{partition} {spool} {sequence}");
        };
        check(Topic::Events, 0, "old", 7, false);
        check(Topic::Events, 0, "old", 9, true);
        check(Topic::Events, 0, "old", 8, false);
        check(Topic::Events, 0, "new", 1, true);
        check(Topic::Events, 1, "new", 1, true);
        check(Topic::Recordings, 0, "new", 1, true);
        check(Topic::Events, 0, "new", 1, false);
    }

    proptest! {
        #[test]
        fn any_crashes_and_resends_yield_each_record_once(resends in prop::collection::vec((0u64..50, 1u64..50), 0..8)) {
            let mut dedupe = Dedupe::default();
            let mut sent = 0;
            let mut admitted = Vec::new();
            // Each crash resends from anywhere at or before the end of what was sent, in order.
            for (back, forward) in resends {
                let from = sent - back.min(sent);
                for sequence in from + 1..=sent + forward {
                    if dedupe.admit(Topic::Events, 0, stamp("s", sequence)) {
                        admitted.push(sequence);
                    }
                }
                sent += forward;
            }
            prop_assert_eq!(admitted, (1..=sent).collect::<Vec<_>>());
        }
    }
}
