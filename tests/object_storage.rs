//! A lake on object storage through the real command: filled, asked, proven, hunted, kept in shape and played back, with
//! nothing of it on this machine's disk.

use crate::harness::clients::Answer;
use crate::harness::gateway::{Bus, Gateway, interdict};
use crate::harness::run;
use crate::harness::s3::{BUCKET, SECRET, Server};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// The command, told where the storage is.
fn told(server: &Server, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = interdict();
    command.current_dir(folder).envs(server.environment()).args(arguments);
    command
}

fn json(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 0, "{}", answer.errors);
    answer.output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_lake_on_object_storage_is_one_like_any_other() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("folder"));
    let url = format!("s3://{BUCKET}/some/lake");
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries/tests/samples");
    let sample = |name: &str| samples.join(name).to_str().expect("a plain path").to_owned();
    let on = |arguments: &[&str]| run(told(&server, folder.path(), &[arguments, &["--lake", &url]].concat()));
    for file in ["cloudtrail.json", "teleport.jsonl"] {
        let imported = on(&["import", &sample(file)]);
        assert_eq!(imported.status, 0, "{}", imported.errors);
    }
    let again = on(&["import", &sample("teleport.jsonl")]);
    assert!(again.errors.contains(" 0 added"), "{}", again.errors);
    let rows = json(&on(&["sql", "-o", "json", "select count(*) as n, count(distinct id) as ids from events"]));
    assert_eq!(rows[0]["n"], rows[0]["ids"]);
    assert!(rows[0]["n"].as_u64().is_some_and(|rows| rows > 10), "{rows:?}");
    let session = json(&on(&["sql", "-o", "json", "select session from sessions order by opened limit 1"]));
    let session = session[0]["session"].as_str().expect("an id").to_owned();
    let one = format!("select distinct session from events where session = '{session}'");
    assert_eq!(json(&on(&["sql", "-o", "json", &one])).len(), 1);

    let status = on(&["lake", "status"]);
    assert!(status.status == 0 && status.output.contains("events"), "{}{}", status.output, status.errors);
    for done in [&["lake", "compact"][..], &["lake", "vacuum"], &["hunt", "run", "fan-out", "--since", "2000-01-01"]]
    {
        let answer = on(done);
        assert_eq!(answer.status, 0, "{done:?}: {}{}", answer.output, answer.errors);
    }
    let after = json(&on(&["sql", "-o", "json", "select count(*) as n from events"]));
    assert_eq!(after[0]["n"], rows[0]["n"], "compaction changes no rows");
    let proven = on(&["verify"]);
    assert_eq!(proven.status, 0, "{}{}", proven.output, proven.errors);
    assert!(proven.output.contains("the lake is whole"), "{}", proven.output);
    let replayed = on(&["replay", &session]);
    assert_eq!(replayed.status, 0, "{}", replayed.errors);
    let exported = on(&["export", "ocsf", "--out", "events.jsonl"]);
    assert_eq!(exported.status, 0, "{}", exported.errors);
    let lines = std::fs::read_to_string(folder.path().join("events.jsonl")).expect("written");
    assert_eq!(Some(lines.lines().count() as u64), rows[0]["n"].as_u64());

    // A bucket that is not there is told in words, and without the secret.
    let nowhere =
        run(told(&server, folder.path(), &["sql", "select 1 from events", "--lake", "s3://no-such-bucket/x"]));
    assert_ne!(nowhere.status, 0, "{}", nowhere.output);
    assert!(!nowhere.errors.contains(SECRET) && !nowhere.errors.contains("panicked"), "{}", nowhere.errors);
}

#[test]
fn a_gateway_collects_into_object_storage_and_its_sessions_are_played_back_from_there() {
    let server = Server::start();
    let mut gateway = Gateway::build_with(Bus::Embedded, &format!("[lake]\npath = \"s3://{BUCKET}/lake\"\n"));
    gateway.environment = server.environment().into();
    gateway.start();
    let dana = gateway.clients("dana", &["planner"]);
    assert_eq!(gateway.psql(&dana, &["select 'a mark on the wire'"]).status, 0);
    let closed = gateway.sql_until("select session from sessions where state = 'closed'", 1);
    let played = gateway.interdict(&["replay", closed[0]["session"].as_str().expect("an id")]);
    assert!(played.contains("a mark on the wire"), "{played}");
    assert!(gateway.stop());
    gateway.interdict(&["verify"]);
    assert!(!gateway.folder.path().join("data/lake").exists(), "nothing of it is on this disk");
}
