//! A failure of every kind at every single request of a commit, then hundreds of seeds of many failures, deaths and
//! second collectors: afterwards the lake has each record that was sent, once, as it was sent.

use crate::faulty::{FAULTS, Fault, Plan, World, chance};
use crate::memory::{Memory, Shared};
use crate::say::{self, NOON};
use crate::{lake, patient_at};
use interdict_collector::config::{Limits, Patience};
use interdict_collector::{Config, Error};
use interdict_schemas::lake::Table;
use interdict_schemas::{Event, Message};
use object_store::memory::InMemory;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const HUNG: Duration = Duration::from_secs(3);

fn config(world: &World, rows: usize) -> Config {
    let patience = Patience { hung: HUNG, backoff: [Duration::from_millis(1); 2], idle: Duration::ZERO };
    let config = patient_at(world.url.as_str(), rows);
    // What is too little for a cut by size is cut soon.
    let limits = Limits { age: Duration::from_millis(3), ..config.limits };
    Config { patience, limits, ..config }
}

fn sent(sequence: u64) -> Message {
    // Over three days and four roots, so that a commit has several files.
    let time = NOON.plus_seconds(-86_400 * i64::try_from(sequence % 3).expect("small"));
    say::event(&format!("root-{}", sequence % 4), sequence, time)
}

fn fill(log: &Shared, sequences: std::ops::RangeInclusive<u64>) {
    for sequence in sequences {
        log.0.stamped((sequence % 2) as u32, &sent(sequence), "s", sequence);
    }
}

