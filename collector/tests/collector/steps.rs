//! A failure of every kind at every single request of a commit, then hundreds of seeds of many failures, deaths and
//! second collectors: afterwards the lake has each record that was sent, once, as it was sent.

use crate::faulty::{FAULTS, Fault, Plan, World, chance};
use crate::memory::{Memory, Shared};
use crate::say::{self, NOON};
use crate::{lake, patient_at};
use interdict_collector::config::{Limits, Patience};
use interdict_collector::{Config, Error};
use interdict_schemas::lake::{Located, Place, Record, Table};
use interdict_schemas::{Event, Message, Stamp};
use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
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

/// A piece of a recording, on a topic of its own with numbers of its own.
fn recorded(sequence: u64) -> Message {
    say::chunk(&format!("session of root-{}", sequence % 4), sequence)
}

/// Events, and a piece of a recording for every second of them.
fn fill(log: &Shared, sequences: std::ops::RangeInclusive<u64>) {
    for sequence in sequences {
        log.0.stamped((sequence % 2) as u32, &sent(sequence), "s", sequence);
        if sequence.is_multiple_of(2) {
            log.0.stamped((sequence / 2 % 2) as u32, &recorded(sequence / 2), "s", sequence / 2);
        }
    }
}

/// One life of a process: until it dies, or has written everything.
async fn live(world: &World, log: &Shared, rows: usize, plan: Plan) -> Result<(), Error> {
    world.live(plan);
    let (mut died, mut hung) = (world.died.subscribe(), world.hung.subscribe());
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
        // A hang that the collector gives up on by itself is another test's; here the process is killed meanwhile.
        () = async { let _ = hung.wait_for(|hung| *hung).await; tokio::time::sleep(HUNG / 60).await } => Ok(()),
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    lost: usize,
    /// With every row that was not sent: of an altered one, the new values are here and the old ones lost.
    doubled: usize,
    /// Events that are not what was sent.
    altered: usize,
}

/// Compares the lake with what was sent up to an event, row by row and in all tables.
async fn judge(world: &World, last: u64) -> Verdict {
    let mut found: BTreeMap<u64, Vec<Event>> = BTreeMap::new();
    for row in lake::events_at(world).await {
        found.entry(row.place.stamp.expect("stamped").sequence).or_default().push(row.value);
    }
    let mut verdict = Verdict::default();
    for sequence in 1..=last {
        let Message::Event(event) = sent(sequence) else { unreachable!("an event") };
        match found.remove(&sequence).as_deref() {
            None => verdict.lost += 1,
            Some([one]) => verdict.altered += usize::from(*one != event),
            Some(more) => verdict.doubled += more.len() - 1,
        }
    }
    verdict.doubled += found.len();
    let events: Vec<_> = (1..=last).map(|sequence| stamped(sequence, sent(sequence))).collect();
    let chunks: Vec<_> = (1..=last / 2).map(|sequence| stamped(sequence, recorded(sequence))).collect();
    for (table, records) in [(Table::Sessions, &events), (Table::Disclosures, &events), (Table::Recordings, &chunks)]
    {
        let mut stand = lake::values_at(world, table).await;
        for row in lake::values(&interdict_schemas::lake::rows(table, records).expect("rows")) {
            match stand.get_mut(&row) {
                Some(count) if *count > 0 => *count -= 1,
                _ => verdict.lost += 1,
            }
        }
        verdict.doubled += stand.into_values().sum::<usize>();
    }
    verdict
}

/// A record as it was sent; of its place, what the lake's rows are compared by.
fn stamped(sequence: u64, value: Message) -> Record {
    let stamp = Stamp { proxy: "gw-1".into(), spool: "s".into(), sequence, previous: None };
    Record::try_from(&Located { place: Place { stamp: Some(stamp), partition: 0, offset: 0 }, value }).expect("valid")
}

/// What many lives came to.
#[derive(Debug, Default)]
struct Tally {
    lives: u64,
    seconds: u64,
    records: u64,
    faults: BTreeMap<Fault, u64>,
    verdict: Verdict,
}

impl Tally {
    /// Adds what a world came to, which must be nothing but what was sent.
    async fn judge(&mut self, world: &World, last: u64, what: &str) {
        world.settle().await;
        let found = judge(world, last).await;
        assert_eq!(found, Verdict::default(), "{what}");
        self.verdict.lost += found.lost;
        self.verdict.doubled += found.doubled;
        self.verdict.altered += found.altered;
        self.records += last + last / 2;
        for (fault, count) in world.faults() {
            *self.faults.entry(fault).or_default() += count;
        }
    }

