//! The logs under test and what is written to them.

use crate::broker::Broker;
use interdict_bus::{
    From, Log, Reader, Record,
    embedded::{self, Embedded},
    kafka::{self, Kafka},
};
use interdict_schemas::{
    Account, Closed, Envelope, Event, Identity, Kind, Message, Mode, Principal, PrincipalKind, Protocol, Scope,
    Source, Stop, Target, Time, Topic, Verdict,
};
use std::{sync::Arc, time::Duration};

/// No wait of a test is longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const PARTITIONS: u32 = 4;

/// A log, and what must live as long as it.
pub(crate) struct Bed {
    pub(crate) log: Arc<dyn Log>,
    _folder: Option<tempfile::TempDir>,
}

pub(crate) fn small() -> embedded::Settings {
    embedded::Settings { reserve: 1 << 20, slack: 4 }
}

pub(crate) async fn embedded() -> Bed {
    let folder = tempfile::tempdir().expect("folder");
    let log = Embedded::open(folder.path(), small()).expect("open");
    Bed { log, _folder: Some(folder) }
}

pub(crate) fn settings(bootstrap: String) -> kafka::Settings {
    let mut settings = kafka::Settings::new(bootstrap);
    settings.partitions = PARTITIONS;
    settings.replication = 1;
    settings.timeout = Duration::from_secs(30);
    settings
}

pub(crate) async fn shared_broker() -> &'static Broker {
    tokio::task::spawn_blocking(Broker::shared).await.expect("the broker starts")
}

pub(crate) async fn connect(bootstrap: String) -> Arc<Kafka> {
    Kafka::connect(settings(bootstrap)).await.expect("connect")
}

pub(crate) async fn kafka() -> Bed {
    let log = connect(shared_broker().await.bootstrap()).await;
    Bed { log, _folder: None }
}

/// A name that no other test uses: tests share the topics of one broker.
pub(crate) fn unique(name: &str) -> String {
    format!("{name}-{}", ulid::Ulid::new())
}

pub(crate) fn event(root: &str, id: &str, kind: Kind) -> Message {
    let principal = Principal { id: root.to_owned(), kind: PrincipalKind::Workload };
    Message::Event(Event {
        id: id.to_owned(),
        time: Time::from_millis(1_700_000_000_000),
        session: format!("session-{id}"),
        identity: Identity::new("https://issuer.example", vec![principal]).expect("a chain"),
        source: Source::default(),
        target: Target {
            name: "orders-db".into(),
            protocol: Protocol::Postgres,
            host: None,
            address: None,
            port: 5432,
            alias: None,
        },
        account: Account::default(),
        disclosures: Vec::new(),
        presented: Vec::new(),
        kind,
    })
}

pub(crate) fn opened(root: &str, id: &str) -> Message {
    event(root, id, Kind::Opened)
}

pub(crate) fn closed(root: &str, id: &str) -> Message {
    let closed = Closed {
        reason: "client".into(),
        detail: String::new(),
        verdict: None,
        opened: Time::default(),
        actions: 0,
        denied: 0,
        bytes_in: 0,
        bytes_out: 0,
    };
    event(root, id, Kind::Closed(closed))
}

pub(crate) fn verdict(id: &str, reason: &str) -> Message {
    Message::Verdict(Verdict {
        id: id.to_owned(),
        time: Time::from_millis(1_700_000_000_000),
        scope: Scope { root: Some("dana".into()), ..Scope::default() },
        effect: Stop::Stop,
        mode: Mode::Enforce,
        until: Time::from_millis(1_800_000_000_000),
        reason: reason.to_owned(),
        evidence: Vec::new(),
        alert: None,
        by: "test".into(),
        revoked: false,
    })
}

pub(crate) fn decode(record: &Record) -> Envelope {
    Envelope::decode(&record.value).expect("an envelope")
}

/// The id of the event in a record.
pub(crate) fn event_id(record: &Record) -> String {
    match decode(record).message {
        Message::Event(event) => event.id,
        other => panic!("not an event: {other:?}"),
    }
}

/// Where each partition ends now, so that a test sees only what comes later.
pub(crate) async fn ends(log: &dyn Log, topic: Topic) -> From {
    let mut ends = From::new();
    for partition in 0..log.partitions(topic).await.expect("partitions") {
        ends.insert(partition, log.end(topic, partition).await.expect("end"));
    }
    ends
}

/// Reads until `count` records of which `wanted` holds are there, at most `most` at once.
pub(crate) async fn read(
    reader: &mut dyn Reader,
    count: usize,
    most: usize,
    wanted: impl Fn(&Record) -> bool,
) -> Vec<Record> {
    let mut records = Vec::new();
    while records.len() < count {
        let next = tokio::time::timeout(PATIENCE, reader.next(most)).await;
        let next = next.unwrap_or_else(|_| panic!("only {} of {count} records came", records.len())).expect("read");
        assert!(!next.is_empty() && next.len() <= most, "{} records", next.len());
        records.extend(next.into_iter().filter(&wanted));
    }
    records
}
