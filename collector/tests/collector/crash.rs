//! Crash anywhere, then start again: nothing lost, nothing twice.

use crate::memory::{Memory, Shared};
use crate::say::{self, NOON};
use crate::{collect, lake, patient};
use interdict_schemas::Topic;
use interdict_schemas::lake::Table;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use tokio_util::sync::CancellationToken;

const FED: [Table; 3] = [Table::Events, Table::Sessions, Table::Disclosures];

fn fill(log: &Shared, sequences: std::ops::RangeInclusive<u64>) {
    for sequence in sequences {
        log.0.stamped(0, &say::event("root", sequence, NOON), "s", sequence);
    }
}

/// Every event of 1 to `last` stands once in each of its tables.
async fn check(lake: &Path, last: u64) {
    let mut sequences: Vec<u64> =
        lake::events(lake).await.into_iter().filter_map(|row| row.place.stamp.map(|stamp| stamp.sequence)).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=last).collect::<Vec<_>>());
    assert_eq!(lake::rows(lake, Table::Sessions).await as u64, last / 2, "sessions");
    assert_eq!(lake::rows(lake, Table::Disclosures).await as u64, last / 3 * 2, "disclosures");
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("folder");
    for entry in std::fs::read_dir(from).expect("folder") {
        let entry = entry.expect("entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copy");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_the_commits_of_tables_is_harmless() {
    // Bit by bit: which tables had not committed the second cut when the process died.
    for lost in 0..8_u32 {
        let folder = tempfile::tempdir().expect("folder");
        let (lake, before) = (folder.path().join("lake"), folder.path().join("before"));
        let log = Shared(Arc::new(Memory::new(1)));
        fill(&log, 1..=20);
        collect(patient(&lake, 1_000), log.clone()).await.expect("first");
        copy(&lake, &before);
        fill(&log, 21..=40);
        collect(patient(&lake, 1_000), log.clone()).await.expect("second");
        for (bit, table) in FED.into_iter().enumerate().filter(|(bit, _)| lost & (1 << bit) != 0) {
            let _ = bit;
            std::fs::remove_dir_all(lake.join(table.name())).expect("remove");
            copy(&before.join(table.name()), &lake.join(table.name()));
        }
        // What was sent again since must not slip in through the table that is behind.
        fill(&log, 15..=41);
        collect(patient(&lake, 7), log).await.expect("third");
        check(&lake, 41).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_without_a_commit_are_no_part_of_the_lake() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    fill(&log, 1..=30);
    collect(patient(folder.path(), 1_000), log.clone()).await.expect("collected");
    for table in FED {
        let logs = folder.path().join(table.name()).join("_delta_log");
        std::fs::remove_file(logs.join("00000000000000000002.json")).expect("the commit with the rows");
    }
    assert_eq!(lake::rows(folder.path(), Table::Events).await, 0);
    collect(patient(folder.path(), 1_000), log).await.expect("collected");
    check(folder.path(), 30).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_before_the_bus_is_told_is_harmless() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    fill(&log, 1..=30);
    let hanging = Shared(Arc::new(log.0.hanging()));
    let mut commits = hanging.0.commits.subscribe();
    let run = tokio::spawn(collect(patient(folder.path(), 1_000), hanging));
    commits.wait_for(|commits| *commits > 0).await.expect("the tables are written");
    run.abort();
    assert!(run.await.expect_err("aborted").is_cancelled());
    fill(&log, 25..=36);
    collect(patient(folder.path(), 10), log.clone()).await.expect("collected");
    check(folder.path(), 36).await;
    assert_eq!(log.0.told(Topic::Events, 0), Some(42));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_collectors_at_once_one_goes_on_and_nothing_is_doubled() {
    // Enough for more commits than stand between two checkpoints.
    const LAST: u64 = 480;
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(3)));
    for sequence in 1..=LAST {
        log.0.stamped((sequence % 3) as u32, &say::event("root", sequence, NOON), "s", sequence);
    }
    let shutdown = CancellationToken::new();
    let run = |rows| {
        let config = patient(folder.path(), rows);
        tokio::spawn(interdict_collector::run(config, Arc::new(log.clone()), shutdown.clone()))
    };
    let both = [run(3), run(4)];
    while (lake::rows(folder.path(), Table::Events).await as u64) < LAST - 10 {
        assert!(!both.iter().all(tokio::task::JoinHandle::is_finished), "one of the two goes on");
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    for one in both {
        // The one that lost the last commit says so; the bus keeps what it had.
        let _ = one.await.expect("joined");
    }
    collect(patient(folder.path(), 25), log).await.expect("collected");
    check(folder.path(), LAST).await;
}

/// Drives a future so many times, then drops it wherever it is.
async fn abandon<F: Future>(future: F, polls: usize) {
    let mut future = pin!(future);
    for _ in 0..polls {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        std::thread::yield_now();
        tokio::task::yield_now().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Any number of crashes at any place, cuts of any size, resends of any length, over two partitions.
    #[test]
    fn crash_anywhere_then_replay(
        steps in proptest::collection::vec((0..4_000_usize, 1..40_usize, 1..40_u64, 0..30_u64), 1..6)
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("runtime").block_on(async {
            let folder = tempfile::tempdir().expect("folder");
            let log = Shared(Arc::new(Memory::new(2)));
            let mut sent = 0_u64;
            for (polls, rows, more, back) in steps {
                // A shipper that crashed sends its unacknowledged tail again, in order.
                for sequence in sent.saturating_sub(back).max(1)..=sent + more {
                    let partition = (sequence % 2) as u32;
                    log.0.stamped(partition, &say::event("root", sequence, NOON), "s", sequence);
                }
                sent += more;
                let run = interdict_collector::run(
                    patient(folder.path(), rows),
                    Arc::new(log.clone()),
                    CancellationToken::new(),
                );
                abandon(run, polls).await;
            }
            collect(patient(folder.path(), 25), log.clone()).await.expect("collected");
            check(folder.path(), sent).await;
            let mut seen: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
            for row in lake::events(folder.path()).await {
                seen.entry(row.place.partition).or_default().push(row.place.stamp.expect("stamped").sequence);
            }
            assert!(seen.iter().all(|(partition, all)| all.iter().all(|one| *one % 2 == u64::from(*partition))));
        });
    }
}
