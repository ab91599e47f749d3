//! Files that stay healthy while others write: compaction, retention, holds.

use crate::faulty::{Plan, World, chance};
use crate::memory::{Memory, Shared};
use crate::say::{self, NOON};
use crate::{collect, lake, patient, patient_at};
use interdict_collector::Lake;
use interdict_collector::maintain::{Hold, HoldKind, Keeper};
use interdict_schemas::lake::{Table, txn::Txn};
use object_store::memory::InMemory;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn place(path: &Path) -> Lake {
    Lake::parse(path, Path::new("")).expect("a place")
}

pub(crate) async fn keeper(lake: &Lake, table: Table) -> Keeper {
    Keeper::open(lake, table).await.expect("opens").expect("is there")
}

pub(crate) fn fill(log: &Shared, sequences: std::ops::RangeInclusive<u64>) {
    for sequence in sequences {
        let time = NOON.plus_micros(i64::try_from(sequence * 7_919 % 1_000).expect("small"));
        log.0.stamped(0, &say::event(&format!("root-{}", sequence % 5), sequence, time), "s", sequence);
    }
}

pub(crate) async fn sequences(folder: &Path) -> Vec<u64> {
    let rows = lake::events(folder).await.into_iter();
    let mut all: Vec<u64> = rows.map(|row| row.place.stamp.expect("stamped").sequence).collect();
    all.sort_unstable();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_files_become_one_in_order_and_nothing_changes() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    fill(&log, 1..=120);
    collect(patient(folder.path(), 4), log.clone()).await.expect("collected");
    let before = lake::files(folder.path(), Table::Events).await.len();
    assert!(before >= 30, "{before} files");
    let lake = place(folder.path());
    for table in [Table::Events, Table::Sessions, Table::Disclosures] {
        let done = keeper(&lake, table).await.compact(2).await.expect("compacted");
        assert_eq!((done.made, done.passed), (1, 0), "{}", table.name());
        assert_eq!(done.rows as usize, lake::rows(folder.path(), table).await);
        let again = keeper(&lake, table).await.compact(2).await.expect("compacted");
        assert_eq!(again.taken, 0, "one file is no work");
    }
    let files = lake::files(folder.path(), Table::Events).await;
    assert_eq!(files.len(), 1);
    let events = interdict_schemas::lake::events(&files[0]).expect("events");
    assert!(events.is_sorted_by_key(|row| (row.value.identity.root().id.clone(), row.value.time, row.place.offset)));
    assert_eq!(sequences(folder.path()).await, (1..=120).collect::<Vec<_>>());
    // The collector goes on where it was.
    fill(&log, 115..=130);
    collect(patient(folder.path(), 4), log).await.expect("collected");
    assert_eq!(sequences(folder.path()).await, (1..=130).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compactions_and_a_collector_at_once_lose_nothing_and_double_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = place(folder.path());
    let log = Shared(Arc::new(Memory::new(1)));
    fill(&log, 1..=20);
    collect(patient(folder.path(), 2), log.clone()).await.expect("collected");
    fill(&log, 21..=100);
    let mut compactors = Vec::new();
    for _ in 0..2 {
        let lake = lake.clone();
        compactors.push(tokio::spawn(async move {
            let mut taken = 0;
            for _ in 0..6 {
                taken += keeper(&lake, Table::Events).await.compact(2).await.expect("compacted").taken;
            }
            taken
        }));
    }
    collect(patient(folder.path(), 2), log).await.expect("no commit of the collector waits or fails");
    let mut taken = 0;
    for one in compactors {
        taken += one.await.expect("joined");
    }
    assert!(taken > 0);
    assert_eq!(sequences(folder.path()).await, (1..=100).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compaction_that_fails_anywhere_changes_no_row() {
    let mut taken = 0;
    for seed in 0..25 {
        let (world, log) = (World::new(InMemory::new()), Shared(Arc::new(Memory::new(1))));
        fill(&log, 1..=12);
        world.live(Plan::Never);
        collect(patient_at(world.url.as_str(), 2), log.clone()).await.expect("collected");
        world.live(chance(seed, 120));
        let lake = place(Path::new(world.url.as_str()));
        let work = async {
            for _ in 0..4 {
                if let Ok(Some(mut keeper)) = Keeper::open(&lake, Table::Events).await {
                    taken += keeper.compact(2).await.map_or(0, |done| done.taken);
                }
            }
        };
        let _ = tokio::time::timeout(Duration::from_millis(300), work).await;
        world.settle().await;
        let mut all: Vec<u64> = lake::events_at(&world)
            .await
            .iter()
            .map(|row| row.place.stamp.as_ref().expect("stamped").sequence)
            .collect();
        all.sort_unstable();
        assert_eq!(all, (1..=12).collect::<Vec<_>>(), "seed {seed}");
    }
    assert!(taken > 0, "some got through");
}

/// Up to which number of the log `s` retention took rows.
async fn retired(folder: &Path, table: Table) -> Option<i64> {
    let delta = lake::open(folder, table).await.expect("opens");
    let id = Txn::Retired { topic: table.topic(), spool: "s".into() };
    let state = delta.snapshot().expect("loaded");
    state.transaction_version(delta.log_store().as_ref(), id).await.expect("reads")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_days_go_but_for_what_is_held() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = place(folder.path());
    let log = Shared(Arc::new(Memory::new(1)));
    for sequence in 1..=40 {
        let days = i64::try_from(sequence % 4).expect("small") * 10;
        let root = ["ada", "mia"][(sequence / 4 % 2) as usize];
        log.0.stamped(0, &say::event(root, sequence, NOON.plus_seconds(-86_400 * days)), "s", sequence);
    }
    collect(patient(folder.path(), 1_000), log.clone()).await.expect("collected");
    let hold = |kind, value: &str| Hold {
        kind,
        value: value.into(),
        reason: "case 7".into(),
        by: "erin".into(),
        since: "2026-03-02T12:00:00Z".into(),
    };
    hold(HoldKind::Identity, "mia").place(&lake).await.expect("placed");
    let due = keeper(&lake, Table::Events).await.due(15, NOON, true).await.expect("looked");
    assert_eq!(lake::rows(folder.path(), Table::Events).await, 40, "nothing is done");
    let done = keeper(&lake, Table::Events).await.retain(15, NOON).await.expect("retained");
    assert_eq!((done.files, done.rows, done.held), (2, 10, 10));
    assert_eq!(due, done);
    assert_eq!(retired(folder.path(), Table::Events).await, Some(35), "the last of ada's");
    assert_eq!(retired(folder.path(), Table::Sessions).await, None);
    let rows = lake::events(folder.path()).await;
    let old = |root: &str| {
        rows.iter()
            .filter(|row| row.value.identity.root().id == root && row.value.time < NOON.plus_seconds(-86_400 * 15))
            .count()
    };
    assert_eq!((rows.len(), old("ada"), old("mia")), (30, 0, 10));
    // Again: nothing more to do, and nothing doubled.
    let again = keeper(&lake, Table::Events).await.retain(15, NOON).await.expect("retained");
    assert_eq!((again.files, again.held), (0, 10));
    assert!(Hold::release(&lake, HoldKind::Identity, "mia").await.expect("released"));
    assert!(!Hold::release(&lake, HoldKind::Identity, "mia").await.expect("released"));
    // By session, in the table that has one.
    hold(HoldKind::Session, "session of mia").place(&lake).await.expect("placed");
    let sessions = keeper(&lake, Table::Sessions).await.retain(15, NOON).await.expect("retained");
    assert!(sessions.rows > 0 && sessions.held > 0, "{sessions:?}");
    assert!(Hold::release(&lake, HoldKind::Session, "session of mia").await.expect("released"));
    keeper(&lake, Table::Events).await.retain(15, NOON).await.expect("retained");
    assert_eq!(lake::rows(folder.path(), Table::Events).await, 20);
    assert_eq!(retired(folder.path(), Table::Events).await, Some(39), "without a hold too");
    // What comes late with a lower number changes nothing.
    log.0.stamped(0, &say::event("ada", 41, NOON.plus_seconds(-86_400 * 20)), "s", 41);
    collect(patient(folder.path(), 1_000), log).await.expect("collected");
    keeper(&lake, Table::Events).await.retain(15, NOON).await.expect("retained");
    assert_eq!(retired(folder.path(), Table::Events).await, Some(41));
    keeper(&lake, Table::Events).await.retain(5, NOON).await.expect("retained");
    assert_eq!(retired(folder.path(), Table::Events).await, Some(41), "never lower");
    let status = keeper(&lake, Table::Events).await.status().expect("status");
    assert_eq!((status.rows, status.trouble()), (10, None));
    assert_eq!(
        keeper(&lake, Table::Events).await.vacuum(false).await.expect("vacuumed"),
        0,
        "younger than the grace"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vacuum_deletes_nothing_behind_a_link_and_what_is_gone_is_counted() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = place(folder.path());
    let log = Shared(Arc::new(Memory::new(1)));
    fill(&log, 1..=20);
    collect(patient(folder.path(), 10), log).await.expect("collected");
    let elsewhere = tempfile::tempdir().expect("folder");
    std::fs::write(elsewhere.path().join("notes.txt"), "keep").expect("written");
    let link = folder.path().join("events/date=2000-01-01");
    std::os::unix::fs::symlink(elsewhere.path(), &link).expect("a link");
    let error = keeper(&lake, Table::Events).await.vacuum(false).await.expect_err("a link");
    assert!(error.to_string().contains("date=2000-01-01 is a link"), "{error}");
    std::fs::remove_file(link).expect("removed");
    keeper(&lake, Table::Events).await.vacuum(false).await.expect("vacuumed");
    assert!(elsewhere.path().join("notes.txt").exists());
    assert_eq!(keeper(&lake, Table::Events).await.gone().await.expect("listed"), 0);
    let day = std::fs::read_dir(folder.path().join("events")).expect("table").flatten().map(|entry| entry.path());
    let day = day.filter(|path| path.to_string_lossy().contains("date=")).max().expect("a day");
    let mut files = std::fs::read_dir(day).expect("day").flatten().map(|entry| entry.path());
    std::fs::remove_file(files.next().expect("a file")).expect("removed");
    std::fs::write(files.next().expect("another"), "short").expect("written");
    assert_eq!(keeper(&lake, Table::Events).await.gone().await.expect("listed"), 2);
}
