//! The detector over stored events, plain and compressed.

use crate::harness::gateway::interdict;
use crate::harness::run;
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::path::Path;

/// A day in milliseconds.
const DAY: i64 = 86_400_000;

fn event(uid: &str, time: i64, user: &str, session: &str, dst: &str, more: Value) -> Value {
    let mut event = json!({
        "category_uid": 3, "severity_id": 1, "status_id": 1, "time": time,
        "metadata": { "uid": uid, "version": "1.9.0-dev", "product": { "name": "interdict", "vendor_name": "interdict" } },
        "actor": { "user": { "uid": user, "name": user, "type_id": 4 }, "session": { "uid": session } },
        "src_endpoint": { "hostname": "runner-1.corp.example", "ip": "10.0.0.9" },
        "dst_endpoint": { "hostname": dst, "ip": "10.0.1.1", "port": 22 },
    });
    event.as_object_mut().expect("object").extend(more.as_object().expect("object").clone());
    event
}

fn open(uid: &str, time: i64, user: &str, session: &str, dst: &str, service: &str) -> Value {
    event(
        uid,
        time,
        user,
        session,
        dst,
        json!({
            "class_uid": 3002, "activity_id": 1, "type_uid": 300_201, "service": { "name": service },
            "session": { "uid": session }, "user": { "name": "app", "type_id": 4 },
        }),
    )
}

fn read(uid: &str, time: i64, user: &str, session: &str, dst: &str, learned: &str) -> Value {
    event(
        uid,
        time,
        user,
        session,
        dst,
        json!({
            "class_uid": 6005, "activity_id": 4, "type_uid": 600_504, "category_uid": 6,
            "query_info": { "query_string": "SELECT host FROM inventory" }, "database": { "name": "ops", "type_id": 1 },
            "observables": [ { "name": "response.hostname", "type_id": 1, "value": learned } ],
        }),
    )
}

/// A bot that reads an inventory and opens what it names, every day for a month; and on the last day somebody who
/// does it for the first time.
fn story() -> Vec<Value> {
    let start: i64 = 1_772_409_600_000;
    let mut events = Vec::new();
    for day in 0..30 {
        let at = start + day * DAY;
        let id = |part: &str| format!("bot-{day}-{part}");
        events.push(open(&id("1"), at, "svc:bot", &id("a"), "db.corp.example", "postgres"));
        events.push(read(&id("2"), at + 10, "svc:bot", &id("a"), "db.corp.example", "app.corp.example"));
        events.push(open(&id("3"), at + 20, "svc:bot", &id("b"), "app.corp.example", "ssh"));
    }
    let at = start + 29 * DAY + 1000;
    events.push(open("agent-1", at, "agent:x", "x1", "db.corp.example", "postgres"));
    events.push(read("agent-2", at + 10, "agent:x", "x1", "db.corp.example", "app.corp.example"));
    events.push(open("agent-3", at + 20, "agent:x", "x2", "app.corp.example", "ssh"));
    events
}

fn findings(events: &[&Path], alerts: &Path) -> Vec<Value> {
    let mut command = interdict();
    command.args(["forensics", "--format", "ocsf", "--alerts"]).arg(alerts).arg("--events").args(events);
    let answer = run(command);
    assert_eq!(answer.status, 0, "{}{}", answer.output, answer.errors);
    fs::read_to_string(alerts)
        .expect("alerts")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn a_stored_pivot_is_found_and_a_routine_is_not_in_every_compression() {
    let folder = tempfile::tempdir().expect("folder");
    let text: String = story().iter().map(|event| format!("{event}\n")).collect();
    let plain = folder.path().join("events.jsonl");
    fs::write(&plain, &text).expect("events");
    let gz = folder.path().join("events.jsonl.gz");
    let mut encoder = flate2::write::GzEncoder::new(fs::File::create(&gz).expect("gz"), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).expect("gz");
    encoder.finish().expect("gz");
    let zst = folder.path().join("events.jsonl.zst");
    fs::write(&zst, zstd::encode_all(text.as_bytes(), 1).expect("zstd")).expect("zst");

    let expected = findings(&[&plain], &folder.path().join("plain"));
    let of = |user: &str| expected.iter().filter(|found| found["actor"]["user"]["uid"] == user).collect::<Vec<_>>();
    // What the bot does is no habit before it did it on three days.
    let learning = 1_772_409_600_000 + 3 * DAY;
    assert!(of("svc:bot").iter().all(|found| found["time"].as_i64() < Some(learning)), "{expected:?}");
    let pivots = of("agent:x");
    assert_eq!(pivots.len(), 1, "{expected:?}");
    let pivot = pivots[0];
    assert!(pivot["severity_id"].as_i64() >= Some(2), "{pivot}");
    let chain: Vec<_> = pivot["finding_info"]["related_events"]
        .as_array()
        .expect("chain")
        .iter()
        .map(|event| &event["uid"])
        .collect();
    for uid in ["agent-2", "agent-3"] {
        assert!(chain.contains(&&json!(uid)), "{uid} is not in {chain:?}");
    }
    assert_eq!(findings(&[&gz], &folder.path().join("gz")), expected);
    assert_eq!(findings(&[&zst], &folder.path().join("zst")), expected);
}

#[test]
fn what_was_found_before_a_file_broke_off_is_told() {
    let folder = tempfile::tempdir().expect("folder");
    let mut lines: Vec<String> = story().iter().map(ToString::to_string).collect();
    // What follows says nothing, and is more than is read at once.
    lines.extend((0..20_000).map(|number| format!("{{\"class_uid\": 1001, \"time\": {number}}}")));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(lines.join("\n").as_bytes()).expect("gz");
    let whole = encoder.finish().expect("gz");
    let (cut, alerts) = (folder.path().join("cut.jsonl.gz"), folder.path().join("alerts"));
    fs::write(&cut, &whole[..whole.len() - 64]).expect("gz");
    let mut command = interdict();
    command.args(["forensics", "--events"]).arg(&cut).arg("--alerts").arg(&alerts);
    let answer = run(command);
    assert_eq!(answer.status, 1, "{}", answer.errors);
    assert!(answer.errors.contains("cannot be read any further"), "{}", answer.errors);
    let found = fs::read_to_string(&alerts).expect("alerts");
    let pivots = found.lines().filter(|line| line.contains("agent:x")).count();
    assert!(pivots > 0, "{found}");
    let mut table = interdict();
    table.args(["forensics", "--events"]).arg(&cut);
    assert!(run(table).output.contains("agent:x"));
}

#[test]
fn bad_lines_are_named_and_counted() {
    let folder = tempfile::tempdir().expect("folder");
    let events = folder.path().join("events.jsonl");
    let mut lines: Vec<String> = story().iter().map(ToString::to_string).collect();
    lines.insert(1, "{\"class_uid\": 3002".into());
    lines.insert(3, "{\"class_uid\": 9999, \"time\": 1}".into());
    fs::write(&events, lines.join("\n")).expect("events");
    let mut command = interdict();
    command.args(["forensics", "--events"]).arg(&events).arg("--alerts").arg(folder.path().join("alerts"));
    let answer = run(command);
    assert_eq!(answer.status, 0, "{}", answer.errors);
    assert!(answer.errors.contains("events.jsonl:2"), "{}", answer.errors);
    assert!(answer.errors.contains("2 skipped"), "{}", answer.errors);
    assert!(answer.errors.contains(" revisions of alerts"), "{}", answer.errors);
}
