//! From the bus to committed Parquet on one core, beside arrow-rs encoding the very same rows by itself, in one run. Each
//! part is a process of its own, pinned to one core, so that its memory is its own: the log was filled by another. What
//! counts is processor time: the clock also counts what else the machine does.

#[path = "../../../bus/tests/contract/broker.rs"]
mod broker;
mod commits;
mod compact;
mod made;
mod meter;
mod prove;

use commits::Commits;
use interdict_bus::embedded::{Embedded, Settings};
use interdict_bus::kafka::Kafka;
use interdict_bus::{Durability, Log, Writer, kafka};
use interdict_collector::Config;
use interdict_collector::config::{Raw, RawLake};
use interdict_schemas::{Message, Topic};
use made::{TABLES, event, rows};
use meter::{Meter, Watch};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What the command uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Enough that what a process needs once, such as memory that it never had, is not what is measured.
const EVENTS: usize = 2_400_000;
/// Of which so many are encoded alone: all rows of them are held.
const PLAIN: usize = 600_000;
const CUT: usize = 50_000;
const ROUNDS: usize = 3;
/// Which part this process is, and what it works on.
const PART: &str = "INTERDICT_BENCH_PART";
const PLACE: &str = "INTERDICT_BENCH_PLACE";
const FOLDER: &str = "INTERDICT_BENCH_FOLDER";

/// The core that parts are measured on, and the one for everything beside.
const MEASURED: &str = "0";
const BESIDE: &str = "1";

/// As the command's.
fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(1).max_blocking_threads(32).enable_all().build().expect("runtime")
}

/// One broker holds one replica.
fn settings(brokers: &str) -> kafka::Settings {
    kafka::Settings { replication: 1, ..kafka::Settings::new(brokers) }
}

/// Fills the log. A place with a colon is a broker's.
fn fill(place: &str, folder: &Path, count: usize) {
    let runtime = runtime();
    let _entered = runtime.enter();
    let append = |writer: &Writer| {
        for index in 0..count {
            writer.append(&Message::Event(event(index))).expect("appended");
        }
    };
    if place.contains(':') {
        let spool = Embedded::open(&folder.join("spool"), Settings::default()).expect("spool");
        let bus = runtime.block_on(Kafka::connect(settings(place))).expect("the broker");
        let writer = Writer::spooled(spool, bus, "bench", Durability::Os).expect("writer");
        append(&writer);
        runtime.block_on(writer.flushed()).expect("shipped");
    } else {
        let log = Embedded::open(Path::new(place), Settings::default()).expect("log");
        append(&Writer::embedded(log, "bench", Durability::Os).expect("writer"));
    }
}

/// From the log into all tables of the events topic, each commit on disk.
fn collect(place: &str, folder: &Path) {
    let runtime = runtime();
    let log: Arc<dyn Log> = if place.contains(':') {
        runtime.block_on(Kafka::connect(settings(place))).expect("the broker")
    } else {
        Embedded::open(Path::new(place), Settings::default()).expect("log")
    };
    let config = Raw::default().resolve(RawLake::default(), folder).expect("settings");
    assert_eq!(config.limits.rows, CUT, "a cut is what is encoded alone below");
    let is_late = Arc::new(AtomicBool::new(false));
    let watch = Watch::start(Arc::clone(&is_late));
    let meter = Meter::start();
    let took = runtime.block_on(async {
        let run = written(config, log, EVENTS, |events| is_late.store(events > EVENTS / 2, Ordering::Relaxed)).await;
        let took = meter.read();
        run.end().await;
        took
    });
    let [before, first, second] = watch.end();
    let [clock, processor] = took;
    println!("{clock} {processor} {before} {first} {second} {}", meter::peak_mib());
}

/// A collector that runs.
struct Running {
    stop: CancellationToken,
    run: JoinHandle<Result<(), interdict_collector::Error>>,
}

impl Running {
    async fn end(self) {
        self.stop.cancel();
        self.run.await.expect("joined").expect("collected");
    }
}

