//! `interdict simulate`: the report, the page and the exit codes; and what is played onto a bus is judged there.

use crate::harness::clients::Answer;
use crate::harness::gateway::{Bus, Gateway};
use crate::harness::run;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// The command in a folder without a configuration.
fn simulate(folder: &tempfile::TempDir, arguments: &[&str]) -> Answer {
    let mut command = Command::new(env!("CARGO_BIN_EXE_interdict"));
    let least = ["simulate", "--days", "6", "--identities", "60", "--sessions-per-day", "150"];
    command.current_dir(folder.path()).env_remove("INTERDICT_CONFIG").args(least).args(arguments);
    run(command)
}

#[test]
fn a_simulation_reports_in_the_terminal_as_json_and_as_a_page() {
    let folder = tempfile::tempdir().expect("folder");
    let arguments =
        ["--attacks", "6", "--kinds", "flagship,tunnel", "--json", "report.json", "--html", "report.html"];
    let answer = simulate(&folder, &arguments);
    assert_eq!(answer.status, 0, "{}", answer.errors);
    assert!(answer.output.contains("of 6 attacks"), "{}", answer.output);
    let report = std::fs::read_to_string(folder.path().join("report.json")).expect("report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let kinds: Vec<_> = report["attacks"].as_array().expect("attacks").iter().map(|attack| &attack["kind"]).collect();
    assert_eq!(kinds, ["flagship", "tunnel", "flagship", "tunnel", "flagship", "tunnel"]);
    let page = std::fs::read_to_string(folder.path().join("report.html")).expect("page");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("</html>"));
}

#[test]
fn what_is_played_is_written_for_forensics_which_finds_the_same_in_it() {
    let folder = tempfile::tempdir().expect("folder");
    let answer = simulate(&folder, &["--attacks", "6", "--events", "days.jsonl", "--json", "report.json"]);
    assert_eq!(answer.status, 0, "{}", answer.errors);
    let report = std::fs::read_to_string(folder.path().join("report.json")).expect("report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let caught = report["attacks"].as_array().expect("attacks").iter();
    let caught: BTreeSet<_> = caught.filter_map(|attack| attack["caught"]["alert"].as_str()).collect();
    assert!(!caught.is_empty(), "{report}");
    let mut forensics = Command::new(env!("CARGO_BIN_EXE_interdict"));
    forensics.current_dir(folder.path()).env_remove("INTERDICT_CONFIG");
    forensics.args(["forensics", "--events", "days.jsonl"]);
    let found = run(forensics);
    assert_eq!(found.status, 0, "{}", found.errors);
    for alert in caught {
        assert!(found.output.contains(alert), "{alert} is not found: {}", found.output);
    }
}

#[test]
fn missed_attacks_fail_only_where_that_is_asked_for() {
    let check = |arguments: &[&str], expected: i32| {
        let folder = tempfile::tempdir().expect("folder");
        let answer = simulate(&folder, arguments);
        assert_eq!(answer.status, expected, "{arguments:?}: {}{}", answer.output, answer.errors);
    };
    // What passes the gateway unseen cannot be told from a first visit.
    check(&["--kinds", "bypass_hop"], 0);
    check(&["--kinds", "bypass_hop", "--fail-below", "100"], 3);
    check(&["--fail-below", "0"], 0);
    check(&["--attacks", "0", "--fail-below", "100"], 0);
    check(&["--kinds", "none"], 2);
    check(&["--fail-below", "101"], 2);
    check(&["--identities", "0"], 2);
    check(&["--speed", "10"], 2);
}

#[test]
fn what_is_played_onto_a_running_gateways_bus_raises_alerts_there() {
    let gateway = Gateway::up(Bus::Embedded);
    // Somebody is at work there, so that whatever is played is late by days.
    assert!(gateway.curl(&gateway.clients("dana", &[]), "/").output.ends_with("200"));
    let report = gateway.folder.path().join("report.json");
    let plan = ["--days", "6", "--identities", "60", "--sessions-per-day", "150", "--seed", "1", "--speed", "1e7"];
    let played = ["--attacks", "8", "--kinds", "flagship", "--json", report.to_str().expect("utf-8")];
    gateway.interdict(&[&["simulate", "--bus"][..], &plan, &played].concat());
    let report = std::fs::read_to_string(report).expect("report");
    let report: Value = serde_json::from_str(&report).expect("JSON");

    let issuer = interdict_detector::simulation::ISSUER;
    gateway.until_in_lake(&format!("issuer = '{issuer}'"), report["events"].as_i64().expect("a count"));
    // The lake's alerts are those of the alerts topic: the command heard every one of them.
    let heard = heard(&report);
    let alerts = gateway.sql_until("select id from alerts where root <> 'dana'", heard);
    assert_eq!(alerts.len(), heard);
    let alerts: BTreeSet<_> = alerts.iter().filter_map(|alert| alert["id"].as_str()).collect();
    let attacks = report["attacks"].as_array().expect("attacks");
    let caught: Vec<_> = attacks.iter().filter_map(|attack| attack["caught"]["alert"].as_str()).collect();
    assert!(caught.len() * 2 >= attacks.len(), "{} of {}", caught.len(), attacks.len());
    assert!(caught.iter().all(|id| alerts.contains(id)), "{caught:?} of {alerts:?}");
}

/// How many alerts a report tells of, true, false and neither.
fn heard(report: &Value) -> usize {
    let detections = report["detections"].as_array().expect("detections").iter();
    let counts = detections.flat_map(|detection| [&detection["true_alerts"], &detection["false_alerts"]]);
    let counts = counts.chain([&report["neutral_alerts"]]).map(|count| count.as_u64().expect("a count"));
    usize::try_from(counts.sum::<u64>()).expect("few")
}

#[test]
fn nothing_is_played_where_nobody_would_judge_it() {
    let gateway = Gateway::build(Bus::Embedded);
    let answer = run(gateway.command(&["simulate", "--bus"]));
    assert_eq!(answer.status, 1, "{}", answer.errors);
    assert!(answer.errors.contains("start `interdict up` first"), "{}", answer.errors);
}
