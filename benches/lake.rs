//! Events a second: the collector from the log into Delta Lake, the detector's fold on one core.

use crate::figures::median;
use interdict_bus::embedded::{self, Embedded};
use interdict_bus::{Durability, Writer};
use interdict_collector::config::{Raw, RawLake};
use interdict_detector::{Detector, Settings};
use interdict_queries::Engine;
use interdict_schemas::{
    Account, Action, Class, Closed, Decision, Effect, Event, Identity, Kind, Message, Principal, PrincipalKind,
    Protocol, Source, Target, Time, Verb,
};
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

const ROUNDS: usize = 3;
const COLLECTED: usize = 300_000;
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

pub(crate) fn collector() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().expect("folder");
        let log = Embedded::open(&folder.path().join("log"), embedded::Settings::default()).expect("log");
        let writer = Writer::embedded(Arc::clone(&log), "bench", Durability::Os).expect("writer");
        for event in events(COLLECTED) {
            writer.append(&Message::Event(event)).expect("append");
        }
        let config = Raw::default().resolve(RawLake::default(), folder.path()).expect("settings");
        let engine = Engine::open(&config.lake.display().to_string(), Default::default()).expect("lake");
        let took = runtime.block_on(async {
            let (stop, start) = (CancellationToken::new(), Instant::now());
            let collector = tokio::spawn(interdict_collector::run(config, log, stop.clone()));
            loop {
                let held =
                    engine.sql("select count(*) from events").await.expect("lake").collect().await.expect("rows");
                let held =
                    arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(held[0].column(0)).value(0);
                if usize::try_from(held).expect("count") >= COLLECTED {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            let took = start.elapsed().as_secs_f64();
            stop.cancel();
            collector.await.expect("collector").expect("collector");
            took
        });
        #[expect(clippy::cast_precision_loss, reason = "small")]
        rates.push(COLLECTED as f64 / took);
    }
    println!(
        "collector: {:.0} events/s from the embedded log into events, sessions and disclosures",
        median(&mut rates)
    );
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
