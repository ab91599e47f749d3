//! The detector on the embedded bus and the lake: what is published when, and what a crash and a restart leave.

use crate::story::events;
use deltalake::DeltaTable;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::CommitProperties;
use deltalake::kernel::{StructType, Transaction};
use futures::future::BoxFuture;
use interdict_bus::embedded::{Embedded, Settings};
use interdict_bus::{Error, From as Offsets, Log, Position, Reader};
use interdict_detector::{Config, Raw, run, run_ready};
use interdict_schemas::lake::txn::Txn;
use interdict_schemas::lake::{Located, PARTITION, Place, Record, Table, rows};
use interdict_schemas::{Alert, Envelope, Event, Judged, Message, Stamp, Topic, Verdict};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

const PIVOT: &str = "
    target bastion host=bastion.internal
    target cluster host=k8s.internal
    09:00 dana>runner@sandbox config-db/postgres open
    09:01 dana>runner@sandbox config-db/postgres reads hosts host_name=bastion.internal
    09:02 dana>runner@sandbox bastion/ssh open
    09:03 dana>runner@sandbox bastion/ssh reads kubeconfig host_name=k8s.internal
    09:04 dana>runner@sandbox cluster/http refused verdict
";

/// The story's events, today: the detector reads no more of the lake than its horizon.
pub(crate) fn pivot() -> Vec<Event> {
    let today = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").as_secs() / 86_400;
    let shift = (i64::try_from(today).expect("a day") - 20_010) * 86_400;
    let shifted = |event: Event| Event { time: event.time.plus_seconds(shift), ..event };
    events(PIVOT).into_iter().map(shifted).collect()
}

pub(crate) fn messages(events: &[Event]) -> Vec<Message> {
    events.iter().cloned().map(Message::Event).collect()
}

pub(crate) fn open(folder: &Path) -> Arc<dyn Log> {
    Embedded::open(&folder.join("log"), Settings::default()).expect("a log")
}

pub(crate) fn config(folder: &Path) -> Config {
    let lake = folder.join("lake").to_str().expect("a path").to_owned();
    Raw::default().resolve(lake, |_| unreachable!("no file is named")).expect("a config")
}

/// Reads a topic until `enough`.
pub(crate) async fn read(log: &dyn Log, topic: Topic, enough: impl Fn(&[Message]) -> bool) -> Vec<Message> {
    let mut reader = log.reader(topic, Offsets::new()).await.expect("a reader");
    let mut read = Vec::new();
    while !enough(&read) {
        for record in reader.next(16).await.expect("records") {
            read.push(Envelope::decode(&record.value).expect("an envelope").message);
        }
    }
    read
}

fn is_judged(messages: &[Message], end: usize) -> bool {
    messages.iter().any(|message| matches!(message, Message::Judged(Judged { offset, .. }) if *offset >= end as u64))
}

/// The newest record of each verdict, as the compacted topic will keep them.
fn verdicts(messages: &[Message]) -> Vec<Verdict> {
    let mut newest = BTreeMap::new();
    for message in messages {
        if let Message::Verdict(verdict) = message {
            newest.insert(verdict.id.clone(), verdict.clone());
        }
    }
    newest.into_values().collect()
}

async fn alerts(log: &dyn Log) -> Vec<Alert> {
    let end = log.end(Topic::Alerts, 0).await.expect("an end");
    let read = read(log, Topic::Alerts, |read| read.len() as u64 >= end).await;
    read.into_iter()
        .filter_map(|message| if let Message::Alert(alert) = message { Some(alert) } else { None })
        .collect()
}

/// Runs a detector until everything up to `end` is judged; returns the verdicts topic.
async fn judge(folder: &Path, log: &Arc<dyn Log>, end: usize) -> Vec<Message> {
    let stop = CancellationToken::new();
    let running = tokio::spawn(run(config(folder), Arc::clone(log), stop.clone()));
    let read = read(log.as_ref(), Topic::Verdicts, |read| is_judged(read, end)).await;
    stop.cancel();
    running.await.expect("no panic").expect("a clean end");
    read
}

#[tokio::test]
async fn a_verdict_stands_on_the_bus_before_the_mark_of_its_event() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    let (ready, is_ready) = oneshot::channel();
    let stop = CancellationToken::new();
    let running = tokio::spawn(run_ready(config(folder.path()), Arc::clone(&log), ready, stop.clone()));
    is_ready.await.expect("ready");
    let idle = read(log.as_ref(), Topic::Verdicts, |read| !read.is_empty()).await;
    assert!(matches!(idle[..], [Message::Judged(Judged { partition: 0, offset: 0, .. })]), "{idle:?}");

    let events = pivot();
    log.append(&messages(&events)).await.expect("appended");
    let read = read(log.as_ref(), Topic::Verdicts, |read| is_judged(read, events.len())).await;
    let mark =
        read.iter().position(|message| is_judged(std::slice::from_ref(message), events.len())).expect("a mark");
    assert_eq!(verdicts(&read[..mark]).len(), 1, "{read:?}");
    assert_eq!(alerts(log.as_ref()).await.iter().map(|alert| alert.revision).collect::<Vec<_>>(), [1, 2]);
    stop.cancel();
    running.await.expect("no panic").expect("a clean end");
}

/// A log that fails for good at its n-th append: before it is done, or after, which the caller cannot tell.
#[derive(Debug)]
struct Cut {
    log: Arc<dyn Log>,
    left: AtomicUsize,
    after: bool,
}

