//! Fan-out, seen from the machine: many people's accounts from one client machine to many targets, and what only looks
//! like it.

use crate::story::{check, check_with, events, past, tell};
use interdict_detector::{Detector, Output, Reach, Settings};
use interdict_schemas::{Alert, Finding, Resolution, Severity};
use std::fmt::Write as _;

/// So many people go, one after the other from nine o'clock, each from the machine that `from` names, to a target each.
fn people(count: usize, from: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut story, at| {
        let (hour, minute) = (9 + at / 12, at % 12 * 5);
        writeln!(story, "{hour:02}:{minute:02} p{}@{} host-{at}/ssh open", at % 5, from(at)).expect("text");
        story
    })
}

fn alerts(outputs: &[Output]) -> Vec<Alert> {
    let alert = |output: &Output| if let Output::Alert(alert) = output { Some(alert.clone()) } else { None };
    outputs.iter().filter_map(alert).collect()
}

fn play(detector: &mut Detector, story: &str) -> Vec<Output> {
    events(story).iter().flat_map(|event| detector.observe(event)).collect()
}

/// How often a story leads to a fan-out, whatever else it leads to.
fn fans(story: &str) -> usize {
    let said = play(&mut Detector::new(Settings::default()), story);
    said.iter().map(tell).filter(|said| said.starts_with("fan_out")).count()
}

#[test]
fn many_peoples_accounts_from_one_machine_alert_on_the_first_day() {
    // Seven targets are not enough; each further one is news, and the alert grows.
    check(&people(7, |_| "desk-1".into()));
    let said = check(&format!(
        "{}=> fan_out r1 low: host-7 start\n09:40 p3@desk-1 host-8/ssh open\n=> fan_out r2 low: host-7 start -> host-8 source",
        people(8, |_| "desk-1".into())
    ));
    let alert = &alerts(&said)[1];
    assert_eq!(alert.title, "5 accounts fanned out from desk-1 to 9 targets");
    assert!(alert.explanation.contains("since 2024-10-14T09:00:00.000Z 5 accounts (p0, "), "{}", alert.explanation);
    assert!(alert.explanation.contains("`detector.shared_sources`"), "{}", alert.explanation);
    assert_eq!(alert.verdict, None);
}

#[test]
fn what_many_share_as_a_matter_of_course_is_silent() {
    // Members of a pool, one for each person.
    check(&people(24, |at| format!("desktop-{at}x7k2p")));
    // Services on a runner, and one that goes to hundreds of hosts.
    check(&people(24, |_| "runner-1".into()).replace(" p", " svc:p"));
    let everywhere = (0..200).fold(String::new(), |story, at| {
        let (hour, minute) = (9 + at / 60, at % 60);
        story + &format!("{hour:02}:{minute:02} svc:config@manager host-{at}/ssh open\n")
    });
    check(&everywhere);
    // One person who goes to many.
    check(&people(24, |_| "desk-1".into()).replace(|of: char| "1234".contains(of), "0"));
    // Agents of many people where agents run.
    assert_eq!(fans(&people(24, |_| "agents-1".into()).replace('@', ">helper@")), 0);
    // A machine that the settings name.
    let shared_sources = vec!["TERMINAL-*".to_owned()];
    check_with(Settings { shared_sources, ..Settings::default() }, &people(24, |_| "terminal-1".into()));
}

#[test]
fn a_bastion_is_left_by_those_who_came_to_it() {
    let mut story = String::from("target bastion host=bastion.internal\n");
    for at in 0..24 {
        let (hour, minute) = (9 + at / 12, at % 12 * 5);
        writeln!(story, "{hour:02}:{minute:02} p{}@desk-{} bastion/ssh open", at % 5, at % 5).expect("text");
        writeln!(story, "{hour:02}:{:02} p{}@bastion host-{at}/ssh open", minute + 1, at % 5).expect("text");
    }
    assert_eq!(fans(&story), 0);
}

#[test]
fn people_who_are_at_home_on_a_machine_are_not_counted() {
    let homes = (0..5).map(|at| past(&format!("p{at}@desk-1"), &[&format!("mail-{at}/http"), "wiki/http"]));
    assert_eq!(fans(&(homes.collect::<String>() + &people(24, |_| "desk-1".into()))), 0);
}

