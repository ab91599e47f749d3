//! Lakes made for a test, as the collector writes them.

mod proof;

use deltalake::DeltaTableBuilder;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel as _;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action as DeltaAction, StructType, Transaction};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::writer::{DeltaWriter as _, RecordBatchWriter};
use interdict_queries::{Engine, Rows, Settings};
use interdict_schemas::lake::{self, Located, Place, Record, Table, txn::Txn};
use interdict_schemas::{
    Account, Action, Alert, Chunk, Class, Closed, Decision, Digest, Disclosure, DisclosureKind, Effect, Event, Hop,
    Identity, Kind, Message, Mode, Outcome, Principal, PrincipalKind, Protocol, Refused, Scope, Severity, Source,
    Stamp, Status, Stop, Stream, Target, Technique, Time, Topic, Verb, Verdict, chain,
};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use url::Url;

pub(crate) use proof::{pair, public};

/// 2026-03-02 08:00:00 UTC.
pub(crate) const MORNING: Time = Time(1_772_438_400_000_000);

pub(crate) struct Lake {
    folder: tempfile::TempDir,
    spool: &'static str,
    /// When the last event was.
    now: Time,
    offset: u64,
    sequences: [u64; 2],
    /// The heads of the chains of both topics, where there are chains.
    heads: Option<[Digest; 2]>,
}

/// The topics whose records form chains.
const CHAINS: [Topic; 2] = [Topic::Events, Topic::Recordings];

const SPOOL: &str = "01SPOOL";

impl Lake {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        Self { folder, spool: SPOOL, now: MORNING.plus_seconds(-60), offset: 0, sequences: [0; 2], heads: None }
    }

    /// A lake of a gateway that chains its records.
    pub(crate) fn chained() -> Self {
        Self::chained_as(SPOOL)
    }

    /// The same with another log.
    pub(crate) fn chained_as(spool: &'static str) -> Self {
        let heads = CHAINS.map(|topic| chain::genesis(spool, topic, 0));
        Self { spool, heads: Some(heads), ..Self::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn engine(&self) -> Engine {
        let lake = self.path().to_str().expect("utf-8 path");
        Engine::open(lake, Settings::default()).expect("opens")
    }

    /// The message with the next number of the proxy `gw-1` where a proxy writes it, and the next offset.
    pub(crate) fn next(&mut self, message: Message) -> Located<Message> {
        let log = match &message {
            Message::Event(event) => {
                self.now = event.time.max(self.now);
                Some(0)
            }
            Message::Chunk(_) => Some(1),
            _ => None,
        };
        let stamp = log.map(|log| {
            self.sequences[log] += 1;
            let sequence = self.sequences[log];
            let previous = self.heads.map(|heads| heads[log]);
            if let Some(heads) = &mut self.heads {
                heads[log] = chain::link(&heads[log], sequence, "gw-1", &chain::record(&message.encode()));
            }
            Stamp { proxy: "gw-1".into(), spool: self.spool.into(), sequence, previous }
        });
        let place = Place { stamp, partition: 0, offset: self.offset };
        self.offset += 1;
        Located { place, value: message }
    }

    /// Numbers and writes.
    pub(crate) async fn write(&mut self, messages: impl IntoIterator<Item = Message>) {
        let records: Vec<_> = messages.into_iter().map(|message| self.next(message)).collect();
        self.put(&records, &Table::ALL).await;
    }

    /// Writes records as they are into these tables.
    pub(crate) async fn put(&self, records: &[Located<Message>], tables: &[Table]) {
        let records: Vec<_> = records.iter().map(|located| Record::try_from(located).expect("valid")).collect();
        for table in tables {
            let batch = lake::rows(*table, &records).expect("rows");
            if batch.num_rows() == 0 {
                continue;
            }
            let folder = self.path().join(table.name());
            std::fs::create_dir_all(&folder).expect("folder");
            let url = Url::from_directory_path(&folder).expect("absolute");
            let mut delta = DeltaTableBuilder::from_url(url).expect("url").build().expect("table");
            if delta.verify_deltatable_existence().await.expect("looks") {
                delta.load().await.expect("loads");
            } else {
                let columns: StructType = table.schema().as_ref().try_into_kernel().expect("columns");
                let create = CreateBuilder::new()
                    .with_log_store(delta.log_store())
                    .with_columns(columns.fields().cloned())
                    .with_partition_columns([lake::PARTITION]);
                delta = create.await.expect("creates");
            }
            let mut writer = RecordBatchWriter::for_table(&delta).expect("a writer");
            writer.write(batch).await.expect("writes");
            let mut adds = writer.flush().await.expect("flushes");
            for add in &mut adds {
                let hash = Sha256::digest(std::fs::read(folder.join(&add.path)).expect("reads"));
                let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
                add.tags.get_or_insert_default().insert(lake::FILE_DIGEST.to_owned(), Some(hex));
            }
            let next = records.iter().map(|record| record.offset + 1).max().unwrap_or_default();
            let txn = Txn::Next { topic: Topic::Events, partition: 0 };
            let properties = CommitProperties::default()
                .with_application_transaction(Transaction::new(txn, i64::try_from(next).expect("small")));
            let by = Some(vec![lake::PARTITION.to_owned()]);
            let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: by, predicate: None };
            CommitBuilder::from(properties)
                .with_actions(adds.into_iter().map(DeltaAction::Add).collect())
                .build(Some(delta.snapshot().expect("loaded")), delta.log_store(), operation)
                .await
                .expect("commits");
        }
    }
}

