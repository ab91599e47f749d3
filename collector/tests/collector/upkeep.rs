//! Maintenance that comes by itself, beside a collector that is running.

use crate::maintain::{fill, keeper, place, sequences};
use crate::memory::{Memory, Shared};
use crate::say::{self, NOON};
use crate::{collect, lake, patient, until_rows};
use futures::TryStreamExt as _;
use interdict_collector::Config;
use interdict_collector::config::Upkeep;
use interdict_schemas::Time;
use interdict_schemas::lake::Table;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;

const OFTEN: Duration = Duration::from_millis(5);
const DAY: Duration = Duration::from_secs(86_400);

/// Keeps a month of events.
fn kept(folder: &Path, every: Option<Duration>) -> Config {
    let upkeep = Upkeep { every, look: OFTEN, least: 2, retention: [(Table::Events, 30)].into() };
    Config { upkeep, ..patient(folder, 4) }
}

fn put(log: &Shared, sequences: std::ops::RangeInclusive<u64>, time: Time) {
    for sequence in sequences {
        log.0.stamped(0, &say::event("root", sequence, time), "s", sequence);
    }
}

/// Says in the table's log that everything came a year ago.
fn age(folder: &Path, table: Table) {
    lake::rewrite_adds(folder, table, |add| {
        let time = &mut add["modificationTime"];
        *time = (time.as_i64().expect("a time") - 365 * 86_400_000).into();
    });
}

/// A file that no version names, as a crash leaves it, two weeks old.
fn stray(folder: &Path) -> PathBuf {
    let file = folder.join("events/part-of-nothing.parquet");
    std::fs::write(&file, b"half").expect("writes");
    let old = std::fs::File::options().write(true).open(&file).expect("opens");
    old.set_modified(SystemTime::now() - 14 * DAY).expect("aged");
    file
}

fn now() -> Time {
    Time::from(jiff::Timestamp::now())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_collector_compacts_retires_and_cleans_while_records_keep_arriving() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    // Long past its time, and long there.
    put(&log, 1..=20, Time(now().0 - 90 * 86_400_000_000));
    collect(patient(folder.path(), 4), log.clone()).await.expect("collected");
    age(folder.path(), Table::Events);
    // Past its time, and only just there.
    put(&log, 21..=32, Time(now().0 - 60 * 86_400_000_000));
    let stray = stray(folder.path());
    let shutdown = CancellationToken::new();
    let config = kept(folder.path(), Some(OFTEN));
    let running = tokio::spawn(interdict_collector::run(config, Arc::new(log.clone()), shutdown.clone()));
    // What is done by itself, each while something is written.
    let mut next = 33;
    let compacted = async |table| {
        let delta = lake::open(folder.path(), table).await.expect("a table");
        let history: Vec<_> = delta.history(None).try_collect().await.expect("history");
        history.iter().filter(|commit| commit.operation.as_deref() == Some("OPTIMIZE")).count()
    };
    while stray.exists() || compacted(Table::Events).await < 3 || compacted(Table::Sessions).await < 3 {
        put(&log, next..=next + 7, now());
        next += 8;
        until_rows(folder.path(), Table::Events, usize::try_from(next - 21).expect("small")).await;
    }
    put(&log, next..=next + 6, now());
    next += 7;
    shutdown.cancel();
    running.await.expect("joined").expect("ended well");
    assert_eq!(sequences(folder.path()).await, (21..next).collect::<Vec<_>>(), "nothing lost, nothing doubled");
    // Of tables without retention, everything stands.
    let opened = (1..next).filter(|sequence| sequence.is_multiple_of(2)).count();
    assert_eq!(lake::rows(folder.path(), Table::Sessions).await, opened);
    let status = keeper(&place(folder.path()), Table::Events).await.status().expect("status");
    let written = usize::try_from(next / 4).expect("small");
    assert!(status.files < written, "{} files of {written} cuts", status.files);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_are_retired_also_where_nothing_is_compacted() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    put(&log, 1..=20, Time(now().0 - 90 * 86_400_000_000));
    collect(patient(folder.path(), 4), log.clone()).await.expect("collected");
    age(folder.path(), Table::Events);
    let stray = stray(folder.path());
    let files = lake::files(folder.path(), Table::Sessions).await.len();
    let shutdown = CancellationToken::new();
    let running =
        tokio::spawn(interdict_collector::run(kept(folder.path(), None), Arc::new(log.clone()), shutdown.clone()));
    while stray.exists() || lake::rows(folder.path(), Table::Events).await > 0 {
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    running.await.expect("joined").expect("ended well");
    assert_eq!(lake::files(folder.path(), Table::Sessions).await.len(), files, "compaction is somebody else's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_lately_is_kept_as_long_as_what_happens_today() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    fill(&log, 1..=10);
    collect(patient(folder.path(), 4), log.clone()).await.expect("collected");
    let lake = place(folder.path());
    let table = async || keeper(&lake, Table::Events).await;
    let seconds = |days: i64| now().plus_seconds(days * 86_400);
    assert!(seconds(0) > NOON.plus_seconds(31 * 86_400), "noon is long ago");
    // It happened long ago and came just now.
    let done = table().await.expire(30, seconds(0)).await.expect("retained");
    assert_eq!((done.files, done.late), (0, 10));
    // Neither a compaction nor the rest of its time on the lake makes it younger or older.
    table().await.compact(2).await.expect("compacted");
    let done = table().await.expire(30, seconds(30)).await.expect("retained");
    assert_eq!((done.files, done.late), (0, 10));
    let done = table().await.expire(30, seconds(31)).await.expect("retained");
    assert_eq!((done.files, done.rows, done.late), (1, 10, 0));
    // Whoever wants it gone at once says so.
    fill(&log, 11..=20);
    collect(patient(folder.path(), 4), log).await.expect("collected");
    let done = table().await.retain(30, seconds(0)).await.expect("retained");
    assert_eq!((done.rows, done.late), (10, 0));
}