impl Log for Cut {
    fn append<'a>(&'a self, messages: &'a [Message]) -> BoxFuture<'a, Result<Vec<Position>, Error>> {
        Box::pin(async move {
            let last = self.left.fetch_sub(1, Ordering::SeqCst) == 1;
            if last && !self.after {
                return Err(Error::Broken { path: "log".into(), detail: "cut".into() });
            }
            let done = self.log.append(messages).await;
            if last { Err(Error::Broken { path: "log".into(), detail: "cut".into() }) } else { done }
        })
    }

    fn partitions(&self, topic: Topic) -> BoxFuture<'_, Result<u32, Error>> {
        self.log.partitions(topic)
    }

    fn end(&self, topic: Topic, partition: u32) -> BoxFuture<'_, Result<u64, Error>> {
        self.log.end(topic, partition)
    }

    fn reader(&self, topic: Topic, from: Offsets) -> BoxFuture<'_, Result<Box<dyn Reader>, Error>> {
        self.log.reader(topic, from)
    }

    fn commit<'a>(&'a self, group: &'a str, topic: Topic, at: u32, offset: u64) -> BoxFuture<'a, Result<(), Error>> {
        self.log.commit(group, topic, at, offset)
    }

    fn committed<'a>(&'a self, group: &'a str, topic: Topic, at: u32) -> BoxFuture<'a, Result<Option<u64>, Error>> {
        self.log.committed(group, topic, at)
    }
}

#[tokio::test]
async fn a_crash_at_any_append_loses_no_verdict_and_gives_none_twice() {
    let events = pivot();
    let mut seen = None;
    for (cut, after) in (1..=3).flat_map(|cut| [(cut, false), (cut, true)]) {
        let folder = tempfile::tempdir().expect("a folder");
        let log = open(folder.path());
        let failing = Arc::new(Cut { log: Arc::clone(&log), left: AtomicUsize::new(cut), after });
        let running = tokio::spawn(run(config(folder.path()), failing, CancellationToken::new()));
        if cut > 1 {
            read(log.as_ref(), Topic::Verdicts, |read| !read.is_empty()).await;
        }
        log.append(&messages(&events)).await.expect("appended");
        running.await.expect("no panic").expect_err("cut off");

        let read = judge(folder.path(), &log, events.len()).await;
        let verdicts = verdicts(&read);
        assert_eq!(verdicts.len(), 1, "cut at append {cut}, after: {after}");
        assert_eq!(seen.get_or_insert_with(|| verdicts.clone()), &verdicts);
        let mut alerts = alerts(log.as_ref()).await;
        alerts.dedup();
        alerts.sort_by_key(|alert| alert.revision);
        alerts.dedup();
        assert_eq!(alerts.iter().map(|alert| alert.revision).collect::<Vec<_>>(), [1, 2], "cut at append {cut}");
    }
}

#[tokio::test]
async fn a_restart_says_nothing_that_was_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    let events = pivot();
    log.append(&messages(&events)).await.expect("appended");
    judge(folder.path(), &log, events.len()).await;
    let before = alerts(log.as_ref()).await;
    // One more event, of another root, shows when the second detector has read all the others again.
    let mut other = crate::story::events("12:00 erin@laptop config-db/postgres open");
    other.iter_mut().for_each(|event| event.id = "other".into());
    log.append(&messages(&other)).await.expect("appended");
    judge(folder.path(), &log, events.len() + 1).await;
    assert_eq!(before, alerts(log.as_ref()).await);
}

/// Commits events to the lake as the collector does: rows and the next offset in one commit.
pub(crate) async fn collect(folder: &Path, events: &[Event]) {
    let located: Vec<_> = (0_u64..)
        .zip(messages(events))
        .map(|(offset, value)| {
            let stamp =
                Some(Stamp { proxy: "gw-1".into(), spool: "spool".into(), sequence: offset + 1, previous: None });
            Located { place: Place { stamp, partition: 0, offset }, value }
        })
        .collect();
    let kept: Vec<_> = located.iter().map(|located| Record::try_from(located).expect("valid")).collect();
    let batch = rows(Table::Events, &kept).expect("rows");
    let table = folder.join("lake").join(Table::Events.name());
    std::fs::create_dir_all(&table).expect("a folder");
    let url = url::Url::from_directory_path(&table).expect("a url");
    let schema: StructType = Table::Events.schema().as_ref().try_into_kernel().expect("a schema");
    let delta = DeltaTable::try_from_url(url).await.expect("a table");
    let delta = delta
        .create()
        .with_columns(schema.fields().cloned())
        .with_partition_columns([PARTITION])
        .await
        .expect("created");
    let next = Txn::Next { topic: Topic::Events, partition: 0 };
    let done = Transaction::new(next, i64::try_from(events.len()).expect("an offset"));
    delta
        .write([batch])
        .with_commit_properties(CommitProperties::default().with_application_transaction(done))
        .await
        .expect("written");
}

#[tokio::test]
async fn what_the_lake_knows_counts_wherever_it_is_cut() {
    let events = pivot();
    for at in [1, 3, 4, 6, events.len()] {
        let folder = tempfile::tempdir().expect("a folder");
        collect(folder.path(), &events[..at]).await;
        let log = open(folder.path());
        // On the bus, what stands before the lake's offset is another's: it must not be read again.
        let others = events[..at].iter().map(|event| Event { id: format!("x-{}", event.id), ..event.clone() });
        log.append(&messages(&others.collect::<Vec<_>>())).await.expect("appended");
        log.append(&messages(&events[at..])).await.expect("appended");
        let read = judge(folder.path(), &log, events.len()).await;
        assert_eq!(verdicts(&read).len(), 1, "lake up to {at}");
        let revisions: Vec<_> = alerts(log.as_ref()).await.iter().map(|alert| alert.revision).collect();
        assert_eq!(revisions, [1, 2], "lake up to {at}");
    }
}