/// The result as CSV.
pub(crate) async fn csv(rows: Rows) -> String {
    let mut out = Vec::new();
    interdict_queries::output::write(rows, interdict_queries::output::Format::Csv, None, &mut out)
        .await
        .expect("writes");
    String::from_utf8(out).expect("utf-8")
}

/// One session's maker of events.
#[derive(Clone)]
pub(crate) struct Session {
    id: &'static str,
    chain: Vec<Principal>,
    target: &'static str,
    protocol: Protocol,
    start: Time,
}

pub(crate) fn session(
    id: &'static str,
    chain: &[&str],
    target: &'static str,
    protocol: Protocol,
    seconds: i64,
) -> Session {
    let chain = chain.iter().enumerate().map(|(depth, id)| Principal {
        id: (*id).into(),
        kind: if depth == 0 { PrincipalKind::Person } else { PrincipalKind::Agent },
    });
    Session { id, chain: chain.collect(), target, protocol, start: MORNING.plus_seconds(seconds) }
}

impl Session {
    fn event(&self, id: &str, seconds: i64, kind: Kind) -> Message {
        Message::Event(Event {
            id: format!("{}-{id}", self.id),
            time: self.start.plus_seconds(seconds),
            session: self.id.into(),
            identity: Identity::new("https://issuer.example", self.chain.clone()).expect("chain"),
            source: Source { address: "10.0.0.7".parse().ok(), ..Source::default() },
            target: Target {
                name: self.target.into(),
                protocol: self.protocol,
                host: None,
                address: None,
                port: 0,
                alias: None,
            },
            account: Account { name: "app".into(), credential: None },
            disclosures: Vec::new(),
            presented: Vec::new(),
            kind,
        })
    }

    pub(crate) fn opened(&self) -> Message {
        self.event("open", 0, Kind::Opened)
    }

    pub(crate) fn refused(&self, reason: &str) -> Message {
        self.event(
            "refused",
            0,
            Kind::Refused(Refused { reason: reason.into(), detail: "in words".into(), verdict: Some("v-1".into()) }),
        )
    }

    pub(crate) fn closed(&self, seconds: i64) -> Message {
        self.event(
            "close",
            seconds,
            Kind::Closed(Closed {
                reason: "client".into(),
                detail: String::new(),
                verdict: None,
                opened: self.start,
                actions: 2,
                denied: 1,
                bytes_in: 100,
                bytes_out: 2000,
            }),
        )
    }

    pub(crate) fn acted(&self, action: &str, seconds: i64, text: &str, denied: Option<&str>) -> Message {
        let class = match self.protocol {
            Protocol::Postgres => Class::Statement,
            Protocol::Ssh => Class::Command,
            Protocol::Kubernetes => Class::Api,
            Protocol::Smb => Class::File,
            _ => Class::Request,
        };
        let decision = Decision {
            effect: if denied.is_some() { Effect::Deny } else { Effect::Allow },
            reason: denied.unwrap_or_default().into(),
            policies: vec!["base".into()],
        };
        let action = Action {
            id: action.into(),
            class,
            verb: Verb::Read,
            text: text.into(),
            objects: Vec::new(),
            parameters_digest: None,
            database: None,
        };
        self.event(&format!("acted-{}", action.id), seconds, Kind::Acted { action, decision, outcome: None })
    }