/// Collects until so many events are in both tables that have rows of them, and tells how many are.
async fn written(config: Config, log: Arc<dyn Log>, count: usize, mut tell: impl FnMut(usize)) -> Running {
    let lake = config.lake.folder().expect("a folder");
    let mut tables = TABLES.map(|table| Commits::new(&lake, table));
    let stop = CancellationToken::new();
    let run = tokio::spawn(interdict_collector::run(config, log, stop.clone()));
    loop {
        assert!(!run.is_finished(), "the collector ended early");
        let [events, sessions] = tables.each_mut().map(|table| table.rows() as usize);
        // Of eight events of a session two are facts of its life.
        if (events, sessions) == (count, count / 4) {
            return Running { stop, run };
        }
        tell(events);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Encoding the rows of both tables alone, as arrow-rs does by itself.
fn plain() {
    let cuts: Vec<_> = (0..PLAIN).step_by(CUT).map(|from| rows(from, CUT.min(PLAIN - from))).collect();
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(1).expect("level"))).build();
    let (meter, mut bytes) = (Meter::start(), 0);
    for table in cuts.iter().flatten() {
        let mut out = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut out, table[0].schema(), Some(properties.clone())).expect("writer");
        table.iter().for_each(|rows| writer.write(rows).expect("written"));
        writer.close().expect("closed");
        bytes += out.len();
    }
    let [clock, processor] = meter.read();
    println!("{clock} {processor} {bytes}");
}

/// Runs a part, pinned, and reads the numbers that it prints.
fn part(name: &str, place: &str, folder: &Path) -> Vec<f64> {
    let core = if name == "fill" { BESIDE } else { MEASURED };
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(std::env::current_exe().expect("this bench"));
    command.env(PART, name).env(PLACE, place).env(FOLDER, folder).stderr(Stdio::inherit());
    let done = command.output().expect("taskset of util-linux pins to one core");
    assert!(done.status.success(), "{name} failed");
    let text = String::from_utf8(done.stdout).expect("text");
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

fn median(rounds: &[Vec<f64>], at: usize) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(|round| round[at]).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn most(rounds: &[Vec<f64>], at: usize) -> f64 {
    rounds.iter().map(|round| round[at]).fold(0.0, f64::max)
}

/// One kind of log, each round beside one of arrow-rs alone.
fn compare(name: &str, place: impl Fn(&Path) -> String) {
    let (mut ours, mut theirs, mut proofs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().expect("folder");
        let place = place(folder.path());
        part("fill", &place, folder.path());
        ours.push(part("collect", &place, folder.path()));
        proofs.push(part("prove", "", folder.path()));
        theirs.push(part("plain", "", folder.path()));
    }
    let [events, alone] = [EVENTS, PLAIN].map(|count| f64::from(u32::try_from(count).expect("small")));
    let [clock, processor] = [0, 1].map(|at| events / median(&ours, at));
    let [plain_clock, plain] = [0, 1].map(|at| alone / median(&theirs, at));
    let bytes = median(&theirs, 2) / alone;
    let [before, first, second, peak] = [2, 3, 4, 5].map(|at| most(&ours, at));
    println!("{name}, one core, into all tables of {}:", Topic::Events);
    println!(
        "  bus to committed Parquet: {processor:.0} events a second of processor time ({clock:.0} by the clock)"
    );
    println!(
        "  arrow-rs encoding the rows of these tables alone: {plain:.0} ({plain_clock:.0}), {bytes:.0} bytes an event"
    );
    println!("  ratio: {:.2}", processor / plain);
    let [proof, reading] = [1, 2].map(|at| events / median(&proofs, at));
    println!("  reading back and hashing for a proof: {proof:.0}, of that reading alone: {reading:.0}");
    println!("  memory: {before} MiB before, at most {first} in the first half, {second} in the second, {peak} ever");
}

fn main() {
    let of = |name: &str| std::env::var(name).unwrap_or_default();
    let (place, folder) = (of(PLACE), of(FOLDER));
    match of(PART).as_str() {
        "fill" => fill(&place, Path::new(&folder), EVENTS),
        "collect" => collect(&place, Path::new(&folder)),
        "plain" => plain(),
        "prove" => prove::prove(Path::new(&folder)),
        "compact" => compact::compact(Path::new(&folder)),
        // Everything that is not measured, brokers too, leaves the measured core alone.
        "lead" => {
            let size: usize = (0..1_000).map(|index| Message::Event(event(index)).encode().len()).sum();
            println!("{EVENTS} events of {} bytes, median of {ROUNDS} rounds", size / 1_000);
            compare("embedded", |folder| folder.join("log").to_str().expect("plain").to_owned());
            let brokers = std::cell::RefCell::new(None);
            compare("Kafka", |_| brokers.borrow_mut().insert(broker::Broker::start()).bootstrap());
        }
        _ => {
            for (part, core) in [("lead", BESIDE), ("compact", MEASURED)] {
                let me = std::env::current_exe().expect("this bench");
                let folder = tempfile::tempdir().expect("folder");
                let mut command = Command::new("taskset");
                command.args(["-c", core]).arg(me).env(PART, part).env(FOLDER, folder.path());
                let done = command.status();
                assert!(done.expect("taskset of util-linux pins to one core").success());
            }
        }
    }
}
