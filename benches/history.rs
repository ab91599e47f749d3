//! A year of history, or some days: made up, collected, compacted, asked, proven and rolled off, on this machine. Twelve
//! hunts are put to DuckDB on the same files in the same run, turn by turn, with the same threads and memory.
//!
//! `EVENTS` is how many (10 million by default), `DAYS` of how many days (a year by default, 60 at least). `HUNTS` names
//! hunts to be put instead of the twelve. `HISTORY` is a folder in which the lake is kept for the next run, which then only
//! asks it.

use crate::figures::{median, millis, percentile};
use crate::harness::gateway::checkout;
use crate::harness::run;
use interdict_collector::config::{Raw, RawLake};
use interdict_collector::maintain::Keeper;
use interdict_collector::{Config, Import};
use interdict_detector::simulation::Plan;
use interdict_queries::hunt::{self, Hunt};
use interdict_queries::verify::{self, Options, Part};
use interdict_queries::{Engine, Settings, Snapshot};
use interdict_schemas::Time;
use interdict_schemas::lake::Table;
use std::io::{BufRead as _, BufReader, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

const YEAR: u32 = 365;
const ROUNDS: usize = 3;
const SELECTIVE: usize = 15;
/// What both engines may use.
const MEMORY: usize = 4 << 30;
const THREADS: usize = 2;
const HUNTS: [&str; 12] = [
    "denied",
    "refusal-burst",
    "fan-out",
    "new-edges",
    "large-answers",
    "long-sessions",
    "deep-delegation",
    "account-discovery",
    "secrets-read",
    "shared-sources",
    "woken",
    "many-rows",
];

pub(crate) fn run_all() {
    let wanted = std::env::var("EVENTS").map_or(10_000_000, |count| count.parse().expect("EVENTS: a number"));
    let days = std::env::var("DAYS").map_or(YEAR, |days| days.parse().expect("DAYS: a number"));
    let folder = tempfile::tempdir().expect("folder");
    let lake = std::env::var_os("HISTORY").map_or_else(|| folder.path().join("lake"), PathBuf::from);
    let config = Raw::default()
        .resolve(RawLake { path: Some(lake.clone()), ..RawLake::default() }, Path::new(""))
        .expect("settings");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().expect("runtime");
    assert!(days >= 60, "DAYS: a month is asked for, in the middle of them");
    runtime.block_on(async {
        let plan = plan(wanted, days);
        if !lake.join(Table::Events.name()).exists() {
            collect(&config, &plan).await;
            compact(&config).await;
        }
        let settings =
            Settings { memory: MEMORY, time: None, partitions: NonZeroUsize::new(THREADS), ..Settings::default() };
        let engine = Engine::open(&lake.display().to_string(), settings).expect("lake");
        let snapshot = engine.snapshot().await.expect("lake");
        hunts(&snapshot, &lake, plan.start).await;
        selective(&snapshot, &config, &plan).await;
        prove(&engine, &config).await;
        // What is kept for the next run stays whole.
        if std::env::var_os("HISTORY").is_none() {
            roll_off(&config, &plan).await;
        }
    });
}

/// So many days with about so many events.
fn plan(events: u64, days: u32) -> Plan {
    let one_day = Plan { identities: 2_000, days: 1, sessions_per_day: 10_000, ..Plan::default() };
    let a_session = one_day.stream().count() as u64 / 10_000;
    let sessions = events / u64::from(days) / a_session.max(1);
    Plan { days, sessions_per_day: u32::try_from(sessions).expect("fewer events"), attacks: days, ..one_day }
}

#[expect(clippy::cast_precision_loss, reason = "printed")]
async fn collect(config: &Config, plan: &Plan) {
    let start = Instant::now();
    let mut import = Import::open(config).await.expect("lake");
    let mut sequence = 0;
    for event in plan.stream() {
        sequence += 1;
        import.add("made-up", sequence, event).await.expect("written");
    }
    let imported = import.finish().await.expect("written");
    let took = start.elapsed().as_secs_f64();
    println!(
        "made up and written: {} events of {} days, {:.0} events/s with making them up",
        imported.added,
        plan.days,
        imported.added as f64 / took
    );
}

#[expect(clippy::cast_precision_loss, reason = "printed")]
async fn compact(config: &Config) {
    for table in [Table::Events, Table::Sessions, Table::Disclosures] {
        let mut keeper = Keeper::open(&config.lake, table).await.expect("lake").expect("a table");
        let before = keeper.status().expect("status");
        let start = Instant::now();
        let done = keeper.compact(2).await.expect("compacted");
        let took = start.elapsed().as_secs_f64();
        let after = keeper.status().expect("status");
        println!(
            "compaction of {}: {} files became {}, {:.0} MB became {:.0} MB, {:.0} MB/s, {:.0} rows/s",
            table.name(),
            done.taken,
            done.made,
            before.bytes as f64 / 1e6,
            after.bytes as f64 / 1e6,
            before.bytes as f64 / 1e6 / took,
            done.rows as f64 / took,
        );
    }
}

async fn hunts(snapshot: &Snapshot, lake: &Path, since: Time) {
    let mut duckdb = DuckDb::start(lake);
    let mut ratios = Vec::new();
    println!("hunt                  rows      interdict    DuckDB    ratio   (medians of {ROUNDS})");
    let named = std::env::var("HUNTS").unwrap_or_else(|_| HUNTS.join(" "));
    for name in named.split_whitespace() {
        let hunt = hunt::find(name).expect("a hunt");
        let (mut ours, mut theirs, mut counts) = (Vec::new(), Vec::new(), (0, 0));
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let rows = hunt.run(snapshot, since, &[]).await.expect(name).collect().await.expect(name);
            ours.push(millis(start.elapsed()));
            let (took, count) = duckdb.run(hunt, since);
            theirs.push(took);
            counts = (rows.iter().map(arrow::array::RecordBatch::num_rows).sum(), count);
        }
        assert_eq!(counts.0, counts.1, "{name}: rows of interdict and of DuckDB");
        let (ours, theirs) = (median(&mut ours), median(&mut theirs));
        println!("{name:<20} {:>6} {ours:>11.0} ms {theirs:>6.0} ms {:>7.2}", counts.0, ours / theirs);
        ratios.push(ours / theirs);
    }
    if ratios.is_empty() {
        return;
    }
    let worst = percentile(&mut ratios, 1.0);
    println!("time of interdict by that of DuckDB: median {:.2}, worst {worst:.2}", median(&mut ratios));
}