    fn say(&self, what: &str) {
        let Self { lives, seconds, records, faults, verdict } = self;
        let Verdict { lost, doubled, altered } = verdict;
        println!(
            "{what}: {lives} lives, {seconds} of them beside another, faults {faults:?}; {records} records, lost {lost}, \
             doubled {doubled}, altered {altered}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_any_kind_at_any_request_loses_nothing_and_doubles_nothing() {
    const EVENTS: u64 = 24;
    let first = World::new(InMemory::new());
    let log = Shared(Arc::new(Memory::new(2)));
    fill(&log, 1..=12);
    live(&first, &log, 1_000, Plan::Never).await.expect("a clean life");
    first.settle().await;
    let standing = first.fork();
    let again = || {
        let (world, log) = (World::new(standing.fork()), Shared(Arc::new(log.0.copied())));
        // Sent again after a crash of the sender, and new.
        fill(&log, 9..=EVENTS);
        (world, log)
    };
    let (world, clean) = again();
    live(&world, &clean, 5, Plan::Never).await.expect("a clean life");
    let steps = world.requests();
    world.settle().await;
    assert_eq!(judge(&world, EVENTS).await, Verdict::default(), "without faults");
    let writes = steps.iter().filter(|is_write| **is_write).count() as u64;
    assert!(writes > 10, "too few to be a commit of all tables");
    // What is read only fails: a death there is one after the write before it.
    let plans = (1..=steps.len() as u64).map(|at| Plan::At(at, Fault::Before));
    let others = FAULTS.into_iter().filter(|fault| *fault != Fault::Before);
    let plans = plans.chain(others.flat_map(|fault| (1..=writes).map(move |at| Plan::AtWrite(at, fault))));
    let mut tally = Tally::default();
    for plan in plans {
        let (world, log) = again();
        let what = format!("{plan:?} of {} requests, {writes} writes", steps.len());
        let _ = live(&world, &log, 5, plan).await;
        live(&world, &log, 7, Plan::Never).await.expect("a clean life");
        tally.judge(&world, EVENTS, &what).await;
        tally.lives += 2;
    }
    let met: u64 = tally.faults.values().sum();
    assert!(met * 8 > tally.lives * 3, "too few faults were met: {tally:?}");
    tally.say(&format!("{} requests, {writes} of them writes", steps.len()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_seeds_of_faults_deaths_and_second_collectors() {
    let seeds = std::env::var("INTERDICT_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200_u64);
    let mut tally = Tally::default();
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
                tally.lives += 1;
                tally.seconds += 1;
            } else {
                let _ = live(&world, &log, rows, plan).await;
            }
            tally.lives += 1;
        }
        live(&world, &log, 25, Plan::Never).await.expect("a clean life");
        tally.judge(&world, last, &format!("seed {seed}")).await;
        tally.lives += 1;
    }
    tally.say(&format!("{seeds} seeds"));
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
    // The zombie wakes at its next record, and finds that another writes. The pauses grow: a term is taken between two
    // commits of the one before, and a busy machine needs longer for that than for commits.
    let (mut last, mut pause) = (10, Duration::from_millis(20));
    while lake::rows_at(&world, Table::Events).await < 10 || !first.is_finished() {
        fill(&log, last + 1..=last + 3);
        last += 3;
        tokio::time::sleep(pause).await;
        pause = HUNG.min(pause * 2);
    }
    let error = first.await.expect("joined").expect_err("it ended by itself");
    assert!(matches!(error, Error::Superseded { .. }) && error.is_permanent(), "{error}");
    log.0.until_told().await;
    second_end.cancel();
    second.await.expect("joined").expect("the newer one goes on");
    assert_eq!(judge(&world, last).await, Verdict::default());
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

/// At a checkpoint the table is opened anew, which makes the next commits cheaper. That commit stands, whatever comes of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_cannot_be_opened_anew_is_written_on() {
    let (world, log) = (World::new(InMemory::new()), Shared(Arc::new(Memory::new(2))));
    let checkpoint = "events/_delta_log/00000000000000000099.checkpoint";
    // Whoever wrote it looks once whether it is there.
    world.live(Plan::Reads(checkpoint, 1, Fault::Before));
    let end = CancellationToken::new();
    let run = tokio::spawn(interdict_collector::run(config(&world, 1), Arc::new(log.clone()), end.clone()));
    // A busy machine makes one commit of some records: so one is sent when the one before it stands.
    let mut last = 0;
    while world.faults().is_empty() || last % 10 != 0 {
        last += 1;
        fill(&log, last..=last);
        tokio::time::timeout(HUNG * 20, log.0.until_told()).await.expect("it goes on");
        assert!(last < 200, "no checkpoint was read");
    }
    end.cancel();
    run.await.expect("joined").expect("ended well");
    let known = Path::from("lake/events/_delta_log/_last_checkpoint");
    assert!(world.store().get(&known).await.is_ok(), "the checkpoint stands");
    world.settle().await;
    assert_eq!(judge(&world, last).await, Verdict::default());
}
