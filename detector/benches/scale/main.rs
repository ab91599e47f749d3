//! What the fold costs as identities and history grow, and what a million identities take in memory.
//! `cargo bench -p interdict-detector --bench scale`; an argument bounds the identities of MEMORY and RESTART, two
//! (identities and edges of each) do that part alone.
//!
//! COST: the same simulated days with 2,000 and 20,000 identities, and 20 and 200 days; the cost of an event once half of
//! them is folded, as a ratio, each measured beside the base. The base is large enough for what is bounded to be full.
//! MEMORY: one session on each of the edges that LANL's graph would have after 60 days (12 an identity), then twice as
//! many, so that everything that is remembered of an edge is there; then what the process holds.
//! RESTART: a snapshot of that, packed in memory, and read back: bytes, seconds, and for how long the fold stood still.

mod density;

use interdict_detector::simulation::Plan;
use interdict_detector::snapshot::{self, Packer, Unpacker};
use interdict_detector::{AHEAD, Detector, Restoring, Settings};
use interdict_schemas::{Event, Time};
use std::process::Command;
use std::time::Instant;

/// What the command uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BASE: (u32, u32) = (2000, 20);
const ROUNDS: usize = 5;
/// Edges an identity.
const EDGES: [u64; 2] = [24, 12];

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    if let [identities, edges] = *numbers {
        let detector = memory(identities, edges);
        if edges == EDGES[1] {
            restart(detector);
        }
        return;
    }
    for (identities, days) in [(10 * BASE.0, BASE.1), (BASE.0, 10 * BASE.1)] {
        let mut ratios: Vec<(f64, f64)> = (0..ROUNDS)
            .map(|_| {
                let base = cost(BASE.0, BASE.1);
                let grown = cost(identities, days);
                (grown / base, grown)
            })
            .collect();
        ratios.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let (ratio, grown) = ratios[ROUNDS / 2];
        println!(
            "cost: {identities} identities, {days} days: {grown:.0} ns an event, {ratio:.2} of {} identities, {} days",
            BASE.0, BASE.1
        );
    }
    let most = numbers.first().copied().unwrap_or(1_000_000);
    for edges in EDGES {
        // In a process of its own: what others have freed is resident too.
        let of = [most, edges].map(|number| number.to_string());
        let itself = std::env::current_exe().expect("this program");
        assert!(Command::new(itself).args(of).status().expect("started").success());
    }
}

/// Nanoseconds an event in the second half.
fn cost(identities: u32, days: u32) -> f64 {
    let plan = Plan { identities, sessions_per_day: 5 * identities, days, attacks: 0, ..Plan::default() };
    let all = plan.clone().stream().count();
    let mut detector = Detector::new(Settings::default());
    let mut stream = plan.stream();
    stream.by_ref().take(all / 2).for_each(|event| drop(detector.observe(&event)));
    let (mut spent, mut count) = (0.0, 0);
    loop {
        // As the detector takes them from the bus.
        let batch: Vec<Event> = stream.by_ref().take(AHEAD).collect();
        if batch.is_empty() {
            return spent / f64::from(count) * 1e9;
        }
        let begun = Instant::now();
        detector.read_ahead(batch.iter());
        batch.iter().for_each(|event| drop(detector.observe(event)));
        spent += begun.elapsed().as_secs_f64();
        count += u32::try_from(batch.len()).unwrap_or(0);
    }
}

fn memory(identities: u64, edges: u64) -> Detector {
    let mut detector = Detector::new(Settings::default());
    let before = resident();
    let begun = Instant::now();
    let mut events = 0_u64;
    for event in density::events(identities, edges, Time(20_000 * 86_400_000_000)) {
        events += 1;
        detector.observe(&event);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let size = detector.size();
    let held = resident().saturating_sub(before);
    println!(
        "memory: {} identities, {} edges, {} places: {:.2} GiB resident, {:.0} bytes an edge; {:.0} first uses/s",
        size.actors,
        size.edges,
        size.places,
        held as f64 / (1 << 30) as f64,
        held as f64 / size.edges as f64,
        events as f64 / 2.0 / seconds,
    );
    detector
}

fn restart(mut detector: Detector) {
    let begun = Instant::now();
    let mut frames = detector.begin_writing().expect("begun");
    let mut longest = begun.elapsed();
    let (mut packer, mut bytes) = Packer::new();
    loop {
        frames.drain(..).for_each(|frame| bytes.extend(packer.pack(&frame).expect("packed")));
        let slice = Instant::now();
        let (more, is_last) = detector.write_slice(1024).expect("a slice");
        longest = longest.max(slice.elapsed());
        frames = more;
        if is_last {
            break;
        }
    }
    frames.drain(..).for_each(|frame| bytes.extend(packer.pack(&frame).expect("packed")));
    bytes.extend(packer.end().expect("an end"));
    let written = begun.elapsed().as_secs_f64();
    let settings = detector.settings().clone();
    drop(detector);

    let begun = Instant::now();
    let (mut unpacker, mut restoring) = (Unpacker::default(), Restoring::new(settings));
    for part in bytes.chunks(1 << 20) {
        unpacker.feed(part);
        while let Some(frame) = unpacker.frame().expect("a frame") {
            if frame.kind != snapshot::Kind::End {
                restoring.take(frame).expect("taken in");
            }
        }
    }
    let edges = restoring.end().expect("restored").size().edges;
    println!(
        "restart: {} MB, written in {written:.1} s with pauses of at most {:.0} ms, {edges} edges read back in {:.1} s",
        bytes.len() / 1_000_000,
        longest.as_secs_f64() * 1e3,
        begun.elapsed().as_secs_f64()
    );
}

/// Resident bytes of this process, from `/proc`.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}
