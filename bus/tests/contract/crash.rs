//! kill -9 in the middle of writing: everything acknowledged is there, without a gap, and nothing twice.

use crate::{
    away::admitted,
    bed::{connect, decode, opened, shared_broker, small},
};
use interdict_bus::{Durability, From, Log, Writer, embedded::Embedded};
use interdict_schemas::Topic;
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

const FOLDER: &str = "INTERDICT_CRASH_FOLDER";
const BOOTSTRAP: &str = "INTERDICT_CRASH_BOOTSTRAP";
const PROXY: &str = "INTERDICT_CRASH_PROXY";

/// Appends until it is killed, and says what was acknowledged. Started by the tests below as a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the other tests of this file run it, to kill it"]
async fn victim() {
    let folder = std::env::var_os(FOLDER).expect("the folder is given");
    let proxy = std::env::var(PROXY).expect("the proxy's name is given");
    let log = Embedded::open(Path::new(&folder), small()).expect("open");
    let writer = match std::env::var(BOOTSTRAP) {
        Err(_) => Writer::embedded(log, &proxy, Durability::Os),
        Ok(bootstrap) => Writer::spooled(log, connect(bootstrap).await, &proxy, Durability::Os),
    }
    .expect("writer");
    let mut out = std::io::stdout();
    for index in 0_u64.. {
        let sequence = writer.append(&opened(&format!("root-{}", index % 13), &index.to_string())).expect("append");
        writeln!(out, "\nacknowledged {sequence}").expect("the parent reads");
    }
}

/// Runs the victim until it acknowledged `count` more records, kills it, and returns the last acknowledged.
fn kill_after(count: usize, folder: &Path, proxy: &str, bootstrap: Option<&str>) -> u64 {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["--exact", "crash::victim", "--ignored", "--nocapture"]);
    command.env(FOLDER, folder).env(PROXY, proxy).stdout(Stdio::piped());
    if let Some(bootstrap) = bootstrap {
        command.env(BOOTSTRAP, bootstrap);
    }
    let mut victim = command.spawn().expect("start the victim");
    let lines = BufReader::new(victim.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let mut acknowledged = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
    let mut last = acknowledged.by_ref().take(count).last().expect("the victim acknowledges");
    victim.kill().expect("kill -9");
    // What was written before the kill counts too.
    last = acknowledged.last().unwrap_or(last);
    victim.wait().expect("the victim ends");
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_writer_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().expect("folder");
    for crash in 1..=5 {
        let path = folder.path().to_owned();
        let acknowledged = tokio::task::spawn_blocking(move || kill_after(300 * crash, &path, "gw-crash", None));
        let acknowledged = acknowledged.await.expect("the victim ran");
        let log = Embedded::open(folder.path(), small()).expect("open after the crash");
        let end = log.end(Topic::Events, 0).await.expect("end");
        let mut reader = log.reader(Topic::Events, From::new()).await.expect("reader");
        let mut sequences = Vec::new();
        while reader.position(0) < end {
            for record in reader.next(1000).await.expect("read") {
                sequences.push(decode(&record).stamp.expect("a stamp").sequence);
            }
        }
        let found = sequences.len() as u64;
        assert_eq!(sequences, (1..=found).collect::<Vec<_>>(), "no gap, nothing twice");
        assert!(found >= acknowledged && found <= acknowledged + 1, "{found} found, {acknowledged} acknowledged");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_shipper_sends_again_and_readers_see_each_record_once() {
    let folder = tempfile::tempdir().expect("folder");
    let bootstrap = shared_broker().await.bootstrap();
    let proxy = crate::bed::unique("gw-ship");
    let mut acknowledged = 0;
    for crash in 1..=3 {
        let (path, bootstrap, proxy) = (folder.path().to_owned(), bootstrap.clone(), proxy.clone());
        let killed = tokio::task::spawn_blocking(move || kill_after(2000 * crash, &path, &proxy, Some(&bootstrap)));
        acknowledged = killed.await.expect("the victim ran");
    }
    let bus = connect(bootstrap).await;
    let spool = Embedded::open(folder.path(), small()).expect("open");
    let writer = Writer::spooled(spool, bus.clone(), &proxy, Durability::Os).expect("writer");
    writer.flushed().await.expect("flushed");
    let (sequences, copies) = admitted(&*bus, &proxy).await;
    assert_eq!(sequences.len(), 1, "one spool");
    let sequences = sequences.into_values().next().unwrap_or_default();
    let found = sequences.len() as u64;
    assert_eq!(sequences, (1..=found).collect::<Vec<_>>(), "{copies} copies were dropped");
    assert!(found >= acknowledged && found <= acknowledged + 1, "{found} found, {acknowledged} acknowledged");
}
