//! A restart goes on from a snapshot, or folds everything again if there is none that fits.

use crate::live::{config, messages, open, pivot, read};
use futures::future::BoxFuture;
use interdict_bus::{Error, From as Offsets, Log, Position, Reader};
use interdict_detector::{Config, run};
use interdict_schemas::{Alert, Judged, Message, Topic};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// A log that notes from where the events are read first.
#[derive(Debug)]
struct Watched {
    log: Arc<dyn Log>,
    from: Mutex<Option<u64>>,
}

impl Log for Watched {
    fn append<'a>(&'a self, messages: &'a [Message]) -> BoxFuture<'a, Result<Vec<Position>, Error>> {
        self.log.append(messages)
    }

    fn partitions(&self, topic: Topic) -> BoxFuture<'_, Result<u32, Error>> {
        self.log.partitions(topic)
    }

    fn end(&self, topic: Topic, partition: u32) -> BoxFuture<'_, Result<u64, Error>> {
        self.log.end(topic, partition)
    }

    fn reader(&self, topic: Topic, from: Offsets) -> BoxFuture<'_, Result<Box<dyn Reader>, Error>> {
        if topic == Topic::Events {
            self.from.lock().expect("no panic").get_or_insert(from.get(&0).copied().unwrap_or(0));
        }
        self.log.reader(topic, from)
    }

    fn commit<'a>(&'a self, group: &'a str, topic: Topic, at: u32, offset: u64) -> BoxFuture<'a, Result<(), Error>> {
        self.log.commit(group, topic, at, offset)
    }

    fn committed<'a>(&'a self, group: &'a str, topic: Topic, at: u32) -> BoxFuture<'a, Result<Option<u64>, Error>> {
        self.log.committed(group, topic, at)
    }
}

/// Runs a detector until everything up to `end` is judged; says from where it read the bus, and all alerts there are.
async fn judge(config: Config, log: &Arc<dyn Log>, end: usize) -> (u64, Vec<Alert>) {
    let stop = CancellationToken::new();
    let watched = Arc::new(Watched { log: Arc::clone(log), from: Mutex::default() });
    let running = tokio::spawn(run(config, Arc::clone(&watched) as Arc<dyn Log>, stop.clone()));
    read(log.as_ref(), Topic::Verdicts, |read| {
        let is_judged =
            |message: &Message| matches!(message, Message::Judged(Judged { offset, .. }) if *offset >= end as u64);
        read.iter().any(is_judged)
    })
    .await;
    stop.cancel();
    running.await.expect("no panic").expect("a clean end");
    let alerts = log.end(Topic::Alerts, 0).await.expect("an end");
    let read = read(log.as_ref(), Topic::Alerts, |read| read.len() as u64 >= alerts).await;
    let alert = |message| if let Message::Alert(alert) = message { Some(alert) } else { None };
    let from = watched.from.lock().expect("no panic").expect("events were read");
    (from, read.into_iter().filter_map(alert).collect())
}

fn snapshots(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("lake").join("detector")).expect("a folder");
    let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    names.sort();
    names
}

/// Three events, a stop, `meanwhile`, the other two, and what is said by then; the second detector reads from `from`.
async fn check(what: &str, from: u64, meanwhile: impl Fn(&Path), change: impl Fn(&mut Config)) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    let events = pivot();
    let (first, rest) = events.split_at(3);
    log.append(&messages(first)).await.expect("appended");
    judge(config(folder.path()), &log, first.len()).await;
    assert_eq!(snapshots(folder.path()).len(), 1, "{what}");
    meanwhile(folder.path());
    log.append(&messages(rest)).await.expect("appended");
    let mut other = config(folder.path());
    change(&mut other);
    let (read, alerts) = judge(other, &log, events.len()).await;
    assert_eq!(read, from, "{what}");
    assert_eq!(alerts.iter().map(|alert| alert.revision).collect::<Vec<_>>(), [1, 2], "{what}");
}

#[tokio::test]
async fn a_restart_goes_on_from_the_snapshot_of_the_orderly_end() {
    check("as it was", 3, |_| {}, |_| {}).await;
}

#[tokio::test]
async fn a_snapshot_that_does_not_fit_is_passed_over() {
    let newest = |folder: &Path| snapshots(folder).pop().expect("a snapshot");
    let torn = |folder: &Path| {
        let bytes = std::fs::read(newest(folder)).expect("read");
        std::fs::write(newest(folder), &bytes[..bytes.len() / 2]).expect("written");
    };
    check("torn", 0, torn, |_| {}).await;
    check("made up", 0, |folder| std::fs::write(newest(folder), [0xff; 300]).expect("written"), |_| {}).await;
    check("gone", 0, |folder| std::fs::remove_file(newest(folder)).expect("removed"), |_| {}).await;
    check("other settings", 0, |_| {}, |config| config.settings.verdict_hours = 23).await;
    check("switched off", 0, |_| {}, |config| config.snapshots = None).await;
}

#[tokio::test]
async fn a_snapshot_of_another_log_is_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let events = pivot();
    let log = open(folder.path());
    log.append(&messages(&events)).await.expect("appended");
    judge(config(folder.path()), &log, events.len()).await;
    let other = tempfile::tempdir().expect("a folder");
    let log = open(other.path());
    log.append(&messages(&events[..3])).await.expect("appended");
    let (from, _) = judge(config(folder.path()), &log, 3).await;
    assert_eq!(from, 0);
}
