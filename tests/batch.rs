//! Questions over what is stored: forensics over the lake, the blast radius, the comparison of settings; and what
//! people say of alerts.

use crate::harness::gateway::{Bus, Gateway, interdict};
use crate::harness::{eventually, run};
use interdict_detector::simulation::Plan;
use interdict_detector::{Detector, Output, Settings};
use interdict_schemas::ocsf;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// An agent that reads a name, opens what it names, and is stopped.
fn pivot(gateway: &Gateway, root: &str) {
    let agent = gateway.clients(root, &["runner"]);
    assert_eq!(gateway.psql(&agent, &["select host from inventory"]).status, 0);
    gateway.ssh(&agent, "true");
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Every alert that was raised live, as far as a finding tells it, by id.
fn raised(gateway: &Gateway) -> Vec<Value> {
    const SEVERITIES: [&str; 5] = ["informational", "low", "medium", "high", "critical"];
    let query = "select id, revision, root, detection, title, explanation, severity, risk, confidence, techniques, \
                 chain, cast(time as bigint) / 1000 as millis from alerts order by id";
    let told = |row: &Value| {
        let mut events: Vec<&Value> = Vec::new();
        for event in list(&row["chain"]).iter().flat_map(|hop| list(&hop["events"])) {
            if !events.contains(&event) {
                events.push(event);
            }
        }
        let severity = SEVERITIES.iter().position(|name| row["severity"] == *name).map(|at| at + 1);
        let techniques: Vec<_> = list(&row["techniques"]).iter().map(|technique| &technique["id"]).collect();
        json!({
            "id": row["id"], "revision": row["revision"], "time": row["millis"], "root": row["root"],
            "detection": row["detection"], "title": row["title"], "explanation": row["explanation"],
            "severity": severity, "risk": row["risk"], "confidence": row["confidence"],
            "techniques": techniques, "events": events,
        })
    };
    gateway.sql(query).iter().map(told).collect()
}

/// The same of what forensics finds in the lake: the last finding of each alert, and how many there were.
fn found(gateway: &Gateway) -> Vec<Value> {
    let mut newest: BTreeMap<String, (usize, Value)> = BTreeMap::new();
    for finding in gateway.interdict(&["forensics", "--alerts", "-"]).lines().map(parsed) {
        let id = finding["finding_info"]["uid"].as_str().expect("id").to_owned();
        let held = newest.entry(id).or_default();
        *held = (held.0 + 1, finding);
    }
    let told = |(revision, finding): &(usize, Value)| {
        let about = &finding["finding_info"];
        let technique =
            |attack: &Value| attack.pointer("/sub_technique/uid").or(attack.pointer("/technique/uid")).cloned();
        let techniques: Vec<_> = list(&about["attacks"]).iter().map(technique).collect();
        let events: Vec<_> = list(&about["related_events"]).iter().map(|event| &event["uid"]).collect();
        json!({
            "id": about["uid"], "revision": revision, "time": finding["time"], "root": finding["actor"]["user"]["uid"],
            "detection": about["analytic"]["name"], "title": about["title"], "explanation": about["desc"],
            "severity": finding["severity_id"], "risk": finding["risk_score"],
            "confidence": finding["confidence_score"], "techniques": techniques, "events": events,
        })
    };
    newest.values().map(told).collect()
}

#[test]
fn forensics_over_the_lake_says_what_was_said_live_while_up_runs() {
    let gateway = Gateway::up(Bus::Embedded);
    pivot(&gateway, "dana");
    pivot(&gateway, "erin");
    let alerts = gateway.sql_until("select id from alerts order by root", 2);
    gateway.interdict(&["alerts", "resolve", alerts[0]["id"].as_str().expect("id"), "--benign", "--by", "frank"]);
    // The gate hears of it from the bus, long before the lake shows it.
    gateway.sql_until("select id from verdicts where scope_root = 'dana' and revoked", 1);
    pivot(&gateway, "dana");
    gateway.until_in_lake("kind = 'opened' and target = 'bastion'", 3);
    // The tables are committed one after the other: alerts may stand in the lake before their events, or after them.
    let revisions = |alerts: &[Value]| -> Vec<_> {
        alerts.iter().map(|alert| (alert["id"].clone(), alert["revision"].clone())).collect()
    };
    let (live, found) = eventually("as many revisions found as were raised", || {
        let (live, found) = (raised(&gateway), found(&gateway));
        (revisions(&live) == revisions(&found)).then_some((live, found))
    });
    assert_eq!(live.len(), 2, "{live:?}");
    assert_eq!(found, live);

    let table = gateway.interdict(&["forensics", "--identity", "dana", "--from", "1h"]);
    assert!(table.contains("disclosure_used") && table.contains("dana") && !table.contains("erin"), "{table}");
    for nothing in [["--target", "nowhere"], ["--identity", "nobody"]] {
        let answer = run(gateway.command(&["forensics", nothing[0], nothing[1]]));
        assert!(answer.status == 0 && !answer.output.contains("disclosure_used"), "{nothing:?}: {}", answer.output);
        assert!(answer.errors.contains("0 alerts; not asked for: 2"), "{}", answer.errors);
    }
    assert!(!gateway.interdict(&["forensics", "--to", "1h"]).contains("disclosure_used"));
}

#[test]
fn forensics_says_the_same_over_a_file_and_over_the_lake_that_the_file_was_imported_into() {
    let folder = tempfile::tempdir().expect("folder");
    let plan = Plan { days: 6, identities: 60, sessions_per_day: 150, attacks: 6, ..Plan::default() };
    let text: String = plan.stream().map(|event| format!("{}\n", ocsf::event(&event))).collect();
    fs::write(folder.path().join("events.jsonl"), &text).expect("events");
    let said = |args: &[&str]| {
        let mut command = interdict();
        command.current_dir(folder.path()).args(args);
        let answer = run(command);
        assert_eq!(answer.status, 0, "{args:?}: {}", answer.errors);
        answer.output
    };
    let of_file = said(&["forensics", "--alerts", "-", "--events", "events.jsonl"]);
    said(&["import", "--lake", "lake", "events.jsonl"]);
    assert_eq!(said(&["forensics", "--alerts", "-", "--lake", "lake"]), of_file);

    let mut detector = Detector::new(Settings::default());
    let mut expected = Vec::new();
    for line in text.lines() {
        let event = ocsf::read_event(line.as_bytes()).expect("an event");
        for output in detector.observe(&event) {
            if let Output::Alert(alert) = output {
                expected.push(json!([alert.id, alert.title, alert.explanation, alert.risk, alert.confidence]));
            }
        }
    }
    let told = |finding: Value| {
        let about = &finding["finding_info"];
        json!([about["uid"], about["title"], about["desc"], finding["risk_score"], finding["confidence_score"]])
    };
    assert!(expected.len() > 6, "{expected:?}");
    assert_eq!(of_file.lines().map(parsed).map(told).collect::<Vec<_>>(), expected);
}

#[test]
fn the_blast_radius_of_an_identity_is_told_as_table_json_and_picture() {
    let gateway = Gateway::up(Bus::Embedded);
    pivot(&gateway, "dana");
    gateway.until_in_lake("kind = 'resulted' and root = 'dana'", 1);
    gateway.until_in_lake("target = 'bastion'", 1);
    let picture = gateway.folder.path().join("radius.dot");
    let picture = picture.to_str().expect("utf-8");
    let radius = parsed(&gateway.interdict(&["blast-radius", "runner", "--output", "json", "--dot", picture]));
    let of = |list: &str, key: &str| -> Vec<String> {
        let list = radius[list].as_array().expect("a list").iter();
        list.map(|one| one[key].as_str().expect("text").to_owned()).collect()
    };
    assert_eq!(of("reached", "target")[0], "db");
    let mut learned = of("learned", "target");
    learned.sort();
    assert_eq!(learned, ["bastion", "cluster"]);
    assert!(of("next", "target").contains(&"cluster".to_owned()), "{radius}");
    let table = gateway.interdict(&["blast-radius", "dana", "--since", "1d"]);
    assert!(table.contains("Could be reached next") && table.contains("bastion.corp.example"), "{table}");
    assert!(fs::read_to_string(picture).expect("picture").contains("digraph"));

    let answer = run(gateway.command(&["blast-radius", "nobody"]));
    assert_eq!(answer.status, 1);
    assert!(answer.errors.contains("`nobody`") && answer.errors.contains("interdict sessions"), "{}", answer.errors);
}

#[test]
fn settings_are_compared_over_the_same_history() {
    let gateway = Gateway::up(Bus::Embedded);
    pivot(&gateway, "dana");
    gateway.sql_until("select id from alerts", 1);
    gateway.until_in_lake("target = 'bastion'", 1);
    let rules = gateway.folder.path().join("new.toml");
    fs::write(&rules, "[detector]\nbudget = 8\n[detector.webhook]\nurl = \"https://x\"\nsecret_file = \"no\"\n")
        .expect("rules");
    let rules = rules.to_str().expect("utf-8");
    let found = parsed(&gateway.interdict(&["backtest", "--rules", rules, "--output", "json"]));
    assert_eq!(found["same"], 1, "{found}");
    assert_eq!(found["only_old"], Value::Array(Vec::new()));
    let table = gateway.interdict(&["backtest", "--rules", rules, "--against", rules, "--from", "7d"]);
    assert!(table.contains("Alerts that differ: 0"), "{table}");

    fs::write(rules, "[detector]\nhabit_day = 3\n").expect("rules");
    let answer = run(gateway.command(&["backtest", "--rules", rules]));
    assert_eq!(answer.status, 2);
    assert!(answer.errors.contains("new.toml:2") && answer.errors.contains("habit_day"), "{}", answer.errors);
    fs::write(rules, "# nothing\n").expect("rules");
    let answer = run(gateway.command(&["backtest", "--rules", rules]));
    assert_eq!(answer.status, 2);
    assert!(answer.errors.contains("detector"), "{}", answer.errors);
}

#[test]
fn what_an_alert_turned_out_to_be_is_recorded_and_shown() {
    let mut gateway = Gateway::up(Bus::Embedded);
    pivot(&gateway, "dana");
    let alert = gateway.sql_until("select id from alerts", 1);
    let id = alert[0]["id"].as_str().expect("id").to_owned();
    let told = gateway.interdict(&["alerts", "resolve", &id, "--malicious", "--by", "erin"]);
    assert!(told.contains("is stopped") && told.contains(": runner;"), "{told}");
    gateway.interdict(&["alerts", "resolve", &id, "--benign", "--note", "it was a drill", "--by", "erin"]);
    let rows = gateway.sql_until("select * from resolution_records where finding = 'benign'", 1);
    assert_eq!(rows[0]["root"], "dana");
    assert_eq!(rows[0]["author"], "erin");
    let shown = gateway.interdict(&["alerts", "--output", "json"]);
    let shown = parsed(shown.lines().next().expect("a row"));
    assert_eq!((&shown["resolution"], &shown["note"]), (&parsed("\"benign\""), &parsed("\"it was a drill\"")));
    let listed = |filter: &[&str]| gateway.interdict(&[&["alerts", "--output", "json"], filter].concat());
    let filters = ["--since", "1h", "--root", "dana", "--actor", "runner", "--severity", "informational"];
    assert!(listed(&filters).contains(&id));
    for none in [
        vec!["--open"],
        vec!["--root", "d'ana"],
        vec!["--actor", "erin"],
        vec!["--since", "0s"],
        vec!["--limit", "0"],
    ] {
        assert_eq!(listed(&none), "", "{none:?}");
    }
    let answer = run(gateway.command(&["alerts", "--severity", "worst"]));
    assert!(answer.status == 2 && answer.errors.contains("informational, low, medium"), "{}", answer.errors);

    let shown = gateway.interdict(&["alerts", "show", &id]);
    for part in
        ["dana moved ", "-> bastion (ssh", "disclosed: session ", "It is cleared if ", "T1021", "benign, says erin"]
    {
        assert!(shown.contains(part), "{part} is missing: {shown}");
    }
    assert!(shown.contains("it was a drill") && shown.contains("taken back"), "{shown}");
    assert!(!shown.contains("are stopped"), "its verdict is taken back: {shown}");
    let alert = parsed(gateway.interdict(&["alerts", "show", &id, "--output", "json"]).trim());
    for time in [&alert["time"], &alert["chain"][0]["time"]] {
        assert!(time.as_str().is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok()), "{alert}");
    }
    let found = gateway.interdict(&["forensics", "--show", &id]);
    assert!(
        found.starts_with(shown.lines().next().expect("a title")) && found.contains("-> bastion (ssh"),
        "{found}"
    );
    assert!(!found.contains("Finding"), "what people said is not asked of files: {found}");
    let answer = run(gateway.command(&["forensics", "--show", "a-0"]));
    assert!(answer.status == 1 && answer.errors.contains("`a-0`"), "{}", answer.errors);
    let answer = run(gateway.command(&["alerts", "show", "a-0"]));
    assert_eq!(answer.status, 1);
    assert!(answer.errors.contains("`a-0`"), "{}", answer.errors);

    // Nobody runs: the command opens the log itself; and the record is there when somebody runs again.
    assert!(gateway.stop());
    gateway.interdict(&["alerts", "resolve", &id, "--malicious", "--by", "frank"]);
    gateway.start();
    gateway.sql_until("select * from resolutions where finding = 'malicious' and author = 'frank'", 1);
    assert!(gateway.logged("up").contains("ready"));
    assert!(!gateway.logged("up").contains("passed over"), "{}", gateway.logged("up"));
    pivot(&gateway, "zoe");
    gateway.sql_until("select id from alerts where root = 'zoe'", 1);

    let answer = run(gateway.command(&["alerts", "resolve", "a-0", "--benign"]));
    assert_eq!(answer.status, 1);
    assert!(answer.errors.contains("`a-0`"), "{}", answer.errors);
    for wrong in [vec!["alerts", "resolve", &id], vec!["alerts", "resolve", &id, "--benign", "--malicious"]] {
        assert_eq!(run(gateway.command(&wrong)).status, 2, "{wrong:?}");
    }
}