/// DuckDB in a process of its own, which answers one hunt at a time.
struct DuckDb {
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl DuckDb {
    fn start(lake: &Path) -> Self {
        let made = run(Command::new(checkout().join("tests/python/venv.sh")));
        assert_eq!(made.status, 0, "{}", made.errors);
        let mut process = Command::new(made.output.trim())
            .arg(checkout().join("benches/history.py"))
            .arg(lake)
            .args([THREADS.to_string(), MEMORY.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python");
        let ask = process.stdin.take().expect("stdin");
        let answers = BufReader::new(process.stdout.take().expect("stdout"));
        Self { process, ask, answers }
    }

    /// Milliseconds, and how many rows.
    fn run(&mut self, hunt: &Hunt, since: Time) -> (f64, usize) {
        let mut values: serde_json::Map<String, serde_json::Value> =
            hunt.params().map(|param| (param.name.to_owned(), param.default.into())).collect();
        values.insert("since".into(), since.to_string().into());
        let question = serde_json::json!({ "sql": hunt.sql, "values": values });
        writeln!(self.ask, "{question}").expect("DuckDB runs");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("DuckDB answers");
        let answer: serde_json::Value = serde_json::from_str(&line).expect("an answer");
        let count = answer["rows"].as_u64().expect("rows");
        (answer["ms"].as_f64().expect("ms"), usize::try_from(count).expect("few"))
    }
}

impl Drop for DuckDb {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One session, and one identity in a month: how long, and what share of the table's bytes is read.
#[expect(clippy::cast_precision_loss, reason = "printed")]
async fn selective(snapshot: &Snapshot, config: &Config, plan: &Plan) {
    let keeper = Keeper::open(&config.lake, Table::Events).await.expect("lake").expect("events");
    let bytes = keeper.status().expect("status").bytes as f64;
    let day = |day: i64| Time(plan.start.0 + day * 86_400_000_000);
    let middle = i64::from(plan.days / 2);
    let between = |first: i64, last: i64| {
        format!("time >= timestamptz '{}' and time < timestamptz '{}'", day(first), day(last))
    };
    let some = format!(
        "select session, root from events where kind = 'opened' and {} order by id limit {SELECTIVE}",
        between(middle, middle + 1)
    );
    let some = snapshot.sql(&some).await.expect("plan").collect().await.expect("rows");
    let text = |column: usize| -> Vec<String> {
        let texts = some.iter().map(|batch| {
            let column = arrow::compute::cast(batch.column(column), &arrow::datatypes::DataType::Utf8).expect("text");
            let column = arrow::array::AsArray::as_string::<i32>(&column).clone();
            column.iter().flatten().map(str::to_owned).collect::<Vec<_>>()
        });
        texts.flatten().collect()
    };
    let (sessions, roots) = (text(0), text(1));
    assert!(sessions.len() >= SELECTIVE, "a day of sessions");
    let month = between(middle - 10, middle + 20);
    let of_session = |session| format!("select * from events where session = '{session}' order by time");
    let of_root = |root| format!("select * from events where root = '{root}' and {month} order by time");
    for (what, questions) in [
        ("one session", sessions.iter().map(of_session).collect::<Vec<_>>()),
        ("one identity in a month", roots.iter().map(of_root).collect()),
    ] {
        let (mut took, mut read) = (Vec::new(), Vec::new());
        for question in questions {
            let (before, start) = (bytes_read(), Instant::now());
            let rows = snapshot.sql(&question).await.expect("plan").collect().await.expect("rows");
            took.push(millis(start.elapsed()));
            read.push((bytes_read() - before) as f64 / bytes * 100.0);
            assert!(rows.iter().any(|batch| batch.num_rows() > 0), "{what} has events");
        }
        println!(
            "{what}: {:.0} ms, {:.2} % of the bytes of events read (medians of {SELECTIVE})",
            median(&mut took),
            median(&mut read)
        );
    }
}

/// What this process has read, from disk or memory (`rchar`, proc(5)).
fn bytes_read() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").expect("io");
    let line = io.lines().find_map(|line| line.strip_prefix("rchar: ")).expect("rchar");
    line.trim().parse().expect("a number")
}

#[expect(clippy::cast_precision_loss, reason = "printed")]
async fn prove(engine: &Engine, config: &Config) {
    let keeper = Keeper::open(&config.lake, Table::Events).await.expect("lake").expect("events");
    let events = keeper.status().expect("status").rows as f64;
    let options = Options { part: Part::All, ..Options::default() };
    let start = Instant::now();
    let report = verify::verify(engine, &options).await.expect("verified");
    let took = start.elapsed().as_secs_f64();
    assert_eq!((report.files.missing, report.files.altered, report.events.faults), (0, 0, 0), "whole");
    println!("verify: {:.0} events/s ({took:.1} s)", events / took);
}

async fn roll_off(config: &Config, plan: &Plan) {
    let (now, kept) = (Time(plan.start.0 + i64::from(plan.days) * 86_400_000_000), plan.days / 2);
    for table in [Table::Events, Table::Sessions, Table::Disclosures] {
        let mut keeper = Keeper::open(&config.lake, table).await.expect("lake").expect("a table");
        let start = Instant::now();
        let gone = keeper.retain(kept, now).await.expect("retained");
        assert!(gone.rows > 0, "{} has old days", table.name());
        println!(
            "rolled off {}: {} rows in {} files, {kept} days kept, {:.1} s",
            table.name(),
            gone.rows,
            gone.files,
            start.elapsed().as_secs_f64()
        );
    }
}
