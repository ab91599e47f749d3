//! Other systems' logs in the lake: once, with SQL over them, without a gateway or beside one.

use crate::harness::gateway::{Bus, Gateway, interdict};
use crate::harness::{clients::Answer, run};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/tests/samples").join(name)
}

fn import(lake: &Path, arguments: &[&str], files: &[&str]) -> Answer {
    let mut command = interdict();
    // The lake alone is named: there is no configuration.
    command.current_dir(lake.parent().expect("a folder")).args(["import", "--lake"]).arg(lake).args(arguments);
    command.args(files.iter().map(|file| sample(file)));
    run(command)
}

fn sql(lake: &Path, query: &str) -> Vec<Value> {
    let mut command = interdict();
    command.args(["sql", "--output", "json", query, "--lake"]).arg(lake);
    let answer = run(command);
    assert_eq!(answer.status, 0, "{}", answer.errors);
    answer.output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn logs_are_imported_once_and_answer_to_sql() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = folder.path().join("lake");
    let files =
        ["cloudtrail.json", "zeek.jsonl", "lanl-auth.txt", "auth-iso.log", "kubernetes.jsonl", "teleport.jsonl"];
    let first = import(&lake, &[], &files);
    assert_eq!(first.status, 0, "{}", first.errors);
    assert!(first.errors.contains("zeek.jsonl:28: id.orig_h must be an IP address"), "{}", first.errors);
    assert!(first.errors.contains("75 added, 0 were there already"), "{}", first.errors);
    let again = import(&lake, &[], &files[1..3]);
    assert!(again.errors.contains("0 added, 26 were there already"), "{}", again.errors);
    let named = import(&lake, &["--format", "sshd", "--year", "2025"], &["auth.log"]);
    assert!(named.errors.contains("6 added"), "{}", named.errors);

    let rows = sql(&lake, "select count(*) as n, count(distinct id) as ids from events");
    assert_eq!((&rows[0]["n"], &rows[0]["ids"]), (&81.into(), &81.into()));
    // Planning recurses once a term.
    let long = sql(&lake, &format!("select count(*){} as n from events", " + 1".repeat(1_000)));
    assert_eq!(long[0]["n"], 1_081);
    let hops = sql(
        &lake,
        "select d.value, s.actor from disclosures d join sessions s on s.credential = d.value \
         where d.kind = 'credential' and s.protocol = 'cloud' and s.target like '%:role/admin'",
    );
    assert_eq!(hops.len(), 1, "{hops:?}");
    assert_eq!(hops[0]["actor"], "arn:aws:sts::444455556666:assumed-role/admin/hop");
    let closed = sql(&lake, "select * from sessions where state = 'closed' and protocol = 'ssh' and root = 'ana'");
    assert_eq!(closed.len(), 2, "{closed:?}");
    let mut verify = interdict();
    verify.current_dir(folder.path()).args(["verify", "--lake"]).arg(&lake);
    let verified = run(verify);
    assert_eq!(verified.status, 0, "{}{}", verified.output, verified.errors);
}

#[test]
fn a_file_that_cannot_be_read_keeps_no_other_out() {
    let folder = tempfile::tempdir().expect("folder");
    let (lake, broken) = (folder.path().join("lake"), folder.path().join("broken.jsonl.gz"));
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::copy(&mut std::fs::File::open(sample("zeek.jsonl")).expect("a sample"), &mut gz).expect("packed");
    let bytes = gz.finish().expect("packed");
    std::fs::write(&broken, &bytes[..bytes.len() / 2]).expect("half of it");
    let broken = broken.to_str().expect("a plain path");
    let mixed = import(&lake, &[broken], &["lanl-auth.txt"]);
    assert_eq!(mixed.status, 1, "{}", mixed.errors);
    assert!(mixed.errors.contains("broken.jsonl.gz cannot be read, and is passed over"), "{}", mixed.errors);
    assert!(mixed.errors.contains("1 of the files cannot be read; nothing of them was imported"), "{}", mixed.errors);
    let n = &sql(&lake, "select count(*) as n from events")[0]["n"];
    // What is told of the others is what is told of any: their lines, and what came of them.
    assert!(mixed.errors.contains(" events, ") && *n != 0, "{}", mixed.errors);
    assert!(mixed.errors.contains(&format!("; {n} added")), "{}", mixed.errors);
    let alone = import(&folder.path().join("none"), &[broken], &[]);
    assert!(alone.status == 1 && alone.errors.contains("nothing was imported"), "{}", alone.errors);
}

#[test]
fn logs_are_imported_while_a_gateway_writes() {
    let gateway = Gateway::up(Bus::Embedded);
    let dana = gateway.clients("dana", &[]);
    assert_eq!(gateway.psql(&dana, &["select 1"]).status, 0);
    gateway.until_in_lake("kind = 'closed'", 1);
    let file = sample("zeek.jsonl");
    gateway.interdict(&["import", file.to_str().expect("a plain path")]);
    assert_eq!(gateway.psql(&dana, &["select 2"]).status, 0);
    gateway.until_in_lake("kind = 'closed' and root = 'dana'", 2);
    assert_eq!(gateway.sql("select count(*) as n from events where proxy = 'import'")[0]["n"], 20);
}

#[test]
fn what_cannot_be_imported_is_said() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = folder.path().join("lake");
    let file = folder.path().join("diary.txt");
    std::fs::write(&file, "dear diary\n").expect("writes");
    let mut command = interdict();
    command.current_dir(folder.path()).args(["import", "--lake"]).arg(&lake).arg(&file);
    let answer = run(command);
    assert_eq!(answer.status, 1);
    assert!(answer.errors.contains("diary.txt: the format is not recognised"), "{}", answer.errors);
    // The others are read all the same, wherever it stands.
    let both = import(&lake, &[file.to_str().expect("a plain path")], &["teleport.jsonl"]);
    assert_eq!(both.status, 1);
    assert!(both.errors.contains("diary.txt: the format is not recognised"), "{}", both.errors);
    assert!(both.errors.contains(" added, 0 were there already"), "{}", both.errors);
    assert_ne!(sql(&lake, "select count(*) as n from events")[0]["n"], 0);
    let stdin = import(&lake, &["-"], &[]);
    assert!(stdin.errors.contains("name a file instead of -"), "{}", stdin.errors);
    let wrong = import(&lake, &["--format", "lanl-auth"], &["kubernetes.jsonl"]);
    assert_eq!(wrong.status, 1);
    assert!(wrong.errors.contains("is --format right?"), "{}", wrong.errors);
    // Every record of it is passed over as sound and of no use.
    let wrong = import(&lake, &["--format", "teleport"], &["kubernetes.jsonl", "teleport.jsonl"]);
    assert_eq!(wrong.status, 1);
    let looks = "kubernetes.jsonl: nothing in it could be read as teleport; it looks like kubernetes";
    assert!(wrong.errors.contains(looks), "{}", wrong.errors);
    assert!(!sql(&lake, "select 1 from events limit 1").is_empty(), "the other file is there");
}
