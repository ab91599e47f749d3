//! What people ask of the lake: SQL, sessions, transcripts, recordings, proof that it is whole.

use crate::harness::gateway::{Bus, Gateway};
use crate::harness::run;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn history_answers_while_up_runs() {
    let gateway = Gateway::up(Bus::Embedded);
    let dana = gateway.clients("dana", &["planner"]);
    let answer = gateway.ssh(&dana, "echo hello; exit 3");
    assert_eq!(answer.status, 3, "{}{}", answer.output, answer.errors);
    assert_eq!(gateway.psql(&dana, &["select 1", "select host from inventory"]).status, 0);
    gateway.until_in_lake("kind = 'closed'", 2);

    let rows =
        gateway.sql("select root, actor, target, protocol, count(*) as n from events group by all order by target");
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows.iter().all(|row| row["root"] == "dana" && row["actor"] == "planner"), "{rows:?}");

    let statements = gateway.sql(
        "select a.text, r.rows, r.status from events a join events r on r.action = a.action and r.kind = 'resulted' \
         where a.kind = 'acted' and a.class = 'statement' order by a.time",
    );
    assert_eq!(statements[1]["text"], "select host from inventory");
    assert_eq!(statements[1]["rows"], 2);
    let learned = gateway.sql("select target, kind from disclosures order by target");
    assert_eq!(
        learned.iter().map(|row| row["target"].as_str()).collect::<Vec<_>>(),
        [Some("bastion"), Some("cluster")]
    );
    let codes = gateway.sql("select code from events where kind = 'resulted' and class = 'command'");
    assert_eq!(codes[0]["code"], "3");

    let csv = gateway.interdict(&["sessions", "--output", "csv"]);
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(gateway.interdict(&["sessions"]).contains("planner"));
}

#[test]
fn the_lake_is_read_only_and_says_so() {
    let gateway = Gateway::up(Bus::Embedded);
    for query in [
        "drop table events",
        "insert into events select * from events",
        "copy events to '/tmp/x'",
        "create table t (a int)",
    ] {
        let answer = run(gateway.command(&["sql", query]));
        assert_ne!(answer.status, 0, "{query}: {}", answer.output);
        assert!(answer.errors.contains("read"), "{query}: {}", answer.errors);
    }
}

#[test]
fn terminals_and_statements_are_replayed() {
    let gateway = Gateway::up(Bus::Embedded);
    let dana = gateway.clients("dana", &[]);
    let marker = "a marker on the terminal";
    let command = dana.ssh(gateway.listener("bastion"), &["-tt"], &format!("echo '{marker}'")).expect("ssh");
    assert_eq!(run(command).status, 0);
    assert_eq!(gateway.psql(&dana, &["select 42"]).status, 0);
    assert!(gateway.psql(&dana, &["drop table inventory"]).errors.contains("not dropped"));
    let sessions =
        gateway.sql_until("select session, protocol from sessions where state = 'closed' order by opened", 3);
    let of = |protocol: &str| {
        let row: &Value = sessions.iter().find(|row| row["protocol"] == protocol).expect("a session");
        row["session"].as_str().expect("id").to_owned()
    };
    let played = gateway.interdict(&["replay", &of("ssh"), "--speed", "1000"]);
    assert!(played.contains(marker), "{played}");

    let cast = gateway.folder.path().join("terminal.cast");
    gateway.interdict(&["replay", &of("ssh"), "--asciicast", "2", "--export", cast.to_str().expect("path")]);
    // It wants a terminal of its own.
    let mut asciinema = Command::new("script");
    asciinema.args(["-qec", &format!("asciinema cat {}", cast.display()), "/dev/null"]);
    asciinema.env("LANG", "C.UTF-8").env("LC_ALL", "C.UTF-8");
    let shown = run(asciinema);
    assert!(shown.output.contains(marker), "{}{}", shown.output, shown.errors);

    let v3 = gateway.folder.path().join("terminal3.cast");
    gateway.interdict(&["replay", &of("ssh"), "--export", v3.to_str().expect("path")]);
    let text = fs::read_to_string(v3).expect("cast");
    let header: Value = serde_json::from_str(text.lines().next().expect("header")).expect("JSON");
    assert_eq!(header["version"], 3);

    let transcript = gateway.interdict(&["replay", &of("postgres")]);
    assert!(transcript.contains("select 42"), "{transcript}");
}