#[test]
fn an_address_counts_for_accounts_that_are_known_from_elsewhere() {
    let bare = |story: &str| {
        let mut events = events(story);
        for event in &mut events {
            if event.source.host.as_deref() == Some("gate") {
                event.source.host = None;
                event.source.address = Some([10, 9, 9, 9].into());
            }
        }
        let mut detector = Detector::new(Settings::default());
        let said: Vec<_> = events.iter().flat_map(|event| detector.observe(event)).collect();
        said.iter().map(tell).filter(|said| said.starts_with("fan_out")).count()
    };
    // Behind it may be a whole site.
    assert_eq!(bare(&people(24, |_| "gate".into())), 0);
    let homes: String = (0..5).map(|at| past(&format!("p{at}@desk-{at}"), &["mail/http"])).collect();
    assert!(bare(&(homes + &people(24, |_| "gate".into()))) > 0);
}

#[test]
fn an_account_is_followed_to_the_machine_it_is_carried_to() {
    let mut detector = Detector::new(Settings::default());
    let first = play(&mut detector, &people(8, |_| "desk-1".into()));
    assert_eq!(alerts(&first).len(), 1);
    // p1 from a machine that it never used; somebody else from there adds to it; p9 was never taken.
    let later = "11:00 p1@desk-7 vault/ssh open
        11:05 p8@desk-7 mail/ssh open
        11:10 p9@desk-8 vault/ssh open";
    // Other ids than the first story's.
    let later: Vec<_> = events(later)
        .into_iter()
        .map(|mut event| {
            event.id.insert(0, 'l');
            event.session.insert(0, 'l');
            event
        })
        .collect();
    let said = alerts(&later.iter().flat_map(|event| detector.observe(event)).collect::<Vec<_>>());
    let titles: Vec<_> = said.iter().map(|alert| alert.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "p1 was carried over from desk-1 and used from desk-7 to 1 target (1 account in all)",
            "p1 was carried over from desk-1 and used from desk-7 to 2 targets (2 accounts in all)",
        ]
    );
    assert_eq!(said[0].id, said[1].id);
    assert!(said[1].explanation.contains("p1 had been used from desk-1 too, from where 5 accounts fanned out"));
}

#[test]
fn an_owner_who_stays_on_their_own_machine_is_not_followed_until_it_spreads() {
    // p1 works from desk-9 and was there before somebody used it from desk-1.
    let story = |targets: &[&str]| {
        let before = "09:00 p1@desk-9 mail/ssh open\n09:01 p1@desk-9 wiki/ssh open\n";
        let after = (0..).zip(targets).map(|(at, target)| format!("12:{at:02} p1@desk-9 {target}/ssh open\n"));
        format!("{before}{}{}", people(8, |_| "desk-1".into()), after.collect::<String>())
    };
    let said = |targets: &[&str]| alerts(&play(&mut Detector::new(Settings::default()), &story(targets))).len();
    assert_eq!(said(&["mail", "wiki", "new-1", "new-2"]), 1, "desk-1 alone");
    assert_eq!(said(&["mail", "new-1", "new-2", "new-3"]), 2, "desk-9 too");
}

#[test]
fn settings_may_let_it_stop_the_machine_and_a_person_may_call_it_shared() {
    let detections = [("fan_out".to_owned(), Reach::Block)].into();
    let strict = Settings { detections, fan_out_accounts: 2, block_nats: 8.0, ..Settings::default() };
    let said = play(&mut Detector::new(strict), &people(8, |_| "desk-1".into()));
    assert_eq!(said.iter().map(tell).next().as_deref(), Some("stop @desk-1"));
    let alert = alerts(&said).remove(0);
    assert_eq!(alert.severity, Severity::Critical);
    assert!(alert.explanation.contains("all sessions from desk-1 are stopped"), "{}", alert.explanation);

    let mut detector = Detector::new(Settings::default());
    let alert = alerts(&play(&mut detector, &people(8, |_| "desk-1".into()))).remove(0);
    let resolution = Resolution {
        alert: alert.id,
        time: alert.time.plus_seconds(60),
        root: alert.root,
        finding: Finding::Benign,
        note: String::new(),
        by: "dana".into(),
    };
    detector.resolve(&resolution);
    let later = events(&people(24, |_| "desk-1".into()).replace("09:", "11:").replace("10:", "12:"));
    let later = later.into_iter().map(|mut event| {
        event.id.insert(0, 'l');
        event.session.insert(0, 'l');
        event
    });
    let said: Vec<_> = later.flat_map(|event| detector.observe(&event)).collect();
    assert!(said.is_empty(), "{:?}", said.iter().map(tell).collect::<Vec<_>>());
}
