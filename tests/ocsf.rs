//! What leaves as OCSF is OCSF: exported events and findings, held to the schema by `tests/python/validate_ocsf.py`. That
//! says which versions; the schemas come with packages that are fetched, and are no part of this repository.

use crate::harness::gateway::{Bus, Gateway, checkout, interdict};
use crate::harness::run;
use crate::readers::python;
use std::collections::BTreeMap;
use std::path::Path;

/// Other systems' logs, so that there are events of all classes.
const SAMPLES: [&str; 6] =
    ["auth-iso.log", "cloudtrail.json", "kubernetes.jsonl", "lanl-auth.txt", "teleport.jsonl", "zeek.jsonl"];

/// How many lines of each class are sound; fails with what is wrong with the others.
fn validated(files: &[&Path]) -> BTreeMap<u32, u32> {
    let mut validate = python();
    validate.arg(checkout().join("tests/python/validate_ocsf.py")).args(files);
    let answer = run(validate);
    assert_eq!(answer.status, 0, "{}{}", answer.output, answer.errors);
    let counts = answer.output.lines().filter_map(|line| line.split_once(' '));
    counts.map(|(class, count)| (class.parse().expect("a class"), count.parse().expect("a count"))).collect()
}

#[test]
fn exported_events_are_sound() {
    let mut gateway = Gateway::up(Bus::Embedded);
    let dana = gateway.clients("dana", &["planner"]);
    assert_eq!(gateway.psql(&dana, &["select 1", "select host from inventory"]).status, 0);
    assert_ne!(gateway.psql(&dana, &["select nothing from nowhere"]).status, 0);
    assert_ne!(gateway.psql(&dana, &["drop table inventory"]).status, 0);
    // Whoever learned nothing of these.
    let erin = gateway.clients("erin", &[]);
    assert_ne!(gateway.ssh(&erin, "shutdown now").status, 0);
    assert_eq!(gateway.ssh(&erin, "true").status, 0);
    assert_eq!(gateway.curl(&erin, "/api/v1/pods").status, 0);
    gateway.interdict(&["verdicts", "add", "--root", "dana", "--reason", "laptop lost"]);
    assert_ne!(gateway.psql(&dana, &["select 1"]).status, 0);
    gateway.until_in_lake("kind = 'closed'", 6);
    gateway.until_in_lake("kind = 'refused'", 1);
    for sample in SAMPLES {
        gateway.interdict(&["import", checkout().join("queries/tests/samples").join(sample).to_str().expect("path")]);
    }
    let out = gateway.folder.path().join("events.jsonl");
    gateway.interdict(&["export", "ocsf", "--out", out.to_str().expect("path")]);
    let own = gateway.sql("select class_uid, count(*) as n from events group by class_uid order by class_uid");
    let own = own.iter().map(|row| (row["class_uid"].as_u64(), row["n"].as_u64()));
    let sound = validated(&[&out]);
    let sound: Vec<_> =
        sound.iter().map(|(class, count)| (Some(u64::from(*class)), Some(u64::from(*count)))).collect();
    assert_eq!(sound, own.collect::<Vec<_>>());
    let classes: Vec<_> = sound.iter().filter_map(|(class, _)| *class).collect();
    assert_eq!(classes, [3002, 4002, 4006, 4007, 6003, 6005]);
    assert!(gateway.stop());
}

#[test]
fn made_up_events_and_what_is_found_in_them_are_sound() {
    let folder = tempfile::tempdir().expect("folder");
    let (events, alerts) = (folder.path().join("days.jsonl"), folder.path().join("found.jsonl"));
    let command = |words: &[&str], files: &[(&str, &Path)]| {
        let mut command = interdict();
        command.current_dir(folder.path()).args(words);
        for (option, file) in files {
            command.arg(option).arg(file);
        }
        let answer = run(command);
        assert_eq!(answer.status, 0, "{words:?}: {}{}", answer.output, answer.errors);
    };
    let size = ["--days", "10", "--identities", "60", "--sessions-per-day", "120", "--attacks", "12"];
    command(&[&["simulate"][..], &size].concat(), &[("--events", &events)]);
    command(&["forensics"], &[("--events", &events), ("--alerts", &alerts)]);
    let sound = validated(&[&events, &alerts]);
    assert!(sound.get(&2004).is_some_and(|count| *count > 5), "{sound:?}");
    assert!(sound.values().sum::<u32>() > 1_000, "{sound:?}");
}