#[test]
fn wrong_spans_and_lakes_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("folder");
    let rules = folder.path().join("rules.toml");
    fs::write(&rules, "[detector]\n").expect("rules");
    let check = |args: &[&str], status: i32, words: &[&str]| {
        let mut command = interdict();
        command.current_dir(folder.path()).args(args);
        let answer = run(command);
        assert_eq!(answer.status, status, "{args:?}: {}{}", answer.output, answer.errors);
        for word in words {
            assert!(answer.errors.contains(word), "{args:?}: no {word} in {}", answer.errors);
        }
    };
    let (from, to) = ("2026-03-02", "2026-03-01");
    check(&["forensics", "--from", from, "--to", to], 2, &["--from must not be after --to"]);
    check(&["backtest", "--rules", "rules.toml", "--from", from, "--to", to], 2, &["--from must not be after --to"]);
    check(&["blast-radius", "x", "--since", from, "--until", to], 2, &["--since must not be after --until"]);
    check(&["forensics", "--from", "yesterday"], 2, &["2026-03-01T08:00:00Z", "7d"]);
    check(&["forensics"], 2, &["interdict.toml", "--config"]);
    check(&["forensics", "--lake", "nowhere"], 1, &["there is no lake at ", "nowhere"]);
    check(&["forensics", "--lake", "."], 1, &["no lake table", "collector first runs"]);
    check(&["backtest", "--rules", "none.toml"], 2, &["none.toml", "[detector]"]);
}

#[test]
fn a_lake_that_lacks_a_file_names_it() {
    let mut gateway = Gateway::up(Bus::Embedded);
    pivot(&gateway, "dana");
    gateway.until_in_lake("target = 'bastion'", 1);
    assert!(gateway.stop());
    let lost = parquet(&gateway.folder.path().join("data/lake/events")).expect("a file");
    let name = lost.file_name().expect("a name").to_str().expect("utf-8").to_owned();
    fs::remove_file(&lost).expect("removed");
    for args in [&["forensics"][..], &["blast-radius", "dana"]] {
        let answer = run(gateway.command(args));
        assert_eq!(answer.status, 1, "{args:?}: {}", answer.output);
        assert!(answer.errors.contains(&name) && answer.errors.contains("backup"), "{args:?}: {}", answer.errors);
    }
}

fn parquet(folder: &Path) -> Option<std::path::PathBuf> {
    let entries = fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry").path());
    entries.filter(|path| !path.ends_with("_delta_log")).find_map(|path| {
        if path.is_dir() {
            parquet(&path)
        } else {
            path.extension().is_some_and(|end| end == "parquet").then_some(path)
        }
    })
}
