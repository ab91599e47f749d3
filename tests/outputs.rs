//! What commands print and write: cut off quietly, whole or not at all, and never as if a lake stood where none does.

use crate::harness::gateway::interdict;
use crate::harness::run;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/tests/samples").join(name)
}

/// A folder without a configuration, and with a lake that something was imported into.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("folder");
    let answer =
        run(command(folder.path(), &["import", "--lake", "lake", sample("zeek.jsonl").to_str().expect("utf-8")]));
    assert_eq!(answer.status, 0, "{}", answer.errors);
    folder
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = interdict();
    command.current_dir(folder).args(args);
    command
}

#[test]
fn a_reader_that_has_gone_ends_a_command_quietly() {
    let folder = folder();
    fs::write(folder.path().join("rules.toml"), "[detector]\n").expect("rules");
    let rows = "select value, repeat('x', 100) as x from generate_series(1, 12000)";
    let simulated = ["simulate", "--days", "2", "--identities", "20", "--sessions-per-day", "20", "--attacks", "0"];
    for args in [
        &["sql", "--lake", "lake", "-o", "json", rows][..],
        &["sql", "--lake", "lake", "-o", "csv", rows],
        &["sql", "--lake", "lake", "-o", "table", rows],
        &["sessions", "--lake", "lake"],
        &["alerts", "--lake", "lake", "-o", "csv"],
        &["hunt", "list"],
        &["hunt", "run", "fan-out", "--lake", "lake", "-o", "csv"],
        &["export", "ocsf", "--lake", "lake"],
        &["lake", "status", "--lake", "lake"],
        &["verify", "--lake", "lake"],
        &["forensics", "--lake", "lake"],
        &["blast-radius", "dana@corp", "--lake", "lake"],
        &["backtest", "--rules", "rules.toml", "--against", "rules.toml", "--lake", "lake"],
        &simulated,
        &["completions", "bash"],
    ] {
        let mut command = command(folder.path(), args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("interdict");
        // Before it prints anything.
        drop(child.stdout.take());
        let answer = child.wait_with_output().expect("interdict");
        let errors = String::from_utf8_lossy(&answer.stderr);
        assert_eq!(answer.status.code(), Some(141), "{args:?}: {errors}");
        assert!(!errors.contains("interdict: ") && !errors.contains("panicked"), "{args:?}: {errors}");
    }
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let folder = folder();
    let names = || fs::read_dir(folder.path()).expect("folder").count();
    let out = folder.path().join("out");
    fs::write(&out, "before").expect("written");
    let before = names();
    for failing in [
        &["export", "har", "no-such-session", "--lake", "lake", "--out", "out"][..],
        &["export", "transcript", "no-such-session", "--lake", "lake", "--out", "out"],
        &["replay", "no-such-session", "--lake", "lake", "--export", "out"],
    ] {
        let answer = run(command(folder.path(), failing));
        assert_eq!(answer.status, 1, "{failing:?}: {}", answer.errors);
        assert_eq!((fs::read_to_string(&out).expect("read").as_str(), names()), ("before", before), "{failing:?}");
    }
    let events = run(command(folder.path(), &["export", "ocsf", "--lake", "lake", "--out", "out"]));
    assert_eq!(events.status, 0, "{}", events.errors);
    assert_eq!((fs::read_to_string(&out).expect("read").lines().count(), names()), (20, before));
    for full in [
        &["export", "ocsf", "--lake", "lake", "--out", "/dev/full"][..],
        &["blast-radius", "dana@corp", "--lake", "lake", "--dot", "/dev/full"],
        &["simulate", "--days", "2", "--identities", "20", "--attacks", "0", "--html", "/dev/full"],
        &["simulate", "--days", "2", "--identities", "20", "--attacks", "0", "--json", "/dev/full"],
    ] {
        let answer = run(command(folder.path(), full));
        assert_eq!(answer.status, 1, "{full:?}: {}", answer.errors);
        assert!(answer.errors.contains("cannot write /dev/full: No space left"), "{full:?}: {}", answer.errors);
    }
}

#[test]
fn where_no_lake_is_nobody_waits_without_a_word() {
    let folder = tempfile::tempdir().expect("folder");
    fs::create_dir(folder.path().join("empty")).expect("folder");
    let check = |args: &[&str], status: i32, words: &str| {
        let answer = run(command(folder.path(), args));
        assert_eq!(answer.status, status, "{args:?}: {}", answer.errors);
        assert!(answer.errors.contains(words), "{args:?}: no {words} in {}", answer.errors);
    };
    check(&["alerts", "--follow", "--lake", "nosuch"], 2, "leave --lake out");
    check(&["sql", "--follow", "-o", "json", "--lake", "nosuch", "select 1"], 1, "there is no lake at ");
    for args in [
        &["sql", "--lake", "empty", "select * from events"][..],
        &["sessions", "--lake", "empty"],
        &["hunt", "run", "fan-out", "--lake", "empty"],
        &["lake", "status", "--lake", "empty"],
    ] {
        check(args, 0, " has no table yet; the collector, or an import, makes them");
    }
    let follow = ["sql", "--follow", "-o", "json", "--lake", "empty", "select * from events"];
    let mut following = crate::harness::clients::start(command(folder.path(), &follow)).expect("interdict");
    let mut said = Vec::new();
    let mut errors = following.0.stderr.take().expect("standard error");
    while !said.ends_with(b"\n") {
        let mut byte = [0];
        errors.read_exact(&mut byte).expect("a word");
        said.extend(byte);
    }
    assert!(String::from_utf8_lossy(&said).ends_with("; waiting for it\n"), "{said:?}");
}
