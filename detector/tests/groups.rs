//! Whoever joins a group is expected where its members are.

use crate::story::events;
use interdict_detector::{Detector, Output, Settings};
use interdict_schemas::{Event, Identity};
use std::fmt::Write as _;

/// Events of a story, with the groups of who acts.
fn with_groups(story: &str, groups: impl Fn(&Identity) -> Vec<String>) -> Vec<Event> {
    let mut events = events(story);
    events.iter_mut().for_each(|event| event.identity.groups = groups(&event.identity));
    events
}

/// The risk of a first session of a newcomer to the team's ledger, where everybody else goes to targets of their own.
fn risk(newcomer: &str) -> u32 {
    let mut story = String::new();
    for at in 0..6 {
        writeln!(story, "d1..9 09:0{at} pay-{at}@desk-{at} ledger-{at}/postgres open").expect("text");
        writeln!(story, "d1..9 09:1{at} pay-{at}@desk-{at} ledger/postgres open").expect("text");
        for target in 0..4 {
            writeln!(story, "d1..9 1{target}:0{at} dev-{at}@lap-{at} app-{at}-{target}/http open").expect("text");
        }
    }
    writeln!(story, "d9 15:00 {newcomer}@tablet wiki/http open\n15:00 {newcomer}@tablet ledger/postgres open")
        .expect("text");
    // The dash of a name says which team it is of.
    let events = with_groups(&story, |identity| {
        identity.root().id.split_once('-').map(|(team, _)| format!("team-{team}")).into_iter().collect()
    });
    let settings =
        Settings { alert_nats: 0.001, hop_nats: -100.0, learning_days: 0, budget: 1_000, ..Settings::default() };
    let mut detector = Detector::new(settings);
    let mut risk = None;
    for event in &events {
        for output in detector.observe(event) {
            if let Output::Alert(alert) = output
                && event.target.name == "ledger"
                && alert.root.ends_with(newcomer)
            {
                risk = Some(alert.risk);
            }
        }
    }
    risk.unwrap_or(0)
}

#[test]
fn a_newcomer_inherits_what_the_members_of_the_group_do() {
    let (of_the_team, of_another, of_none) = (risk("pay-9"), risk("dev-9"), risk("nine"));
    assert!(of_the_team < of_another, "{of_the_team} {of_another}");
    assert!(of_the_team < of_none, "{of_the_team} {of_none}");
}
