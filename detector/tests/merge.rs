//! Claims about the merge: every record once, each partition in its order, all by time as far as that can be had, and
//! never more held than is said.

use interdict_bus::From as Offsets;
use interdict_detector::merge::{FULL, Merge};
use interdict_schemas::Time;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Records of each partition, by their times.
type World = Vec<Vec<i64>>;

fn drain(merge: &mut Merge<i64>) -> Vec<(u32, u64, i64)> {
    std::iter::from_fn(|| merge.pop()).collect()
}

/// Feeds the partitions by turns as `order` says, then whatever is left; returns what was popped.
fn merged(world: &World, known: bool, order: &[usize]) -> Vec<(u32, u64, i64)> {
    let partitions = u32::try_from(world.len()).expect("few");
    let mut merge = Merge::new(partitions, &Offsets::new());
    for (partition, times) in (0..).zip(world) {
        if known {
            merge.expect(partition, times.len() as u64);
        }
    }
    let mut next = vec![0; world.len()];
    let rest = (0..world.len()).flat_map(|at| std::iter::repeat_n(at, world[at].len()));
    let mut popped = Vec::new();
    for at in order.iter().map(|at| at % world.len()).chain(rest) {
        if let Some(time) = world[at].get(next[at]) {
            let partition = u32::try_from(at).expect("few");
            merge.push(partition, next[at] as u64, Time(*time), *time);
            next[at] += 1;
        }
        popped.extend(drain(&mut merge));
    }
    assert!(!merge.is_behind());
    popped
}

fn worlds() -> impl Strategy<Value = World> {
    prop::collection::vec(prop::collection::vec(0_i64..50, 0..20), 1..5)
}

proptest! {
    #[test]
    fn every_record_comes_once_and_each_partition_in_its_order(
        world in worlds(), known: bool, order in prop::collection::vec(0_usize..5, 0..100)
    ) {
        let mut expected = BTreeMap::new();
        for (partition, offset, time) in merged(&world, known, &order) {
            let next = expected.entry(partition).or_insert(0);
            prop_assert_eq!(offset, *next);
            prop_assert_eq!(time, world[partition as usize][usize::try_from(offset).expect("few")]);
            *next += 1;
        }
        prop_assert_eq!(expected.values().sum::<u64>(), world.iter().map(|times| times.len() as u64).sum::<u64>());
    }

    #[test]
    fn a_backlog_comes_by_time_however_it_is_read(
        mut world in worlds(), order in prop::collection::vec(0_usize..5, 0..100)
    ) {
        world.iter_mut().for_each(|times| times.sort_unstable());
        let popped = merged(&world, true, &order);
        // By time, then partition, then offset: as the lake is read.
        let by = popped.iter().map(|(partition, offset, time)| (*time, *partition, *offset)).collect::<Vec<_>>();
        prop_assert!(by.is_sorted(), "{by:?}");
        prop_assert_eq!(merged(&world, true, &[]), popped);
    }

    #[test]
    fn what_was_popped_and_read_is_told(world in worlds(), feeds in prop::collection::vec(0_usize..5, 0..60)) {
        let partitions = u32::try_from(world.len()).expect("few");
        let mut merge = Merge::new(partitions, &Offsets::new());
        (0..).zip(&world).for_each(|(partition, times)| merge.expect(partition, times.len() as u64));
        let mut fed = vec![0_u64; world.len()];
        let mut gone = vec![0_u64; world.len()];
        for at in feeds.iter().map(|at| at % world.len()) {
            let Some(time) = world[at].get(usize::try_from(fed[at]).expect("few")) else { continue };
            merge.push(u32::try_from(at).expect("few"), fed[at], Time(*time), *time);
            fed[at] += 1;
            if let Some((partition, offset, _)) = merge.pop() {
                gone[partition as usize] = offset + 1;
            }
            prop_assert_eq!(merge.read().into_values().collect::<Vec<_>>(), fed.clone());
            prop_assert_eq!(merge.popped().map(|(_, offset)| offset).collect::<Vec<_>>(), gone.clone());
        }
    }
}

#[test]
fn a_backlog_is_waited_for_and_nothing_else_is() {
    let mut merge = Merge::new(2, &Offsets::from([(1, 5)]));
    merge.expect(1, 7);
    merge.push(0, 0, Time(10), 10);
    assert_eq!(merge.pop(), None, "partition 1 has two records that were not read");
    merge.push(1, 5, Time(20), 20);
    assert_eq!(merge.pop(), Some((0, 0, 10)));
    assert_eq!(merge.pop(), Some((1, 5, 20)));
    merge.push(0, 1, Time(5), 5);
    assert_eq!(merge.pop(), None, "one is still to come");
    merge.reached(1, 7);
    assert_eq!(merge.pop(), Some((0, 1, 5)), "it was deleted");
    assert!(!merge.is_behind());
    merge.push(1, 7, Time(30), 30);
    assert_eq!(merge.pop(), Some((1, 7, 30)), "caught up: nothing waits");
}

#[test]
fn a_record_fed_twice_comes_once() {
    let mut merge = Merge::new(1, &Offsets::new());
    for offset in [0, 1, 0, 1, 2] {
        merge.push(0, offset, Time(0), 0);
    }
    assert_eq!(drain(&mut merge).iter().map(|(_, offset, _)| *offset).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn a_partition_that_must_wait_is_full_after_a_while_and_then_drained() {
    let mut merge = Merge::new(2, &Offsets::new());
    merge.expect(1, 1);
    for offset in 0..FULL as u64 {
        assert!(!merge.is_full(0));
        merge.push(0, offset, Time(0), 0);
    }
    assert!(merge.is_full(0) && !merge.is_drained(0));
    merge.push(1, 0, Time(1), 0);
    assert_eq!(drain(&mut merge).len(), FULL + 1);
    assert!(merge.is_drained(0));
}