    pub(crate) fn resulted(&self, action: &str, seconds: i64, learned: &[(&str, &str)]) -> Message {
        let outcome = Outcome {
            status: Status::Success,
            code: "00000".into(),
            detail: String::new(),
            rows: 3,
            bytes_in: 10,
            bytes_out: 200,
            duration_us: 1500,
        };
        let kind = Kind::Resulted { action: action.into(), class: Class::Statement, outcome };
        let mut message = self.event(&format!("resulted-{action}"), seconds, kind);
        if let Message::Event(event) = &mut message {
            event.disclosures = learned
                .iter()
                .map(|(value, target)| Disclosure {
                    kind: DisclosureKind::HostName,
                    value: (*value).into(),
                    target: Some((*target).into()),
                })
                .collect();
        }
        message
    }

    pub(crate) fn chunk(&self, index: u64, millis: i64, stream: Stream, data: &[u8]) -> Message {
        Message::Chunk(Chunk {
            session: self.id.into(),
            index,
            time: self.start.plus_micros(millis * 1000),
            stream,
            data: data.into(),
            root: "user:dana".into(),
            target: self.target.into(),
        })
    }
}

pub(crate) fn alert(id: &str, revision: u32) -> Message {
    Message::Alert(Alert {
        id: id.into(),
        time: MORNING.plus_seconds(i64::from(revision)),
        detection: "disclosed_target".into(),
        root: "user:dana".into(),
        actor: "agent:plan".into(),
        title: format!("revision {revision}"),
        explanation: "why".into(),
        severity: Severity::High,
        risk: 800,
        confidence: 90,
        chain: vec![Hop {
            time: MORNING,
            session: "s1".into(),
            actor: "agent:plan".into(),
            source: "10.0.0.7".into(),
            target: "cmdb".into(),
            protocol: "postgres".into(),
            account: "app".into(),
            cause: "start".into(),
            evidence: "read".into(),
            events: vec!["s1-open".into()],
        }],
        techniques: vec![Technique { tactic: "TA0008".into(), id: "T1021.004".into(), name: "SSH".into() }],
        verdict: Some("v-1".into()),
        revision,
    })
}

pub(crate) fn verdict(id: &str, revoked: bool) -> Message {
    Message::Verdict(Verdict {
        id: id.into(),
        time: MORNING,
        scope: Scope { root: Some("user:dana".into()), ..Scope::default() },
        effect: Stop::Stop,
        mode: Mode::Enforce,
        until: MORNING.plus_seconds(3600),
        reason: "pivot".into(),
        evidence: vec!["s1-open".into()],
        alert: Some("f-1".into()),
        by: "disclosed_target".into(),
        revoked,
    })
}

/// Two days: a bot's routine, and an agent that reads a name, opens what it names and is refused the next hop.
pub(crate) async fn story() -> Lake {
    const DAY: i64 = 86_400;
    let mut lake = Lake::new();
    let bot = ["svc:deploy"];
    let agent = ["user:dana", "agent:plan"];
    let routine = session("s0", &bot, "cmdb", Protocol::Postgres, 0);
    let earlier = session("s1", &["user:dana"], "cmdb", Protocol::Postgres, 60);
    let read = session("s2", &agent, "cmdb", Protocol::Postgres, 2 * DAY);
    let hop = session("s3", &agent, "bastion", Protocol::Ssh, 2 * DAY + 30);
    let last = session("s4", &agent, "cluster", Protocol::Kubernetes, 2 * DAY + 60);
    lake.write([
        routine.opened(),
        routine.acted("a0", 1, "select host from hosts", None),
        routine.resulted("a0", 2, &[("bastion.example", "bastion")]),
        routine.closed(3),
        earlier.opened(),
        earlier.closed(5),
    ])
    .await;
    lake.write([
        read.opened(),
        read.acted("a1", 1, "select host from hosts where note = '\u{1b}[2J'", None),
        read.acted("a2", 2, "drop table hosts", Some("only reads")),
        read.resulted("a1", 3, &[("bastion.example", "bastion"), ("api.example", "cluster")]),
        hop.opened(),
        hop.acted("a3", 1, "kubectl get pods", None),
        last.refused("verdict"),
        read.closed(90),
        alert("f-1", 1),
        verdict("v-1", false),
        alert("f-1", 2),
        verdict("v-1", true),
    ])
    .await;
    lake
}
