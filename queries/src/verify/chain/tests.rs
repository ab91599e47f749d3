//! Whatever is done to a signed chain is found, and what is named holds it.

use super::*;
use proptest::prelude::*;
use proptest::sample::Index;

const SPOOL: &str = "01SPOOL";

/// A record, and whether it was there before anybody touched it.
#[derive(Debug, Clone)]
struct Record {
    row: Row<'static>,
}

fn body(number: u64, word: u8) -> Digest {
    chain::record(&[number.to_be_bytes().as_slice(), &[word]].concat())
}

/// A chain of so many records with a checkpoint after each `every`, and after the last.
fn chain_of(count: u64, every: u64) -> (Vec<Record>, Vec<Checkpoint>) {
    let mut head = chain::genesis(SPOOL, Topic::Events, 0);
    let (mut records, mut checkpoints) = (Vec::new(), Vec::new());
    for sequence in 1..=count {
        let record = body(sequence, 0);
        let row = Row {
            proxy: "gw-1",
            sequence,
            time: Time(i64::try_from(sequence).expect("small")),
            partition: 0,
            offset: sequence,
            previous: Some(head),
            record: Some(record),
        };
        head = chain::link(&head, sequence, "gw-1", &record);
        records.push(Record { row });
        if sequence % every == 0 || sequence == count {
            checkpoints.push(Checkpoint {
                proxy: "gw-1".into(),
                spool: SPOOL.into(),
                chain: Topic::Events,
                sequence,
                head,
                time: Time(0),
                key: [0; 32],
                successor: None,
                signature: [0; 64],
            });
        }
    }
    (records, checkpoints)
}

fn walk(records: &[Record], checkpoints: &[Checkpoint]) -> (Walked, Vec<Found>) {
    let mut walk = Walk::new(SPOOL, Topic::Events, Span { first: Some(1), last: None });
    let mut checkpoints = checkpoints.iter().peekable();
    let mut found = Vec::new();
    for Record { row } in records {
        while let Some(checkpoint) = checkpoints.next_if(|checkpoint| checkpoint.sequence < row.sequence) {
            walk.checkpoint(checkpoint, true);
        }
        walk.row(row);
        found.extend(walk.take());
    }
    checkpoints.for_each(|checkpoint| walk.checkpoint(checkpoint, true));
    let (walked, rest) = walk.finish(Time(i64::MAX));
    found.extend(rest);
    (walked, found)
}

/// What somebody does to one record, without the key.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Change,
    Relink,
    Unlink,
    Remove,
    Double,
    /// Changes it and computes all that follows anew.
    Rewrite,
    Spoil,
}