/// One life of a process: until it dies, or has written everything.
async fn live(world: &World, log: &Shared, rows: usize, plan: Plan) -> Result<(), Error> {
    let is_clean = matches!(plan, Plan::Never);
    world.live(plan);
    let mut died = world.died.subscribe();
    let shutdown = CancellationToken::new();
    let run = interdict_collector::run(config(world, rows), Arc::new(log.clone()), shutdown.clone());
    let watch = async {
        // The bus is told last: then all stands.
        log.0.until_told().await;
        shutdown.cancel();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        done = run => done,
        () = watch => Ok(()),
        _ = died.wait_for(|died| *died) => Ok(()),
        // A hang that the collector gives up on by itself is another test's; here the process is killed.
        () = tokio::time::sleep(HUNG / 6), if !is_clean => Ok(()),
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    lost: usize,
    doubled: usize,
    altered: usize,
}

/// Compares the lake with what was sent, row by row.
async fn judge(world: &World, last: u64) -> Verdict {
    let mut found: BTreeMap<u64, Vec<Event>> = BTreeMap::new();
    for row in lake::events_at(world).await {
        found.entry(row.place.stamp.expect("stamped").sequence).or_default().push(row.value);
    }
    let mut verdict = Verdict::default();
    let (mut opened, mut disclosed) = (0, 0);
    for sequence in 1..=last {
        let Message::Event(event) = sent(sequence) else { unreachable!("an event") };
        opened += usize::from(event.kind.name() == "opened");
        disclosed += event.disclosures.len();
        match found.remove(&sequence).as_deref() {
            None => verdict.lost += 1,
            Some([one]) => verdict.altered += usize::from(*one != event),
            Some(more) => verdict.doubled += more.len() - 1,
        }
    }
    verdict.doubled += found.len();
    for (table, rows) in [(Table::Sessions, opened), (Table::Disclosures, disclosed)] {
        let stand = lake::rows_at(world, table).await;
        verdict.lost += rows.saturating_sub(stand);
        verdict.doubled += stand.saturating_sub(rows);
    }
    verdict
}

fn say(what: &str, lives: usize, faults: &BTreeMap<Fault, u64>, records: u64, verdict: &Verdict) {
    println!(
        "{what}: {lives} lives, faults {faults:?}; {records} records sent, lost {}, doubled {}, altered {}",
        verdict.lost, verdict.doubled, verdict.altered
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_any_kind_at_any_request_loses_nothing_and_doubles_nothing() {
    let first = World::new(InMemory::new());
    let log = Shared(Arc::new(Memory::new(2)));
    fill(&log, 1..=12);
    live(&first, &log, 1_000, Plan::Never).await.expect("a clean life");
    first.settle().await;
    let standing = first.fork();
    let again = || {
        let (world, log) = (World::new(standing.fork()), Shared(Arc::new(log.0.copied())));
        // Sent again after a crash of the sender, and new.
        fill(&log, 9..=24);
        (world, log)
    };
    let (world, clean) = again();
    live(&world, &clean, 5, Plan::Never).await.expect("a clean life");
    let steps = world.requests();
    world.settle().await;
    assert_eq!(judge(&world, 24).await, Verdict::default(), "without faults");
    assert!(steps.iter().filter(|is_write| **is_write).count() > 10, "too few to be a commit of all tables");
    let (mut total, mut faults, mut lives) = (Verdict::default(), BTreeMap::new(), 0);
    for (step, is_write) in (1..).zip(&steps) {
        for fault in FAULTS {
            // What is read fails in one way only; the life that hangs until it is killed takes its time.
            let is_tried = match fault {
                Fault::Before | Fault::DieBefore => *is_write || step % 5 == 0,
                Fault::Hang => *is_write && step % 3 == 0,
                _ => *is_write,
            };
            if !is_tried {
                continue;
            }
            let (world, log) = again();
            let _ = live(&world, &log, 5, Plan::At(step, fault)).await;
            live(&world, &log, 7, Plan::Never).await.expect("a clean life");
            world.settle().await;
            let found = judge(&world, 24).await;
            assert_eq!(found, Verdict::default(), "{fault:?} at request {step} of {}", steps.len());
            for (fault, count) in world.faults() {
                *faults.entry(fault).or_default() += count;
            }
            lives += 2;
            total.lost += found.lost;
            total.doubled += found.doubled;
        }
    }
    say("every step", lives, &faults, 24 * (lives as u64 / 2), &total);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_seeds_of_faults_deaths_and_second_collectors() {
    let seeds = std::env::var("INTERDICT_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200_u64);
    let (mut faults, mut lives, mut records) = (BTreeMap::new(), 0, 0);
    for seed in 0..seeds {
        let mut random = StdRng::seed_from_u64(seed);
        let (world, log) = (World::new(InMemory::new()), Shared(Arc::new(Memory::new(2))));
        let mut last = 0_u64;
        for _ in 0..random.random_range(1..4) {
            let back: u64 = random.random_range(0..6);
            let more = random.random_range(1..20);
            fill(&log, last.min(last.saturating_sub(back) + 1).max(1)..=last + more);
            last += more;
            let (rows, share) = (random.random_range(1..12), random.random_range(10..60));
            let plan = chance(random.random(), share);
            if random.random_range(0..3) == 0 {
                // A second one starts while the first, thought dead, still writes.
                world.live(plan);
                let one =
                    interdict_collector::run(config(&world, rows), Arc::new(log.clone()), CancellationToken::new());
                let two = interdict_collector::run(
                    config(&world, rows + 1),
                    Arc::new(log.clone()),
                    CancellationToken::new(),
                );
                let _ = tokio::time::timeout(HUNG / 20, futures::future::join(one, two)).await;
                lives += 1;
            } else {
                let _ = live(&world, &log, rows, plan).await;
            }
            lives += 1;
        }
        live(&world, &log, 25, Plan::Never).await.expect("a clean life");
        world.settle().await;
        let found = judge(&world, last).await;
        assert_eq!(found, Verdict::default(), "seed {seed}");
        lives += 1;
        records += last;
        for (fault, count) in world.faults() {
            *faults.entry(fault).or_default() += count;
        }
    }
    say(&format!("{seeds} seeds"), lives, &faults, records, &Verdict::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_superseded_ends_and_says_so() {
    let (world, log) = (World::new(InMemory::new()), Shared(Arc::new(Memory::new(2))));
    fill(&log, 1..=10);
    world.live(Plan::Never);
    let (first_end, second_end) = (CancellationToken::new(), CancellationToken::new());
    let start = |end: &CancellationToken| {
        let config = config(&world, 3);
        tokio::spawn(interdict_collector::run(config, Arc::new(log.clone()), end.clone()))
    };
    let first = start(&first_end);
    log.0.until_told().await;
    let second = start(&second_end);
    // The zombie wakes at its next record, and finds that another writes.
    while lake::rows_at(&world, Table::Events).await < 10 || !first.is_finished() {
        let end = log.0.length();
        fill(&log, end + 1..=end + 3);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let error = first.await.expect("joined").expect_err("it ended by itself");
    assert!(matches!(error, Error::Superseded { .. }) && error.is_permanent(), "{error}");
    log.0.until_told().await;
    second_end.cancel();
    second.await.expect("joined").expect("the newer one goes on");
    assert_eq!(judge(&world, log.0.length()).await, Verdict::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_that_hangs_is_given_up_on_and_tried_again() {
    let (world, log) = (World::new(InMemory::new()), Shared(Arc::new(Memory::new(2))));
    fill(&log, 1..=10);
    world.live(Plan::On("events/_delta_log/00000000000000000002.json", Fault::Hang));
    let end = CancellationToken::new();
    let run = tokio::spawn(interdict_collector::run(config(&world, 3), Arc::new(log.clone()), end.clone()));
    log.0.until_told().await;
    assert_eq!(world.faults().get(&Fault::Hang), Some(&1));
    end.cancel();
    run.await.expect("joined").expect("ended well");
    world.settle().await;
    assert_eq!(judge(&world, 10).await, Verdict::default());
}