#[test]
fn a_session_nobody_knows_is_a_clear_error() {
    let gateway = Gateway::up(Bus::Embedded);
    let answer = run(gateway.command(&["replay", "no-such-session"]));
    assert_eq!(answer.status, 1);
    assert!(answer.errors.contains("no-such-session"), "{}", answer.errors);
}

/// A gateway that has ended, with three sessions in its lake, each in commits of its own.
fn after_three_sessions() -> Gateway {
    let mut gateway = Gateway::up(Bus::Embedded);
    let dana = gateway.clients("dana", &[]);
    for round in 0..3 {
        assert_eq!(gateway.psql(&dana, &["select 1"]).status, 0);
        gateway.until_in_lake("kind = 'closed'", round + 1);
    }
    assert!(gateway.stop());
    gateway
}

#[test]
fn verify_finds_what_was_taken_away() {
    let gateway = after_three_sessions();
    gateway.interdict(&["verify"]);
    // Undo one commit as a hand that hides something would: the newest version of the table's log.
    let log = gateway.folder.path().join("data/lake/events/_delta_log");
    let mut versions: Vec<_> = fs::read_dir(&log)
        .expect("log")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    versions.sort();
    assert!(versions.len() > 3, "{versions:?}");
    let text = fs::read_to_string(&versions[2]).expect("version");
    let without: Vec<_> = text.lines().filter(|line| !line.contains("\"add\"")).collect();
    fs::write(&versions[2], without.join("\n")).expect("version");
    let answer = run(gateway.command(&["verify"]));
    assert_eq!(answer.status, 3, "{}{}", answer.output, answer.errors);
    assert!(answer.output.contains("lost"), "{}", answer.output);
}

#[test]
fn a_compaction_hides_no_change_and_goes_on_beside_it() {
    let gateway = after_three_sessions();
    let sessions = gateway.folder.path().join("data/lake/sessions");
    let below = |folder: &Path| fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry").path());
    let day = below(&sessions).find(|path| path.to_string_lossy().contains("date=")).expect("a day");
    let file = below(&day).next().expect("a file");
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    let good = fs::read(&file).expect("reads");
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(&file, &bad).expect("writes");
    let status = || {
        let answer = run(gateway.command(&["lake", "status", "-o", "json"]));
        assert_eq!(answer.status, 0, "{}", answer.errors);
        let rows: Vec<Value> = answer.output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let row = rows.iter().find(|row| row["table"] == "sessions").expect("sessions").clone();
        (row, answer.errors)
    };
    let compact = || run(gateway.command(&["lake", "compact"]));
    let answer = compact();
    assert_eq!(answer.status, 3, "{}{}", answer.output, answer.errors);
    assert!(answer.output.contains(&name) && answer.output.contains("has digest"), "{}", answer.output);
    assert!(answer.output.lines().any(|line| line.starts_with("events: ") && line.ends_with(" became 1")));
    let (row, errors) = status();
    assert!(row["health"].as_str().expect("words").contains("verify") && errors.contains(&name), "{row} {errors}");
    assert_eq!(row["rejected"], 0);
    let proof = run(gateway.command(&["verify"]));
    assert_eq!(proof.status, 3, "{}", proof.output);
    assert!(proof.output.contains(&name), "{}", proof.output);
    // Once what was written is put back, all is as if nothing had been.
    fs::write(&file, good).expect("writes");
    assert_eq!(status().0["health"], "ok");
    assert_eq!(compact().status, 0);
    gateway.interdict(&["verify"]);
}
