//! What is replayed through the real command: from where, of which alert, without what cannot be read, and never with what
//! was masked.

use crate::harness::clients::Answer;
use crate::harness::gateway::{Bus, Gateway};
use crate::harness::run;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const READ: &str = "select host from inventory";

/// The sessions of a chain: the one that read, and the one that was refused; and the alert.
fn pivot() -> (Gateway, [String; 2], String) {
    let mut gateway = Gateway::up(Bus::Embedded);
    let agent = gateway.clients("dana", &["planner", "runner"]);
    assert_eq!(gateway.psql(&agent, &[READ]).status, 0);
    assert_ne!(gateway.ssh(&agent, "echo on the bastion").status, 0);
    let alerts = gateway.sql_until("select id from alerts where detection = 'disclosure_used'", 1);
    gateway.until_in_lake("kind = 'closed'", 2);
    assert!(gateway.stop());
    let sessions = gateway.sql("select session from sessions where root = 'dana' order by opened");
    let [read, refused] = sessions.as_slice() else { panic!("{sessions:?}") };
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let sessions = [text(&read["session"]), text(&refused["session"])];
    let alert = text(&alerts[0]["id"]);
    (gateway, sessions, alert)
}

fn replay(gateway: &Gateway, args: &[&str]) -> Answer {
    run(gateway.command(&[&["replay"][..], args].concat()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn an_alerts_sessions_are_shown_and_one_that_is_missing_is_told() {
    let (gateway, [read, refused], alert) = pivot();
    let answer = replay(&gateway, &["--alert", &alert]);
    assert_eq!(answer.status, 0, "{}", answer.errors);
    let heads: Vec<_> = answer.output.lines().filter(|line| line.starts_with("--- session ")).collect();
    assert_eq!(heads, [format!("--- session {read}"), format!("--- session {refused}")]);
    assert!(answer.output.contains(READ), "{}", answer.output);
    // From a moment on, or so long after the beginning.
    for late in ["1h", "2200-01-01T00:00:00Z"] {
        let answer = replay(&gateway, &[&read, "--at", late]);
        assert_eq!(answer.status, 0, "{}", answer.errors);
        assert!(answer.output.contains("opened") && !answer.output.contains(READ), "{late}: {}", answer.output);
        let answer = replay(&gateway, &["--alert", &alert, "--at", late]);
        assert!(answer.status == 0 && !answer.output.contains(READ), "{late}: {}", answer.output);
    }
    for early in ["0s", "2020-01-01"] {
        let answer = replay(&gateway, &[&read, "--at", early]);
        assert!(answer.status == 0 && answer.output.contains(READ), "{early}: {}{}", answer.output, answer.errors);
    }
    // A lake that has the alert, and of its sessions the last alone.
    let events = gateway.folder.path().join("last.jsonl");
    let events = events.to_str().expect("a plain path");
    gateway.interdict(&["export", "ocsf", "--session", &refused, "--out", events]);
    let part = gateway.folder.path().join("part");
    let place = part.to_str().expect("a plain path");
    gateway.interdict(&["import", "--lake", place, events]);
    let mut copy = Command::new("cp");
    copy.arg("-r").arg(gateway.folder.path().join("data/lake/alerts")).arg(&part);
    assert_eq!(run(copy).status, 0);
    let answer = replay(&gateway, &["--alert", &alert, "--lake", place]);
    assert_eq!(answer.status, 1, "{}{}", answer.output, answer.errors);
    assert!(answer.errors.contains(&format!("no session {read} stands in the lake")), "{}", answer.errors);
    assert!(answer.errors.contains("1 of the 2 sessions"), "{}", answer.errors);
    let (_, after) = answer.output.split_once(&format!("--- session {refused}")).expect("the other one's head");
    assert!(after.contains("closed"), "{after}");
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_left_out_on_demand() {
    let (gateway, [read, _], alert) = pivot();
    let lake = gateway.folder.path().join("data/lake");
    let broken: Vec<_> = files(&lake.join("events"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "parquet"))
        .collect();
    for file in &broken {
        let mut bytes = fs::read(file).expect("reads");
        // Pages begin behind four bytes; the end says where each is.
        let end = bytes.len() / 3;
        bytes[4..end].fill(0xa5);
        fs::write(file, bytes).expect("writes");
    }
    let name = |file: &PathBuf| file.strip_prefix(&lake).expect("below").display().to_string();
    let is_named = |errors: &str| broken.iter().any(|file| errors.contains(&name(file)));
    let all = "select * from events";
    let answer = run(gateway.command(&["sql", all]));
    assert!(answer.status == 1 && is_named(&answer.errors), "{}", answer.errors);
    assert!(answer.errors.contains("--skip-broken"), "{}", answer.errors);
    let answer = run(gateway.command(&["sql", "--skip-broken", "-o", "csv", all]));
    assert_eq!((answer.status, answer.output.lines().count()), (1, 1), "{}{}", answer.output, answer.errors);
    for file in &broken {
        assert!(answer.errors.contains(&format!("left out: {}: ", name(file))), "{}", answer.errors);
    }
    // Other tables answer.
    assert_eq!(gateway.sql("select session from sessions where root = 'dana'").len(), 2);
    let answer = replay(&gateway, &[&read]);
    assert!(answer.status == 1 && is_named(&answer.errors), "{}", answer.errors);
    let answer = replay(&gateway, &[&read, "--skip-broken"]);
    assert!(answer.status == 1 && answer.errors.contains("left out: "), "{}", answer.errors);
    let answer = replay(&gateway, &["--alert", &alert]);
    assert!(answer.status == 1 && answer.errors.contains("sessions of alert"), "{}", answer.errors);
}

#[test]
fn what_was_masked_is_in_no_replay_and_no_export() {
    let mask = "[[mask]]\ntarget = \"db\"\ntable = \"inventory\"\ncolumn = \"host\"\nshape = \"host\"\n";
    let secret = "bastion.corp.example";
    let seen = |mask: &str| {
        let mut gateway = Gateway::build_with(Bus::Embedded, mask);
        gateway.start();
        let dana = gateway.clients("dana", &[]);
        let answer = gateway.psql(&dana, &[READ]);
        assert_eq!(answer.status, 0, "{}", answer.errors);
        gateway.until_in_lake("kind = 'closed'", 1);
        assert!(gateway.stop());
        let session = gateway.sql("select session from sessions")[0]["session"].as_str().expect("id").to_owned();
        let mut told = vec![answer.output];
        for args in [
            &["replay", &session][..],
            &["export", "transcript", &session],
            &["export", "ocsf", "--session", &session],
            &["sql", "-o", "json", "select * from events"],
            &["sql", "-o", "json", "select * from disclosures"],
        ] {
            told.push(gateway.interdict(args));
        }
        told.into_iter().map(|told| told.contains(secret)).collect::<Vec<_>>()
    };
    // Without a mask it is what the answer disclosed, and told everywhere.
    assert_eq!(seen(""), [true; 6]);
    assert_eq!(seen(mask), [false; 6]);
}
