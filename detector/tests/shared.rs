//! Several detectors on a real Apache Kafka: together they say what one says, while partitions change hands.

use crate::broker::Broker;
use crate::live::{config, messages};
use crate::world::{batch, figure, world};
use interdict_bus::kafka::{Kafka, Settings};
use interdict_bus::{From as Offsets, Log};
use interdict_detector::{Error, run_ready};
use interdict_schemas::{Envelope, Event, Message, Topic};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(60);
const PARTITIONS: u32 = 3;

async fn connect(broker: &Broker) -> Arc<dyn Log> {
    let mut settings = Settings::new(broker.bootstrap());
    (settings.partitions, settings.replication) = (PARTITIONS, 1);
    Kafka::connect(settings).await.expect("Kafka")
}

/// A detector with a connection of its own.
struct Running {
    stop: CancellationToken,
    task: JoinHandle<Result<(), Error>>,
}

impl Running {
    /// Returns when it has its partitions.
    async fn start(folder: &Path, broker: &Broker) -> Self {
        let (ready, is_ready) = oneshot::channel();
        let stop = CancellationToken::new();
        let log = connect(broker).await;
        let task = tokio::spawn(run_ready(config(folder), log, ready, stop.clone()));
        tokio::time::timeout(PATIENCE, is_ready).await.expect("in time").expect("ready");
        Self { stop, task }
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.expect("no panic").expect("a clean end");
    }
}

/// Everything that a topic holds now.
async fn all(log: &dyn Log, topic: Topic) -> Vec<Message> {
    let mut read = Vec::new();
    let mut reader = log.reader(topic, Offsets::new()).await.expect("a reader");
    for partition in 0..log.partitions(topic).await.expect("partitions") {
        let end = log.end(topic, partition).await.expect("an end");
        while reader.position(partition) < end {
            let records = tokio::time::timeout(PATIENCE, reader.next(1024)).await.expect("in time").expect("records");
            read.extend(records.iter().map(|record| Envelope::decode(&record.value).expect("an envelope").message));
        }
    }
    read
}

/// Appends events one after the other, each when the one before is judged: what comes at the same moment in several
/// partitions has no order.
async fn judged(log: &dyn Log, events: &[Event]) {
    for event in events {
        judged_together(log, std::slice::from_ref(event)).await;
    }
}

/// Appends events and waits until they are judged.
async fn judged_together(log: &dyn Log, events: &[Event]) {
    log.append(&messages(events)).await.expect("appended");
    let mut ends = BTreeMap::new();
    for partition in 0..PARTITIONS {
        ends.insert(partition, log.end(Topic::Events, partition).await.expect("an end"));
    }
    let mut reader = log.reader(Topic::Verdicts, Offsets::new()).await.expect("a reader");
    let wait = async {
        while !ends.is_empty() {
            for record in reader.next(64).await.expect("records") {
                if let Message::Judged(mark) = Envelope::decode(&record.value).expect("an envelope").message
                    && ends.get(&mark.partition).is_some_and(|end| mark.offset >= *end)
                {
                    ends.remove(&mark.partition);
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("judged in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn detectors_that_come_and_go_say_what_one_says() {
    let broker = tokio::task::spawn_blocking(Broker::start).await.expect("a broker");
    let folder = tempfile::tempdir().expect("a folder");
    let log = connect(&broker).await;
    let events = world();
    // Of each attack something stands in every part.
    let parts: Vec<&[Event]> = events.chunks(events.len().div_ceil(5)).collect();
    let [backlog, alone, together, other, anew] = parts.as_slice() else { panic!("{} parts", parts.len()) };
    log.append(&messages(backlog)).await.expect("appended");
    let first = Running::start(folder.path(), &broker).await;
    judged(log.as_ref(), alone).await;
    let second = Running::start(folder.path(), &broker).await;
    judged(log.as_ref(), together).await;
    first.end().await;
    judged(log.as_ref(), other).await;
    second.end().await;
    let third = Running::start(folder.path(), &broker).await;
    judged(log.as_ref(), anew).await;
    third.end().await;
    let mut said = all(log.as_ref(), Topic::Verdicts).await;
    said.extend(all(log.as_ref(), Topic::Alerts).await);
    assert_eq!(figure(&said), figure(&batch(&events)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_in_many_partitions_is_folded_by_time() {
    let broker = tokio::task::spawn_blocking(Broker::start).await.expect("a broker");
    let folder = tempfile::tempdir().expect("a folder");
    let log = connect(&broker).await;
    let events = world();
    // More of one root than a partition may hold while it waits for another.
    let last = events.last().expect("an event");
    let flood = (0..12_000).map(|at| Event {
        id: format!("flood-{at}"),
        time: last.time.plus_seconds(60).plus_micros(at),
        kind: interdict_schemas::Kind::Opened,
        disclosures: Vec::new(),
        ..events[0].clone()
    });
    let flood: Vec<Event> = flood.collect();
    for chunk in flood.chunks(1000) {
        log.append(&messages(chunk)).await.expect("appended");
    }
    log.append(&messages(&events)).await.expect("appended");
    let detector = Running::start(folder.path(), &broker).await;
    judged(log.as_ref(), &[]).await;
    detector.end().await;
    let mut said = all(log.as_ref(), Topic::Verdicts).await;
    said.extend(all(log.as_ref(), Topic::Alerts).await);
    // In its partition, the flood comes first whatever its time.
    let same = interdict_bus::partition_of(&events[0].identity.root().id, PARTITIONS);
    let elsewhere: Vec<Event> = events
        .iter()
        .filter(|event| interdict_bus::partition_of(&event.identity.root().id, PARTITIONS) != same)
        .cloned()
        .collect();
    let roots: Vec<_> = elsewhere.iter().map(|event| event.identity.root().id.clone()).collect();
    said.retain(|message| match message {
        Message::Alert(alert) => roots.contains(&alert.root),
        Message::Verdict(verdict) => verdict.scope.root.as_ref().is_some_and(|root| roots.contains(root)),
        _ => false,
    });
    assert_eq!(figure(&said), figure(&batch(&elsewhere)));
}
