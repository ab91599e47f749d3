//! `interdict simulate`: the report, the page and the exit codes.

use crate::harness::clients::Answer;
use crate::harness::run;
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
