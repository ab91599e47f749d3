//! From the bus to committed Parquet on one core, beside arrow-rs encoding the very same rows, in one run. What counts
//! is the ratio: machines are noisy.

use arrow::array::RecordBatch;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel as _;
use deltalake::kernel::transaction::CommitBuilder;
use deltalake::kernel::{self, Add, StructType};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use interdict_bus::embedded::{Embedded, Settings};
use interdict_bus::{Durability, Log, Writer};
use interdict_collector::config::{Raw, RawLake};
use interdict_collector::maintain::Keeper;
use interdict_schemas::lake::{self, Located, Place, Table};
use interdict_schemas::{
    Account, Action, Class, Closed, Decision, Effect, Event, Identity, Kind, Message, Principal, PrincipalKind,
    Protocol, Source, Target, Time, Topic, Verb,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const EVENTS: usize = 600_000;
const CUT: usize = 50_000;
const ROUNDS: usize = 3;
const PINNED: &str = "INTERDICT_BENCH_PINNED";

/// About 500 bytes each: sessions of an opening, six statements and an end.
fn event(index: usize) -> Event {
    let (session, part) = (index / 8, index % 8);
    let mix = session.wrapping_mul(2_654_435_761);
    let root = mix % 5_000;
    let target = (root * 7 + mix % 5) % 2_000;
    let time = Time(1_772_409_600_000_000 + i64::try_from(index).expect("small") * 10_000);
    let mut chain =
        vec![Principal { id: format!("workload-{root}@prod.example.com"), kind: PrincipalKind::Workload }];
    if mix.is_multiple_of(3) {
        chain.push(Principal { id: format!("agent-{}", mix % 40), kind: PrincipalKind::Agent });
    }
    let mut identity = Identity::new("https://issuer.example.com", chain).expect("identity");
    identity.groups = vec!["engineering".into(), format!("team-{}", mix % 30)];
    let kind = match part {
        0 => Kind::Opened,
        7 => Kind::Closed(Closed {
            reason: "client".into(),
            detail: String::new(),
            verdict: None,
            opened: time,
            actions: 6,
            denied: 0,
            bytes_in: 1_100,
            bytes_out: 9_000,
        }),
        _ => Kind::Acted {
            action: Action {
                id: format!("01JN{index:022}"),
                class: Class::Statement,
                verb: Verb::Read,
                text: format!(
                    "select o.id, o.total, c.name from orders o join customers c on c.id = o.customer where o.id = {} \
                     and o.placed > now() - interval '7 days' order by o.placed desc limit 50",
                    mix % 100_000
                ),
                objects: vec!["orders".into(), "customers".into()],
                parameters_digest: None,
                database: Some("shop".into()),
            },
            decision: Decision { effect: Effect::Allow, reason: String::new(), policies: vec!["shop-read".into()] },
            outcome: None,
        },
    };
    Event {
        id: format!("01JM{index:022}"),
        time,
        session: format!("01JK{session:022}"),
        identity,
        source: Source { address: Some([10, 0, 3, 7].into()), port: 40_000, ..Source::default() },
        target: Target {
            name: format!("orders-db-{target}"),
            protocol: Protocol::Postgres,
            host: Some(format!("db-{target}.internal.example.com")),
            address: None,
            port: 5432,
            alias: None,
        },
        account: Account { name: "app".into(), credential: Some(format!("cred-{}", target % 50)) },
        disclosures: Vec::new(),
        presented: Vec::new(),
        kind,
    }
}

/// The rows of one cut, as the table sorts them.
fn cut(from: usize) -> RecordBatch {
    rows(from, CUT.min(EVENTS - from))
}

fn rows(from: usize, count: usize) -> RecordBatch {
    let place = |offset: usize| Place { stamp: None, partition: 0, offset: offset as u64 };
    let mut records: Vec<Located<Message>> = (from..from + count)
        .map(|index| Located { place: place(index), value: Message::Event(event(index)) })
        .collect();
    records.sort_by_key(|record| record.value.key());
    lake::rows(Table::Events, &records).expect("rows")
}

/// Encoding alone, as arrow-rs does by itself: events a second, and bytes an event.
fn plain(cuts: &[RecordBatch]) -> (f64, f64) {
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(1).expect("level"))).build();
    let (began, mut bytes) = (Instant::now(), 0);
    for rows in cuts {
        let mut out = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut out, rows.schema(), Some(properties.clone())).expect("writer");
        writer.write(rows).expect("written");
        writer.close().expect("closed");
        bytes += out.len();
    }
    let rows: usize = cuts.iter().map(RecordBatch::num_rows).sum();
    (rate(rows, began.elapsed()), ratio(bytes, rows))
}

#[expect(clippy::cast_precision_loss, reason = "small")]
fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "small")]
fn ratio(left: usize, right: usize) -> f64 {
    left as f64 / right as f64
}