impl Deed {
    fn to(self, records: &mut Vec<Record>, at: usize) {
        match self {
            Self::Change => records[at].row.record = Some(body(records[at].row.sequence, 1)),
            Self::Relink => records[at].row.previous = Some(Digest([7; 32])),
            Self::Unlink => records[at].row.previous = None,
            Self::Remove => {
                records.remove(at);
            }
            Self::Double => {
                let mut copy = records[at].clone();
                copy.row.offset += 1_000;
                records.insert(at + 1, copy);
            }
            Self::Rewrite => {
                records[at].row.record = Some(body(records[at].row.sequence, 2));
                for at in at + 1..records.len() {
                    let Record { row: before } = &records[at - 1];
                    records[at].row.previous = head(before, before.previous);
                }
            }
            Self::Spoil => records[at].row.record = None,
        }
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    use Deed::{Change, Double, Relink, Remove, Rewrite, Spoil, Unlink};
    prop_oneof![Just(Change), Just(Relink), Just(Unlink), Just(Remove), Just(Double), Just(Rewrite), Just(Spoil)]
}

proptest! {
    #[test]
    fn chain_that_nobody_touched_is_proven_to_its_end(count in 1..60_u64, every in 1..20_u64) {
        let (records, checkpoints) = chain_of(count, every);
        let (walked, found) = walk(&records, &checkpoints);
        prop_assert_eq!(found, vec![]);
        prop_assert_eq!((walked.rows, walked.chained, walked.signed), (count, count, count));
        prop_assert_eq!((walked.first, walked.last, walked.missing, walked.doubled), (1, count, 0, 0));
    }

    #[test]
    fn one_deed_is_found_where_it_was_done(
        count in 1..60_u64, every in 1..20_u64, at in any::<Index>(), deed in deed(),
    ) {
        let (mut records, checkpoints) = chain_of(count, every);
        let at = at.index(records.len());
        let number = records[at].row.sequence;
        deed.to(&mut records, at);
        let (_, found) = walk(&records, &checkpoints);
        let names_it = |found: &Found| (found.from..=found.to).contains(&number);
        prop_assert!(found.iter().any(names_it), "{:?} of {}: {:?}", deed, number, found);
        // Nothing before the stretch that the next signature covers is called into question.
        let stretch = (number - 1) / every * every;
        prop_assert!(found.iter().all(|found| found.from > stretch), "{:?} of {}: {:?}", deed, number, found);
    }

    #[test]
    fn any_deeds_are_found(
        count in 1..60_u64, every in 1..20_u64, deeds in proptest::collection::vec((any::<Index>(), deed()), 1..8),
    ) {
        let (mut records, checkpoints) = chain_of(count, every);
        for (at, deed) in deeds {
            if !records.is_empty() {
                let at = at.index(records.len());
                deed.to(&mut records, at);
            }
        }
        // A copy that was made and taken away again leaves what was.
        let rows = |records: &[Record]| -> Vec<_> {
            records.iter().map(|Record { row }| Row { offset: 0, ..row.clone() }).collect()
        };
        prop_assume!(rows(&records) != rows(&chain_of(count, every).0));
        let (_, found) = walk(&records, &checkpoints);
        prop_assert!(!found.is_empty());
    }

    #[test]
    fn records_that_change_places_on_the_bus_are_found(count in 2..60_u64, every in 1..20_u64, at in any::<Index>()) {
        let (mut records, checkpoints) = chain_of(count, every);
        let at = at.index(records.len() - 1);
        (records[at].row.offset, records[at + 1].row.offset) = (records[at + 1].row.offset, records[at].row.offset);
        let (_, found) = walk(&records, &checkpoints);
        let found: Vec<_> = found.iter().map(|found| (found.fault, found.from)).collect();
        prop_assert_eq!(found, vec![(Fault::Moved, records[at + 1].row.sequence)]);
        // Between partitions there is no order.
        records[at].row.partition = 1;
        prop_assert_eq!(walk(&records, &checkpoints).1, vec![]);
    }

    #[test]
    fn records_of_a_build_without_chains_may_come_first(count in 2..40_u64, old in 1..20_u64) {
        let (mut records, _) = chain_of(count.max(old + 1), 50);
        let mut head = chain::genesis(SPOOL, Topic::Events, old);
        for Record { row } in &mut records {
            if row.sequence <= old {
                row.previous = None;
            } else {
                row.previous = Some(head);
                head = super::head(row, row.previous).expect("chained");
            }
        }
        let (walked, found) = walk(&records, &[]);
        prop_assert_eq!(found, vec![]);
        prop_assert_eq!(walked.chained, walked.rows - old);
    }
}

#[test]
fn what_nobody_signed_in_time_is_without_proof() {
    let check = |settled: i64, expected: &[(Fault, u64, u64)]| {
        let (records, checkpoints) = chain_of(9, 4);
        let mut walk = Walk::new(SPOOL, Topic::Events, Span { first: Some(1), last: None });
        for Record { row } in &records {
            for checkpoint in checkpoints.iter().take(2).filter(|word| word.sequence + 1 == row.sequence) {
                walk.checkpoint(checkpoint, true);
            }
            walk.row(row);
        }
        let found = walk.finish(Time(settled)).1;
        let found: Vec<_> = found.iter().map(|found| (found.fault, found.from, found.to)).collect();
        assert_eq!(found, expected, "{settled}");
    };
    check(9, &[]);
    check(10, &[(Fault::Unproven, 9, 9)]);
    check(i64::MAX, &[]);
}
