//! From the bus to committed Parquet on one core, beside arrow-rs encoding the very same rows, in one run. What counts
//! is the ratio: machines are noisy.

use arrow::array::RecordBatch;
use interdict_bus::embedded::{Embedded, Settings};
use interdict_bus::{Durability, Log, Writer};
use interdict_collector::config::{Raw, RawLake};
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
    let place = |offset: usize| Place { stamp: None, partition: 0, offset: offset as u64 };
    let mut records: Vec<Located<Message>> = (from..(from + CUT).min(EVENTS))
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

fn main() {
    if std::env::var_os(PINNED).is_none() {
        let me = std::env::current_exe().expect("this bench");
        let done = std::process::Command::new("taskset").args(["-c", "0"]).arg(me).env(PINNED, "1").status();
        assert!(done.expect("taskset of util-linux pins to one core").success());
        return;
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
