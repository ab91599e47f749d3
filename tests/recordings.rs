//! Recordings that others made, through the whole command: what it must find in them, and where it must stay silent.
//! A small one of the same shape is made here; the real ones are no part of the project. They are read from the folder
//! that `INTERDICT_CORPUS` names, by `make corpus`, and ignored otherwise: nothing is claimed of what was not looked at.

use crate::harness::gateway::interdict;
use crate::harness::run;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// The newest state of each alert.
fn alerts(format: &str, files: &[PathBuf]) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("folder");
    let found = folder.path().join("alerts");
    let mut command = interdict();
    command.args(["forensics", "--format", format, "--alerts"]).arg(&found).arg("--events").args(files);
    let answer = run(command);
    assert_eq!(answer.status, 0, "{}{}", answer.output, answer.errors);
    let text = fs::read_to_string(found).expect("alerts");
    let mut newest = BTreeMap::new();
    for line in text.lines() {
        let alert: Value = serde_json::from_str(line).expect("JSON");
        newest.insert(alert["finding_info"]["uid"].to_string(), alert);
    }
    newest.into_values().collect()
}

fn text<'a>(alert: &'a Value, key: &str) -> &'a str {
    alert["finding_info"][key].as_str().unwrap_or_default()
}

/// How the machine stands in an alert about it: accounts and targets are told.
fn is_about(alert: &Value, source: &str, accounts: &str, targets: &str) -> bool {
    let (of, to) = (format!("{accounts} ("), format!(" went from {source} to {targets}"));
    text(alert, "desc").contains(&of) && text(alert, "desc").contains(&to)
}

fn check_fan_outs(found: &[Value], expected: &[(&str, &str, &str)]) {
    let told = || found.iter().map(|alert| text(alert, "desc")).collect::<Vec<_>>().join("\n");
    for (source, accounts, targets) in expected {
        let about = found.iter().filter(|alert| is_about(alert, source, accounts, targets)).count();
        assert_eq!(about, 1, "{source} with {accounts} and {targets} in\n{}", told());
    }
    assert_eq!(found.len(), expected.len(), "{}", told());
}

/// The files of one of the corpus' folders that are logs of a system.
fn corpus(folder: &str) -> Vec<PathBuf> {
    let corpus = std::env::var_os("INTERDICT_CORPUS").expect("INTERDICT_CORPUS names the folder of the recordings");
    let corpus = PathBuf::from(corpus);
    let entries = fs::read_dir(corpus.join(folder)).expect("a folder of the corpus");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("entry").path()).collect();
    files.sort();
    files
}

#[test]
fn a_red_teams_logins_alone_show_each_machine_it_used() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("redteam.txt");
    let mut lines = Vec::new();
    // One machine, five accounts, nine computers; one account goes on from another machine; one was used from a third
    // before it was taken, and spreads from there; a fourth machine has an account of its own.
    let mut login =
        |time: u64, user: &str, from: &str, to: &str| lines.push(format!("{time},{user}@DOM1,{from},{to}"));
    login(90_000, "U3", "C300", "C40");
    login(91_000, "U3", "C300", "C41");
    for at in 0..9 {
        login(100_000 + at * 600, &format!("U{}", at % 5), "C100", &format!("C{}", 10 + at));
    }
    login(120_000, "U1", "C200", "C30");
    for at in 0..3 {
        login(200_000 + at * 9_000, "U3", "C300", &format!("C{}", 50 + at));
        login(201_000 + at * 9_000, "U9", "C400", &format!("C{}", 60 + at));
    }
    fs::write(&file, lines.join("\n")).expect("logins");
    let found = alerts("lanl-redteam", &[file]);
    check_fan_outs(
        &found,
        &[("C100", "5 accounts", "9 targets"), ("C200", "1 account", "1 target"), ("C300", "1 account", "5 targets")],
    );
    assert!(found.iter().all(|alert| text(alert, "desc").contains("since 1970-01-0")));
}

#[test]
#[ignore = "needs recordings, in the folder that INTERDICT_CORPUS names"]
fn the_four_machines_of_los_alamos_red_team_are_found() {
    let file = corpus("lanl").into_iter().find(|file| file.ends_with("redteam.txt.gz")).expect("redteam.txt.gz");
    // An alert says something new when there is a tenth more of something.
    check_fan_outs(
        &alerts("lanl-redteam", &[file]),
        &[
            ("C17693", "103 accounts", "246 targets"),
            ("C22409", "2 accounts", "3 targets"),
            ("C19932", "1 account", "8 targets"),
            ("C18025", "1 account", "1 target"),
        ],
    );
}

#[test]
#[ignore = "needs recordings, in the folder that INTERDICT_CORPUS names"]
fn scanners_and_claimed_names_raise_nothing() {
    let found = alerts("zeek", &corpus("zeek-wrccdc"));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
#[ignore = "needs recordings, in the folder that INTERDICT_CORPUS names"]
fn pivots_of_other_recordings_are_still_found() {
    let found = alerts("cloudtrail", &corpus("cloudtrail"));
    let roles =
        ["ec2-get-password-data", "leave-org", "get-usr-data", "ec2lui-role-pcccexdthk", "ec2lui-role-wuzemnoeqa"];
    for role in roles {
        let is_chain = |alert: &&Value| text(alert, "title").contains(" -> ") && text(alert, "title").contains(role);
        assert!(found.iter().any(|alert| is_chain(&alert)), "{role} is assumed in none of {found:#?}");
    }
    let found = alerts("zeek", &corpus("zeek-apt29"));
    assert!(found.iter().any(|alert| text(alert, "title").ends_with("moved 10.0.1.6 -> 10.0.0.4")), "{found:#?}");
}
