//! Claims about what a detector keeps of what it does not publish.

use interdict_detector::Output;
use interdict_detector::outbox::Outbox;
use interdict_schemas::{Alert, Severity, Time};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn output(id: u64) -> Output {
    Output::Alert(Alert {
        id: id.to_string(),
        time: Time(0),
        detection: String::new(),
        root: String::new(),
        actor: String::new(),
        title: String::new(),
        explanation: String::new(),
        severity: Severity::Low,
        risk: 0,
        confidence: 0,
        chain: Vec::new(),
        techniques: Vec::new(),
        verdict: None,
        revision: 1,
    })
}

fn taken(outbox: &mut Outbox, partition: u32) -> Vec<u64> {
    let id = |output| match output {
        Output::Alert(alert) => alert.id.parse().expect("a number"),
        Output::Verdict(_) => unreachable!("only alerts are put in"),
    };
    outbox.take(partition).map(id).collect()
}

#[test]
fn a_new_owner_finds_what_the_last_mark_has_not_passed() {
    let mut outbox = Outbox::new(2, 100);
    outbox.marked(0, 3);
    (0..8).for_each(|offset| outbox.put(0, offset, vec![output(offset)]));
    outbox.put(1, 0, vec![output(100)]);
    outbox.marked(0, 6);
    // A mark that comes late takes nothing back.
    outbox.marked(0, 4);
    assert_eq!(outbox.mark(0), Some(6));
    assert_eq!(taken(&mut outbox, 0), [6, 7]);
    assert_eq!(taken(&mut outbox, 0), Vec::<u64>::new());
    assert_eq!(taken(&mut outbox, 1), [100]);
    assert!(!outbox.is_lacking(0) && !outbox.is_lacking(1));
}

#[test]
fn what_was_dropped_lacks_until_the_mark_has_passed_it() {
    let mut outbox = Outbox::new(2, 3);
    (0..5).for_each(|offset| outbox.put(0, offset, vec![output(offset)]));
    assert!(outbox.is_lacking(0) && !outbox.is_lacking(1));
    outbox.marked(0, 1);
    assert!(outbox.is_lacking(0), "what followed from the event at 1 was dropped as well");
    outbox.marked(0, 2);
    assert!(!outbox.is_lacking(0));
    outbox.clear();
    assert_eq!((outbox.mark(0), taken(&mut outbox, 0)), (Some(2), vec![]));
}

#[test]
fn nothing_of_ones_own_is_dropped() {
    let mut outbox = Outbox::new(2, 3);
    outbox.owns(BTreeSet::from([0]));
    (0..5).for_each(|offset| outbox.put(0, offset, vec![output(offset)]));
    (0..5).for_each(|offset| outbox.put(1, offset, vec![output(offset)]));
    assert_eq!(taken(&mut outbox, 0), [0, 1, 2, 3, 4]);
    assert!(outbox.is_lacking(1));
}

proptest! {
    #[test]
    fn marks_and_bound_leave_all_that_is_not_published_or_it_is_known_to_lack(
        steps in prop::collection::vec((0_u32..3, prop::bool::weighted(0.2)), 0..80), bound in 1_usize..40
    ) {
        let mut outbox = Outbox::new(3, bound);
        let mut ends = [0_u64; 3];
        let mut marks = [0_u64; 3];
        for (partition, marked) in steps {
            let at = partition as usize;
            if marked {
                marks[at] = ends[at];
                outbox.marked(partition, ends[at]);
            } else {
                outbox.put(partition, ends[at], vec![output(ends[at])]);
                ends[at] += 1;
            }
        }
        for partition in 0..3 {
            let at = partition as usize;
            let lacks = outbox.is_lacking(partition);
            let kept = taken(&mut outbox, partition);
            let expected: Vec<_> = (marks[at]..ends[at]).collect();
            let is_right = if lacks { expected.ends_with(&kept) && kept != expected } else { kept == expected };
            prop_assert!(is_right, "{kept:?} of {expected:?}, lacks: {lacks}");
        }
    }
}