/// From the embedded log into all tables of the events topic, each commit on disk.
fn collect(log: &Arc<Embedded>, folder: &Path) -> f64 {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runtime");
    runtime.block_on(async {
        let config = Raw::default().resolve(RawLake::default(), folder).expect("settings");
        assert_eq!(config.limits.rows, CUT, "a cut is what is encoded alone below");
        let (stop, began) = (CancellationToken::new(), Instant::now());
        let run = tokio::spawn(interdict_collector::run(config, Arc::clone(log) as Arc<dyn Log>, stop.clone()));
        // Made, taken over, and a commit a cut.
        let last = format!("_delta_log/{:020}.json", 1 + EVENTS / CUT);
        let is_there = |table: Table| folder.join("lake").join(table.name()).join(&last).exists();
        while !is_there(Table::Events) || !is_there(Table::Sessions) {
            assert!(!run.is_finished(), "the collector ended early");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let found = rate(EVENTS, began.elapsed());
        stop.cancel();
        run.await.expect("joined").expect("collected");
        found
    })
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) / 1_024
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A day of many tiny files becomes few sorted ones; in a process of its own, for its memory.
fn compact() {
    const FILES: usize = 10_000;
    const ROWS: usize = 60;
    let folder = tempfile::tempdir().expect("folder");
    let place = interdict_collector::Lake::parse(folder.path(), Path::new("")).expect("a place");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runtime");
    let schema: StructType = Table::Events.schema().as_ref().try_into_kernel().expect("a schema");
    std::fs::create_dir_all(folder.path().join("events/date=2026-03-02")).expect("folder");
    runtime.block_on(async {
        let table = CreateBuilder::new()
            .with_location(folder.path().join("events").to_str().expect("plain"))
            .with_columns(schema.fields().cloned())
            .with_partition_columns(["date"])
            .await
            .expect("a table");
        let mut adds = Vec::with_capacity(FILES);
        for file in 0..FILES {
            let rows =
                rows(file * ROWS, ROWS).project(&(1..Table::Events.schema().fields().len()).collect::<Vec<_>>());
            let rows = rows.expect("without the day");
            let path = format!("date=2026-03-02/{file}.parquet");
            let out = std::fs::File::create(folder.path().join("events").join(&path)).expect("file");
            let mut writer = ArrowWriter::try_new(out, rows.schema(), None).expect("writer");
            writer.write(&rows).expect("written");
            writer.close().expect("closed");
            let size = std::fs::metadata(folder.path().join("events").join(&path)).expect("size").len();
            adds.push(kernel::Action::Add(Add {
                path,
                size: i64::try_from(size).expect("small"),
                partition_values: [("date".to_owned(), Some("2026-03-02".to_owned()))].into(),
                data_change: true,
                ..Add::default()
            }));
        }
        let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
        let snapshot = table.snapshot().expect("state");
        let commit = CommitBuilder::default().with_actions(adds).build(Some(snapshot), table.log_store(), operation);
        commit.await.expect("committed");
        let before = peak_mib();
        let began = Instant::now();
        let mut keeper = Keeper::open(&place, Table::Events).await.expect("opens").expect("is there");
        let done = keeper.compact(2).await.expect("compacted");
        assert_eq!((done.taken, done.rows), (FILES, (FILES * ROWS) as u64));
        let rate = rate(FILES * ROWS, began.elapsed());
        println!(
            "compaction: {} files of one day became {}, {} rows, {rate:.0} rows/s, peak {} MiB (before it {before})",
            done.taken,
            done.made,
            done.rows,
            peak_mib()
        );
    });
}

fn main() {
    let Some(part) = std::env::var_os(PINNED) else {
        for part in ["write", "compact"] {
            let me = std::env::current_exe().expect("this bench");
            let done = std::process::Command::new("taskset").args(["-c", "0"]).arg(me).env(PINNED, part).status();
            assert!(done.expect("taskset of util-linux pins to one core").success());
        }
        return;
    };
    if part == "compact" {
        return compact();
    }
    let (mut collected, mut encoded) = (Vec::new(), Vec::new());
    let mut held = 0;
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().expect("folder");
        let log = Embedded::open(&folder.path().join("log"), Settings::default()).expect("log");
        let writer = Writer::embedded(Arc::clone(&log), "bench", Durability::Os).expect("writer");
        for index in 0..EVENTS {
            writer.append(&Message::Event(event(index))).expect("appended");
        }
        collected.push(collect(&log, folder.path()));
        held = held.max(peak_mib());
    }
    let size: usize = (0..1_000).map(|index| Message::Event(event(index)).encode().len()).sum();
    let cuts: Vec<RecordBatch> = (0..EVENTS).step_by(CUT).map(cut).collect();
    let mut bytes = 0.0;
    for _ in 0..ROUNDS {
        let (rate, each) = plain(&cuts);
        encoded.push(rate);
        bytes = each;
    }
    let (ours, theirs) = (median(collected), median(encoded));
    println!("events of {} bytes on the bus, topic {}", size / 1_000, Topic::Events);
    println!("bus to committed Parquet, one core:  {ours:.0} events/s into three tables, peak {held} MiB");
    println!("arrow-rs encoding one of them alone: {theirs:.0} events/s, {bytes:.0} bytes an event");
    println!("ratio: {:.2}", ours / theirs);
}
