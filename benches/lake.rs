//! Events a second: the collector from the log into Delta Lake, the proof of what it wrote, the detector's fold on one core.

use crate::figures::median;
use interdict_bus::embedded::{self, Embedded};
use interdict_bus::{Durability, Writer};
use interdict_collector::Config;
use interdict_collector::config::{Raw, RawLake};
use interdict_collector::maintain::Keeper;
use interdict_detector::{Detector, Settings};
use interdict_queries::Engine;
use interdict_queries::verify::{self, Options, Part};
use interdict_schemas::lake::Table;
use interdict_schemas::{
    Account, Action, Class, Closed, Decision, Effect, Event, Identity, Kind, Message, Principal, PrincipalKind,
    Protocol, Source, Target, Time, Verb,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

const ROUNDS: usize = 3;
const COLLECTED: usize = 300_000;
const PROVEN: usize = 4_000_000;
const FOLDED: usize = 2_000_000;
const ROOTS: usize = 5_000;
const TARGETS: usize = 2_000;

/// Sessions of an opening, two actions and an end, spread over identities and targets as a day would be.
fn events(count: usize) -> impl Iterator<Item = Event> {
    (0..count).map(|index| {
        let (session, part) = (index / 4, index % 4);
        let mix = session.wrapping_mul(2_654_435_761);
        let root = mix % ROOTS;
        // An identity has its few targets, and now and then another.
        let target = if mix % 97 == 0 { mix / 97 % TARGETS } else { root * 7 + mix % 5 } % TARGETS;
        let time = Time(1_772_409_600_000_000 + i64::try_from(index).expect("small") * 10_000);
        let chain = vec![Principal { id: format!("root-{root}"), kind: PrincipalKind::Workload }];
        let kind = match part {
            0 => Kind::Opened,
            3 => Kind::Closed(Closed {
                reason: "client".into(),
                detail: String::new(),
                verdict: None,
                opened: time,
                actions: 2,
                denied: 0,
                bytes_in: 100,
                bytes_out: 1000,
            }),
            _ => Kind::Acted {
                action: Action {
                    id: format!("a{index}"),
                    class: Class::Statement,
                    verb: Verb::Read,
                    text: format!("select name, price from products where id = {}", mix % 1000),
                    objects: vec!["products".into()],
                    parameters_digest: None,
                    database: Some("shop".into()),
                },
                decision: Decision { effect: Effect::Allow, reason: String::new(), policies: vec!["all".into()] },
                outcome: None,
            },
        };
        Event {
            id: format!("e{index}"),
            time,
            session: format!("s{session}"),
            identity: Identity::new("https://bench", chain).expect("identity"),
            source: Source { address: Some([10, 0, 0, 1].into()), port: 40_000, ..Source::default() },
            target: Target {
                name: format!("target-{target}"),
                protocol: Protocol::Postgres,
                host: None,
                address: None,
                port: 5432,
                alias: None,
            },
            account: Account { name: "app".into(), credential: None },
            disclosures: Vec::new(),
            presented: Vec::new(),
            kind,
        }
    })
}

/// A log of so many events, chained and signed.
fn log(folder: &Path, count: usize) -> Arc<Embedded> {
    let log = Embedded::open(&folder.join("log"), embedded::Settings::default()).expect("log");
    let writer = Writer::embedded(Arc::clone(&log), "bench", Durability::Os).expect("writer");
    for event in events(count) {
        writer.append(&Message::Event(event)).expect("append");
    }
    log
}

/// Collects until so many events can be asked for, in seconds.
async fn collect(config: &Config, log: Arc<Embedded>, engine: &Engine, count: usize) -> f64 {
    let (stop, start) = (CancellationToken::new(), Instant::now());
    let collector = tokio::spawn(interdict_collector::run(config.clone(), log, stop.clone()));
    loop {
        let held = engine.sql("select count(*) from events").await.expect("lake").collect().await.expect("rows");
        let held = arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(held[0].column(0)).value(0);
        if usize::try_from(held).expect("count") >= count {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let took = start.elapsed().as_secs_f64();
    stop.cancel();
    collector.await.expect("collector").expect("collector");
    took
}

pub(crate) fn collector() {
    let runtime = runtime();
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().expect("folder");
        let (config, engine) = lake(folder.path());
        let took = runtime.block_on(collect(&config, log(folder.path(), COLLECTED), &engine, COLLECTED));
        #[expect(clippy::cast_precision_loss, reason = "small")]
        rates.push(COLLECTED as f64 / took);
    }
    println!(
        "collector: {:.0} events/s from the embedded log into events, sessions and disclosures",
        median(&mut rates)
    );
}

/// Of what a proxy wrote everything is proven: numbers, chains, signatures, files.
#[expect(clippy::cast_precision_loss, reason = "small")]
pub(crate) fn proof() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().expect("folder"));
    let (config, engine) = lake(folder.path());
    runtime.block_on(async {
        collect(&config, log(folder.path(), PROVEN), &engine, PROVEN).await;
        for table in [Table::Events, Table::Sessions] {
            let mut keeper = Keeper::open(&config.lake, table).await.expect("lake").expect("a table");
            keeper.compact(2).await.expect("compacted");
        }
    });
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let report = runtime.block_on(verify::verify(&engine, &Options { part: Part::All, ..Options::default() }));
        rates.push(PROVEN as f64 / start.elapsed().as_secs_f64());
        let report = report.expect("verified");
        assert!(report.is_whole(), "{report:?}");
        let chained: u64 = report.events.spools.iter().map(|spool| spool.chained).sum();
        assert_eq!(chained, PROVEN as u64, "each is a link of a chain");
    }
    let threads = std::thread::available_parallelism().expect("threads");
    println!("proof: {:.0} chained and signed events/s on {threads} threads", median(&mut rates));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime")
}

fn lake(folder: &Path) -> (Config, Engine) {
    let config = Raw::default().resolve(RawLake::default(), folder).expect("settings");
    let engine = Engine::open(&config.lake.display().to_string(), Default::default()).expect("lake");
    (config, engine)
}

pub(crate) fn detector() {
    let events: Vec<Event> = events(FOLDED).collect();
    let mut rates = Vec::new();
    let mut alerts = 0;
    for _ in 0..ROUNDS {
        let mut detector = Detector::new(Settings::default());
        let start = Instant::now();
        alerts = events.iter().map(|event| detector.observe(event).len()).sum();
        #[expect(clippy::cast_precision_loss, reason = "small")]
        rates.push(FOLDED as f64 / start.elapsed().as_secs_f64());
    }
    println!(
        "detector: {:.0} events/s on one core ({ROOTS} roots, {TARGETS} targets, {alerts} findings)",
        median(&mut rates)
    );
}
