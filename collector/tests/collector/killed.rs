//! A real process, killed while it writes, ten times over.

use crate::{collect_from, lake, patient, say};
use interdict_bus::embedded::{Embedded, Settings};
use interdict_bus::{Durability, Writer};
use interdict_schemas::lake::{Place, Table};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Where the child finds its folder.
const FOLDER: &str = "INTERDICT_COLLECTOR_CHILD";

/// Not a test of its own: what the killed process does. It appends, says what stands, and collects, for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the test of this file runs it, to kill it"]
async fn child() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("the folder is given"));
    let log = Embedded::open(&folder.join("log"), Settings::default()).expect("log");
    let writer = Writer::embedded(Arc::clone(&log), "gw-1", Durability::Os).expect("writer");
    let run = interdict_collector::run(patient(&folder.join("lake"), 200), log, CancellationToken::new());
    let append = std::thread::spawn(move || {
        loop {
            let mut last = [0, 0];
            for number in 0..100 {
                let root = format!("root-{}", number % 7);
                let event = writer.append(&say::event(&root, number, say::NOON)).expect("appended");
                last = [event, writer.append(&say::chunk("a", number)).expect("appended")];
            }
            // Straight to the pipe: the test harness holds back what is printed.
            use std::io::Write as _;
            writeln!(std::io::stderr(), "acknowledged {} {}", last[0], last[1]).expect("the parent listens");
        }
    });
    run.await.expect("collects until killed");
    append.join().expect("appends until killed");
}

/// Starts the child, lets it acknowledge some more, kills it, and returns the last sequences it acknowledged: of its
/// events and of its chunks.
fn one_life(folder: &Path, lines: usize) -> [u64; 2] {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "killed::child", "--nocapture", "--ignored"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("child");
    let stderr = BufReader::new(child.stderr.take().expect("stderr"));
    let mut last = [0, 0];
    let mut seen = 0;
    for line in stderr.lines() {
        let line = line.expect("line");
        if let Some((events, chunks)) = line.strip_prefix("acknowledged ").and_then(|both| both.split_once(' ')) {
            last = [events.parse().expect("a number"), chunks.parse().expect("a number")];
            seen += 1;
            if seen == lines {
                break;
            }
        }
    }
    assert_eq!(seen, lines, "the child died by itself; run `killed::child` with {FOLDER} set to see why");
    child.kill().expect("kill -9");
    child.wait().expect("reaped");
    last
}

/// That each spool's count has neither gap nor double and reaches what was acknowledged.
fn complete(what: &str, places: impl Iterator<Item = Place>, acknowledged: u64) {
    let mut spools: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for place in places {
        let stamp = place.stamp.expect("stamped");
        spools.entry(stamp.spool).or_default().push(stamp.sequence);
    }
    assert!(!spools.is_empty(), "no {what}");
    for (spool, mut sequences) in spools {
        sequences.sort_unstable();
        let wrong: Vec<_> = sequences.iter().zip(1..).filter(|(found, wanted)| *found != wanted).take(5).collect();
        assert!(wrong.is_empty(), "gap or double among {what} of {spool}: {wrong:?}");
        assert!(sequences.len() as u64 >= acknowledged, "{} {what} of {acknowledged}", sequences.len());
    }
}

#[test]
fn ten_kills_lose_nothing_and_double_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let mut acknowledged = [0, 0];
    for life in 0..10 {
        acknowledged = one_life(folder.path(), 5 + life * 3);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("runtime").block_on(async {
        let lake = folder.path().join("lake");
        let log = Embedded::open(&folder.path().join("log"), Settings::default()).expect("log");
        collect_from(patient(&lake, 50_000), log).await.expect("collected");
        let (events, chunks) = (lake::events(&lake).await, lake::chunks(&lake).await);
        let opened = events.iter().filter(|row| row.value.kind.name() == "opened").count();
        let learnt: usize = events.iter().map(|row| row.value.disclosures.len()).sum();
        assert_eq!(lake::rows(&lake, Table::Sessions).await, opened);
        assert_eq!(lake::rows(&lake, Table::Disclosures).await, learnt);
        complete("events", events.into_iter().map(|row| row.place), acknowledged[0]);
        complete("chunks", chunks.into_iter().map(|row| row.place), acknowledged[1]);
    });
}
