//! Live from the bus, in batch from stored events, and from the lake: the same alerts and verdicts, to the last word.

use crate::live::{collect, config, messages, open, read};
use crate::world::{ATTACKS, batch, figure, world};
use interdict_bus::Log;
use interdict_detector::run;
use interdict_schemas::{Event, Judged, Message, Topic};
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

async fn live(events: &[Event]) -> Vec<Message> {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    log.append(&messages(events)).await.expect("appended");
    said(folder.path(), &log, |read| is_marked(read, events.len())).await
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
    assert_eq!(figure(&live(&events).await), expected, "live");
    for at in [events.len(), events.len() / 2, 1] {
        assert_eq!(figure(&lake(&events, at).await), expected, "{at} events in the lake");
    }
}
