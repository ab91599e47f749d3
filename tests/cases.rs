//! Cases, exports for other tools and the lake's upkeep through the real command.

use crate::harness::clients::Answer;
use crate::harness::gateway::{Bus, Gateway, checkout, interdict};
use crate::harness::run;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A gateway at which an agent reads a host's name and is refused when it opens it; and the alert.
fn pivot() -> (Gateway, String) {
    let gateway = Gateway::up(Bus::Embedded);
    let agent = gateway.clients("dana", &["planner", "coder", "runner"]);
    assert_eq!(gateway.psql(&agent, &["select host from inventory"]).status, 0);
    assert_ne!(gateway.ssh(&agent, "echo on the bastion").status, 0);
    let alerts =
        gateway.sql_until("select id from alerts where detection = 'disclosure_used' and verdict is not null", 1);
    gateway.until_in_lake("kind = 'closed'", 2);
    let newest = gateway.sql("select max(sequence) as n from events where root = 'dana'")[0]["n"].clone();
    gateway.sql_until(&format!("select 1 from checkpoints where chain = 'interdict.events' and last >= {newest}"), 1);
    let alert = alerts[0]["id"].as_str().expect("id").to_owned();
    (gateway, alert)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn checked(case: &Path, more: &[&str]) -> Answer {
    let mut command = interdict();
    command.args(["export", "case", "--check", text(case)]).args(more);
    run(command)
}

#[test]
fn an_alert_goes_out_as_one_case_and_every_change_of_it_is_found() {
    let (mut gateway, alert) = pivot();
    let at = |name: &str| gateway.folder.path().join(name);
    let (case, packed) = (at("case.tar"), at("case.tar.zst"));
    gateway.interdict(&["export", "case", &alert, "--out", text(&case)]);
    gateway.interdict(&["export", "case", &alert, "--out", text(&packed)]);
    let key = at("data/log/chain_key.pub");
    for archive in [&case, &packed] {
        let answer = checked(archive, &["--key", text(&key)]);
        assert_eq!(answer.status, 0, "{}{}", answer.output, answer.errors);
        assert!(answer.output.starts_with("whole: ") && answer.output.contains(&alert), "{}", answer.output);
    }
    let unvouched = checked(&case, &[]);
    assert!(unvouched.status == 3 && unvouched.output.contains("nobody vouched"), "{}", unvouched.output);
    let into = at("into");
    fs::create_dir(&into).expect("folder");
    let mut tar = std::process::Command::new("tar");
    assert_eq!(
        run({
            tar.arg("-xf").arg(&case).arg("-C").arg(&into);
            tar
        })
        .status,
        0
    );
    let read = |name: &str| fs::read_to_string(into.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(read("sessions/001/transcript.jsonl").contains("select host from inventory"));
    assert!(read("verdicts.jsonl").contains("disclosure_used") && read("alerts.jsonl").contains(&alert));
    assert!(read("checkpoints.jsonl").lines().count() > 0);
    let manifest: Value = serde_json::from_str(&read("manifest.json")).expect("JSON");
    assert_eq!(manifest["sessions"].as_array().map(Vec::len), Some(2), "{manifest}");

    let good = fs::read(&case).expect("reads");
    let place = good.windows(9).position(|bytes| bytes == b"inventory").expect("the statement");
    let mut bad = good.clone();
    bad[place] = b'I';
    fs::write(at("bad.tar"), &bad).expect("writes");
    let answer = checked(&at("bad.tar"), &[]);
    assert_eq!(answer.status, 3, "{}{}", answer.output, answer.errors);
    assert!(answer.output.contains("is not what was signed"), "{}", answer.output);

    // A key of one's own, by the flag and by the configuration; one that is not there is not made.
    let own = at("case_key");
    let answer = run(gateway.command(&["export", "case", &alert, "--out", text(&case), "--key", text(&own)]));
    assert!(answer.status == 1 && answer.errors.contains("there is no key"), "{}", answer.errors);
    assert!(!own.exists() && fs::read(&case).expect("reads") == good, "what stood stays");
    gateway_key(&own);
    gateway.interdict(&["export", "case", &alert, "--out", text(&case), "--key", text(&own)]);
    let answer = checked(&case, &["--key", text(&key)]);
    assert_eq!(answer.status, 3, "{}", answer.output);
    assert!(answer.output.contains("not with the one that was given"), "{}", answer.output);
    assert_eq!(checked(&case, &["--key", text(&at("case_key.pub"))]).status, 0);
    assert!(gateway.stop());
    let config = fs::read_to_string(gateway.config()).expect("reads");
    fs::write(
        gateway.config(),
        format!("{config}[lake]\ncase_key_file = \"case_key\"\nreplay_url = \"https://g/r/\"\n"),
    )
    .expect("writes");
    gateway.interdict(&["export", "case", &alert, "--out", text(&case)]);
    assert_eq!(checked(&case, &["--key", text(&gateway.folder.path().join("case_key.pub"))]).status, 0);
    let urls = gateway.sql("select replay_url('s 1') as url");
    assert_eq!(urls[0]["url"], "https://g/r/s%201");
    for (arguments, status) in [
        (&["export", "case", "no-such-alert", "--out", "x.tar"][..], 1),
        (&["export", "case", &alert], 2),
        (&["export", "case", "--check", "nowhere.tar"], 1),
        (&["export", "case", "--check", text(&case), "--key", "zz"], 2),
    ] {
        assert_eq!(run(gateway.command(arguments)).status, status, "{arguments:?}");
    }
}

fn gateway_key(path: &Path) {
    fs::write(path, format!("{}\n", "5a".repeat(32))).expect("writes");
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("mode");
}

#[test]
fn events_go_out_in_the_layout_of_security_lake() {
    let (gateway, _) = pivot();
    let folder = gateway.folder.path().join("bucket");
    let security = ["export", "ocsf", "--from", "1d", "--security-lake", text(&folder)];
    let answer = run(gateway.command(&security));
    assert_eq!(answer.status, 2, "region and account are asked for: {}", answer.errors);
    let url = ["export", "ocsf", "--security-lake", "s3://bucket/lake", "--region", "eu-central-1", "--account", "1"];
    let answer = run(gateway.command(&url));
    assert!(answer.status == 2 && answer.errors.contains("it is a URL; name a folder"), "{}", answer.errors);
    assert!(!gateway.folder.path().join("s3:").exists());
    let whose = ["--region", "eu-central-1", "--account", "123456789012"];
    gateway.interdict(&[&security[..], &whose[..]].concat());
    let today = jiff::Timestamp::now().to_string().replace('-', "");
    let day = folder
        .join("ext/interdict-datastore_activity/region=eu-central-1/accountId=123456789012")
        .join(format!("eventDay={}", &today[..8]));
    let files: Vec<PathBuf> =
        fs::read_dir(&day).expect("the day").map(|entry| entry.expect("entry").path()).collect();
    assert!(files.iter().all(|file| file.extension().is_some_and(|ending| ending == "parquet")), "{files:?}");
    assert_eq!(files.len(), 1);
}

fn status(gateway: &Gateway) -> Vec<Value> {
    let told = gateway.interdict(&["lake", "status", "-o", "json"]);
    told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn number(rows: &[Value], table: &str, column: &str) -> i64 {
    let row = rows.iter().find(|row| row["table"] == table).unwrap_or_else(|| panic!("no {table} in {rows:?}"));
    row[column].as_i64().unwrap_or_else(|| panic!("{table}.{column}: {row}"))
}

#[test]
fn status_tells_how_far_the_lake_is_behind_the_bus() {
    let mut gateway = Gateway::up(Bus::Embedded);
    let dana = gateway.clients("dana", &[]);
    for round in 1..=3 {
        assert_eq!(gateway.psql(&dana, &["select 1"]).status, 0);
        gateway.until_in_lake("kind = 'closed'", round);
    }
    let rows = status(&gateway);
    assert_eq!(number(&rows, "events", "behind"), 0, "{rows:?}");
    assert!((0..60).contains(&number(&rows, "events", "lag_s")), "{rows:?}");
    assert!((0..60).contains(&number(&rows, "events", "idle_s")), "{rows:?}");
    let newest = rows.iter().find(|row| row["table"] == "events").expect("events")["newest"].clone();
    let asked = gateway.sql("select max(time) as newest from events");
    let moment = |value: &Value| value.as_str().expect("a time").parse::<jiff::Timestamp>().expect("a time");
    assert!((moment(&newest) - moment(&asked[0]["newest"])).get_milliseconds().abs() < 2);
    gateway.interdict(&["verdicts", "add", "--root", "erin", "--reason", "laptop lost"]);
    gateway.sql_until("select 1 from verdicts where scope_root = 'erin'", 1);
    assert!(gateway.stop());
    let before = number(&status(&gateway), "verdicts", "behind");
    // What is said while no collector runs waits on the bus.
    let given = gateway.interdict(&["verdicts", "add", "--root", "frank", "--reason", "laptop lost"]);
    assert_eq!(number(&status(&gateway), "verdicts", "behind"), before + 1);
    let named =
        gateway.interdict(&["lake", "status", "-o", "csv", "--lake", text(&gateway.folder.path().join("data/lake"))]);
    assert!(named.lines().count() > 3 && named.contains("\"behind\""), "{named}");
    gateway.start();
    let asked = "select author, revoked from verdict_records where scope_root = 'frank' order by bus_offset";
    gateway.sql_until(asked, 1);
    gateway.interdict(&["verdicts", "revoke", given.trim(), "--by", "omar"]);
    let told = gateway.sql_until(asked, 2);
    assert_eq!((&told[1]["author"], &told[1]["revoked"]), (&"omar".into(), &true.into()));
}

#[test]
fn the_lake_is_kept_by_hand_and_a_changed_byte_in_a_compacted_file_is_found() {
    let mut gateway = Gateway::up(Bus::Embedded);
    let dana = gateway.clients("dana", &[]);
    for round in 1..=3 {
        assert_eq!(gateway.psql(&dana, &["select 1"]).status, 0);
        gateway.until_in_lake("kind = 'closed'", round);
    }
    let before = status(&gateway);
    assert!(number(&before, "events", "files") >= 3, "{before:?}");
    // Beside a collector that runs.
    let told = gateway.interdict(&["lake", "compact"]);
    assert!(told.lines().any(|line| line.starts_with("events: ") && line.ends_with(" became 1")), "{told}");
    gateway.interdict(&["verify"]);
    assert!(gateway.stop());
    gateway.interdict(&["lake", "compact", "--table", "events"]);
    let after = status(&gateway);
    assert_eq!(number(&after, "events", "files"), 1, "{after:?}");
    assert!(number(&after, "events", "rows") >= number(&before, "events", "rows"));
    // A compaction brings no rows, so it makes none late.
    assert!(number(&after, "events", "lag_s") < 60, "{after:?}");
    gateway.interdict(&["verify"]);

    let lake = gateway.folder.path().join("data/lake");
    let compacted = newest_file(&lake.join("events"));
    let good = fs::read(&compacted).expect("reads");
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(&compacted, &bad).expect("writes");
    let answer = run(gateway.command(&["verify"]));
    assert_eq!(answer.status, 3, "{}{}", answer.output, answer.errors);
    let name = compacted.file_name().expect("name").to_string_lossy().into_owned();
    assert!(answer.output.contains(&name), "{}", answer.output);
    fs::write(&compacted, &good).expect("writes");
    gateway.interdict(&["verify"]);

    // Files that no version names go after their week, and not before.
    let files = |lake: &Path| fs::read_dir(lake).expect("folder").count();
    let day = compacted.parent().expect("a day");
    let standing = files(day);
    assert!(gateway.interdict(&["lake", "vacuum", "--dry-run"]).contains("events: 0 files would be removed"));
    assert!(gateway.interdict(&["lake", "vacuum"]).contains("events: 0 files removed"));
    assert_eq!(files(day), standing);
    let old =
        fs::read_dir(day).expect("day").map(|entry| entry.expect("entry").path()).find(|path| *path != compacted);
    let old = old.expect("a file that was taken");
    // The table's log says when it was taken out; a week passes for it.
    let log = lake.join("events/_delta_log");
    for entry in fs::read_dir(log).expect("log") {
        let path = entry.expect("entry").path();
        let text = fs::read_to_string(&path).unwrap_or_default();
        if path.extension().is_some_and(|ending| ending == "json") && text.contains("deletionTimestamp") {
            fs::write(&path, weeks_ago(&text)).expect("writes");
        }
    }
    let answer = gateway.interdict(&["lake", "vacuum"]);
    assert!(!answer.contains("events: 0 files"), "{answer}");
    assert!(!old.exists() && compacted.exists());
    gateway.interdict(&["verify"]);
}

fn newest_file(table: &Path) -> PathBuf {
    let day = fs::read_dir(table).expect("table").map(|entry| entry.expect("entry").path());
    let day = day.filter(|path| path.to_string_lossy().contains("date=")).max().expect("a day");
    let file = fs::read_dir(day).expect("day").map(|entry| entry.expect("entry").path());
    file.max_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).expect("times")).expect("a file")
}

/// Moments of deletion in a version of a table's log, thirty days earlier.
fn weeks_ago(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let mut value: Value = serde_json::from_str(line).expect("JSON");
        if let Some(at) = value.pointer_mut("/remove/deletionTimestamp") {
            *at = (at.as_i64().expect("a time") - 30 * 86_400_000).into();
        }
        value.to_string()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn retention_takes_old_days_but_for_what_is_held() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = folder.path().join("lake");
    fs::create_dir(&lake).expect("folder");
    let command = |arguments: &[&str]| {
        let mut command = interdict();
        command.args(arguments).args(["--lake", text(&lake)]);
        let answer = run(command);
        assert_eq!(answer.status, 0, "{arguments:?}: {}{}", answer.output, answer.errors);
        answer.output
    };
    let log = checkout().join("queries/tests/samples/teleport.jsonl");
    let mut import = interdict();
    import.args(["import", text(&log), "--lake", text(&lake)]);
    let answer = run(import);
    assert_eq!(answer.status, 0, "{}{}", answer.output, answer.errors);
    let count = |who: &str| {
        let told = command(&["sql", "-o", "csv", &format!("select count(*) as n from events where {who}")]);
        told.lines().nth(1).and_then(|line| line.parse::<u64>().ok()).unwrap_or_else(|| panic!("{told}"))
    };
    let told =
        command(&["sql", "-o", "csv", "select root, count(*) from events group by root order by 2 desc, 1 limit 1"]);
    let root = told.lines().nth(1).and_then(|line| line.split(',').next()).expect("a root").to_owned();
    let (all, held) = (count("true"), count(&format!("array_has(chain, '{root}')")));
    assert!(held > 0 && all > held, "{held} of {all}");
    assert!(
        command(&["lake", "hold", "--identity", &root, "--reason", "case 7", "--by", "erin"]).contains("is on hold")
    );
    let told = command(&["lake", "hold"]);
    assert!(told.contains(&root) && told.contains("case 7") && told.contains("erin"), "{told}");
    let retain = ["lake", "retain", "--table", "events", "--days", "1"];
    let told = command(&retain);
    assert!(told.contains("0 rows in 0 files") && told.contains(&format!("{all} rows came within 1 days")), "{told}");
    let retain = [&retain[..], &["--late"]].concat();
    let told = command(&retain);
    assert!(
        told.contains(&format!("{} rows in", all - held)) && told.contains(&format!("{held} rows are on hold")),
        "{told}"
    );
    assert_eq!((count("true"), count(&format!("array_has(chain, '{root}')"))), (held, held));
    let told = command(&["verify"]);
    assert!(told.contains("the lake is whole") && told.contains("were taken by retention"), "{told}");
    let again = command(&retain);
    assert!(again.contains("0 rows in 0 files are gone"), "{again}");
    assert!(command(&["lake", "hold", "--identity", &root, "--release"]).contains("is released"));
    command(&retain);
    assert_eq!(count("true"), 0);
    let mut verify = interdict();
    verify.args(["verify", "--lake", text(&lake)]);
    let told = run(verify).output;
    assert!(told.contains("the lake is whole"), "what retention took is not missing: {told}");
    for (arguments, status, words) in [
        (&["lake", "hold", "--identity", &root, "--release"][..], 1, "is not on hold"),
        (&["lake", "retain", "--table", "nothing", "--days", "1"], 2, "no table is called"),
    ] {
        let mut command = interdict();
        command.args(arguments).args(["--lake", text(&lake)]);
        let answer = run(command);
        assert!(answer.status == status && answer.errors.contains(words), "{arguments:?}: {}", answer.errors);
    }
}
