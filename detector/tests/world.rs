//! A small world with a past: routines that become habit, attacks that are found, and what a detector must say of it
//! all, as one figure.

use crate::story::events;
use interdict_detector::{Detector, Settings};
use interdict_schemas::{Event, Message};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::SystemTime;

/// Attacks in the world; each raises an alert, however alike they are: what is stopped makes nothing usual.
pub(crate) const ATTACKS: usize = 9;
const ROUTINES: usize = 6;

/// Its events, by time; the last ones happened today.
pub(crate) fn world() -> Vec<Event> {
    let mut story = String::new();
    for at in 0..ROUTINES.max(ATTACKS) {
        writeln!(story, "target host-{at} host=host-{at}.internal\ntarget app-{at} host=app-{at}.internal")
            .expect("text");
    }
    for at in 0..ROUTINES {
        for (minute, line) in [
            (0, format!("config-db-{at}/postgres open")),
            (7, format!("config-db-{at}/postgres reads hosts host_name=app-{at}.internal")),
            (13, format!("app-{at}/ssh open")),
            (21, format!("app-{at}/ssh close")),
            (26, format!("config-db-{at}/postgres close")),
        ] {
            writeln!(story, "d4..10 08:{:02} bot-{at}@runner-{at} {line}", minute + at).expect("text");
        }
    }
    for at in 0..ATTACKS {
        let who = format!("person-{at}>agent-{at}@laptop-{at}");
        for (minute, line) in [
            (0, format!("wiki-{at}/postgres open")),
            (5, format!("wiki-{at}/postgres reads hosts host_name=host-{at}.internal")),
            (9, format!("host-{at}/ssh open")),
            (16, format!("host-{at}/ssh reads config host_name=app-{at}.internal")),
            (30, format!("app-{at}/http refused verdict")),
        ] {
            writeln!(story, "08:{:02} {who} {line}", minute + 3 * at).expect("text");
        }
    }
    let today = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").as_secs() / 86_400;
    let shift = (i64::try_from(today).expect("a day") - 20_010) * 86_400;
    let mut events = events(&story);
    for (at, event) in (0..).zip(&mut events) {
        // No two at the same time.
        event.time = event.time.plus_seconds(shift).plus_micros(at);
    }
    events.sort_by_key(|event| event.time);
    events
}

/// What the fold alone says of these events.
pub(crate) fn batch(events: &[Event]) -> Vec<Message> {
    let mut detector = Detector::new(Settings::default());
    events.iter().flat_map(|event| detector.observe(event)).map(Message::from).collect()
}

/// The newest state of each alert and verdict: how many there are, and one figure for all that they say.
pub(crate) fn figure(said: &[Message]) -> (usize, String) {
    let mut newest = BTreeMap::new();
    for message in said {
        match message {
            Message::Alert(alert) => {
                let held: &mut (u32, String) = newest.entry(format!("alert/{}", alert.id)).or_default();
                if alert.revision >= held.0 {
                    *held = (alert.revision, format!("{alert:?}"));
                }
            }
            Message::Verdict(verdict) => {
                newest.insert(format!("verdict/{}", verdict.id), (0, format!("{verdict:?}")));
            }
            Message::Event(_)
            | Message::Chunk(_)
            | Message::Judged(_)
            | Message::Resolution(_)
            | Message::Checkpoint(_) => {}
        }
    }
    let mut hash = Sha256::new();
    newest.iter().for_each(|(id, (_, text))| hash.update(format!("{id} {text}\n")));
    let alerts = newest.keys().filter(|id| id.starts_with("alert/")).count();
    (alerts, hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}
