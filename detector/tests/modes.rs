//! Live from the bus, in batch from stored events, from the lake, and as forensics reads lake and files: the same
//! alerts and verdicts, to the last word.

use crate::live::{collect, config, messages, open, read};
use crate::past::{located, store};
use crate::world::{ATTACKS, batch, figure, world};
use interdict_bus::Log;
use interdict_detector::{Detector, Fact, Past, Settings, run};
use interdict_schemas::lake::Table;
use interdict_schemas::{Class, Event, Finding, Judged, Kind, Message, Resolution, Time, Topic, ocsf};
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Runs a detector until `enough` of the verdicts topic is there; returns verdicts and alerts.
async fn said(folder: &Path, log: &Arc<dyn Log>, enough: impl Fn(&[Message]) -> bool) -> Vec<Message> {
    let stop = CancellationToken::new();
    let running = tokio::spawn(run(config(folder), Arc::clone(log), stop.clone()));
    let mut said = read(log.as_ref(), Topic::Verdicts, enough).await;
    stop.cancel();
    running.await.expect("no panic").expect("a clean end");
    let end = log.end(Topic::Alerts, 0).await.expect("an end");
    said.extend(read(log.as_ref(), Topic::Alerts, |read| read.len() as u64 >= end).await);
    said
}

fn is_marked(messages: &[Message], end: usize) -> bool {
    messages.iter().any(|message| matches!(message, Message::Judged(Judged { offset, .. }) if *offset >= end as u64))
}

/// All of it, events and what people said, stands on the bus.
async fn live(facts: &[Message]) -> Vec<Message> {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    log.append(facts).await.expect("appended");
    said(folder.path(), &log, |read| is_marked(read, facts.len())).await
}

/// The first `at` events stand in the lake, the others on the bus.
async fn lake(events: &[Event], at: usize) -> Vec<Message> {
    let folder = tempfile::tempdir().expect("a folder");
    collect(folder.path(), &events[..at]).await;
    let log = open(folder.path());
    // What the lake holds is not read from the bus again.
    let others = events[..at].iter().map(|event| Event { id: format!("x-{}", event.id), ..event.clone() });
    log.append(&messages(&others.collect::<Vec<_>>())).await.expect("appended");
    log.append(&messages(&events[at..])).await.expect("appended");
    said(folder.path(), &log, |read| is_marked(read, events.len())).await
}

#[tokio::test]
async fn live_batch_and_lake_say_the_same() {
    let events = world();
    let expected = figure(&batch(&events));
    // The first days of a routine may raise one too.
    assert!((ATTACKS..ATTACKS + 3).contains(&expected.0), "{} alerts of {ATTACKS} attacks", expected.0);
    assert_eq!(figure(&live(&messages(&events)).await), expected, "live");
    for at in [events.len(), events.len() / 2, 1] {
        assert_eq!(figure(&lake(&events, at).await), expected, "{at} events in the lake");
    }
}

/// The root whose alert a person calls benign.
const CLEARED: &str = "person-0";

/// The world as far as OCSF carries it (see `ocsf/mod.rs`), and the cleared root once more, two hours later.
fn carried() -> Vec<Event> {
    let mut events = world();
    for (at, event) in (0..).zip(&mut events) {
        // No microseconds; and still no two at the same time.
        event.time = Time::from_millis(event.time.millis() + at);
        if let Kind::Acted { action, .. } = &mut event.kind
            && action.class == Class::Statement
        {
            action.objects.clear();
        }
    }
    let once_more = |event: &Event| Event {
        id: format!("again-{}", event.id),
        session: format!("again-{}", event.session),
        time: event.time.plus_seconds(7200),
        ..event.clone()
    };
    let again: Vec<_> = events.iter().filter(|event| is_cleared(event)).map(once_more).collect();
    events.extend(again);
    events
}

fn is_cleared(event: &Event) -> bool {
    event.identity.root().id == CLEARED
}

/// These events, and what a person said of the alert before the cleared root went the same way again.
fn resolved(events: &[Event]) -> Vec<Message> {
    let said = batch(events).into_iter().find_map(|message| match message {
        Message::Alert(alert) if alert.root == CLEARED => Some(alert),
        _ => None,
    });
    let is_first = |event: &Event| is_cleared(event) && !event.id.starts_with("again-");
    let last = events.iter().rposition(is_first).expect("an event");
    let resolution = Resolution {
        alert: said.expect("an alert").id,
        time: events[last].time.plus_micros(1),
        root: CLEARED.into(),
        finding: Finding::Benign,
        by: "erin".into(),
        note: String::new(),
    };
    let mut facts = messages(events);
    facts.insert(last + 1, Message::Resolution(resolution));
    facts
}

/// What the lake holds, as forensics reads it.
async fn of_lake(facts: &[Message]) -> Vec<Fact> {
    let folder = tempfile::tempdir().expect("a folder");
    let (events, resolutions): (Vec<_>, Vec<_>) =
        located(facts.iter().cloned()).into_iter().partition(|fact| matches!(fact.value, Message::Event(_)));
    store(folder.path(), Table::Events, &events).await;
    store(folder.path(), Table::Resolutions, &resolutions).await;
    let lake = folder.path().to_str().expect("a path");
    let mut past = Past::open(lake, Time(i64::MIN), Time(i64::MAX)).await.expect("a lake");
    let mut read = Vec::new();
    while let Some(facts) = past.next().await.expect("facts") {
        read.extend(facts);
    }
    read
}

/// The events out of a file of OCSF lines, as forensics reads them. What people said has no class there, and is put in
/// where it was said.
fn of_file(facts: &[Message]) -> Vec<Fact> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("events.jsonl");
    let line = |fact: &Message| {
        if let Message::Event(event) = fact { format!("{}\n", ocsf::event(event)) } else { String::new() }
    };
    std::fs::write(&file, facts.iter().map(line).collect::<String>()).expect("written");
    let text = std::fs::read_to_string(&file).expect("read");
    let mut lines = text.lines();
    let mut read = || ocsf::read_event(lines.next().expect("a line").as_bytes()).expect("an event");
    let fact = |fact: &Message| match fact {
        Message::Resolution(resolution) => Fact::Resolution(resolution.clone()),
        _ => Fact::Event(read()),
    };
    facts.iter().map(fact).collect()
}

/// What forensics finds in these facts.
fn found(facts: &[Fact]) -> Vec<Message> {
    let mut detector = Detector::new(Settings::default());
    let outputs = facts.iter().flat_map(|fact| match fact {
        Fact::Event(event) => detector.observe(event),
        Fact::Resolution(resolution) => detector.resolve(resolution),
    });
    outputs.map(Message::from).collect()
}

#[tokio::test]
async fn forensics_over_lake_and_files_says_what_was_said_live_with_a_resolution_in_between() {
    let events = carried();
    let facts = resolved(&events);
    let expected = figure(&live(&facts).await);
    assert_ne!(figure(&batch(&events)), expected, "the resolution changes nothing");
    assert_eq!(figure(&found(&of_lake(&facts).await)), expected, "of the lake");
    assert_eq!(figure(&found(&of_file(&facts))), expected, "of a file");
}
