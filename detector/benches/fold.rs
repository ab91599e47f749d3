//! Events per second of the fold on one core: 2,000 roots, each a routine that reads where things are and goes there,
//! over 20 days. Prints the median of several runs. `cargo bench -p interdict-detector`

use interdict_detector::{Detector, Settings};
use interdict_schemas::{
    Account, Action, Class, Closed, Decision, Disclosure, DisclosureKind, Effect, Event, Identity, Kind, Outcome,
    Principal, PrincipalKind, Protocol, Source, Status, Target, Time, Verb,
};
use std::time::Instant;

/// What the command uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROOTS: usize = 2000;
const DAYS: i64 = 20;
const RUNS: usize = 5;

fn main() {
    let events = events();
    let mut rates: Vec<f64> = (0..RUNS)
        .map(|_| {
            let mut detector = Detector::new(Settings::default());
            let begun = Instant::now();
            let said: usize = events.iter().map(|event| detector.observe(event).len()).sum();
            std::hint::black_box(said);
            events.len() as f64 / begun.elapsed().as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    println!("fold: {} events, median {:.0} events/s of {RUNS} runs", events.len(), rates[RUNS / 2]);
}

/// One session to a database that tells of three hosts, and one to each of them, per root and day.
fn events() -> Vec<Event> {
    let mut events = Vec::new();
    for day in 0..DAYS {
        for root in 0..ROOTS {
            let mut at = Time((20_000 + day) * 86_400_000_000 + root as i64 * 1_000_000);
            let hosts: Vec<String> =
                (0..3).map(|host| format!("host-{}.internal", (root * 7 + host) % 5000)).collect();
            let disclosures = hosts.iter().map(|value| Disclosure {
                kind: DisclosureKind::HostName,
                value: value.clone(),
                target: None,
            });
            let database = format!("config-db-{}", root % 50);
            session(&mut events, root, &mut at, &database, Protocol::Postgres, disclosures.collect());
            for host in &hosts {
                session(&mut events, root, &mut at, host, Protocol::Ssh, Vec::new());
            }
        }
    }
    events
}

fn session(
    events: &mut Vec<Event>,
    root: usize,
    at: &mut Time,
    target: &str,
    protocol: Protocol,
    disclosures: Vec<Disclosure>,
) {
    let session = format!("01JSESSION{:016}", events.len());
    let opened = *at;
    let chain = vec![
        Principal { id: format!("svc:deploy-{root}"), kind: PrincipalKind::Workload },
        Principal { id: format!("agent:runner-{root}"), kind: PrincipalKind::Agent },
    ];
    let base = Event {
        id: String::new(),
        time: opened,
        session: session.clone(),
        identity: Identity::new("https://issuer.example", chain).expect("a chain"),
        source: Source { host: Some(format!("runner-{root}.ci.internal")), ..Source::default() },
        target: Target {
            name: target.into(),
            protocol,
            host: Some(target.into()),
            address: None,
            port: 0,
            alias: None,
        },
        account: Account { name: "deploy".into(), credential: None },
        disclosures: Vec::new(),
        presented: Vec::new(),
        kind: Kind::Opened,
    };
    let mut push = |kind, disclosures| {
        *at = at.plus_micros(20_000);
        let id = format!("01JEVENT{:018}", events.len());
        events.push(Event { id, time: *at, kind, disclosures, ..base.clone() });
    };
    push(Kind::Opened, Vec::new());
    for turn in 0..3 {
        let action = Action {
            id: format!("{session}/{turn}"),
            class: Class::Command,
            verb: Verb::Read,
            text: "select name, address from hosts where team = $1".into(),
            objects: vec!["hosts".into()],
            parameters_digest: None,
            database: None,
        };
        let id = action.id.clone();
        let decision = Decision { effect: Effect::Allow, reason: String::new(), policies: Vec::new() };
        push(Kind::Acted { action, decision, outcome: None }, Vec::new());
        let outcome = Outcome {
            status: Status::Success,
            code: String::new(),
            detail: String::new(),
            rows: 3,
            bytes_in: 50,
            bytes_out: 500,
            duration_us: 900,
        };
        let taught = if turn == 2 { disclosures.clone() } else { Vec::new() };
        push(Kind::Resulted { action: id, class: Class::Command, outcome }, taught);
    }
    let closed = Closed {
        reason: "client".into(),
        detail: String::new(),
        verdict: None,
        opened,
        actions: 3,
        denied: 0,
        bytes_in: 150,
        bytes_out: 1500,
    };
    push(Kind::Closed(closed), Vec::new());
}
