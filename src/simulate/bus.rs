//! Plays onto the bus, at a pace, and hears what the detector there says. Then the same plan is played once more, in
//! memory, to see what of it is true: so nothing about the truth is ever on the bus.

use super::progress;
use crate::feed::Feed;
use crate::settings::Settings;
use anyhow::bail;
use futures::StreamExt as _;
use interdict_detector::Output;
use interdict_detector::simulation::{Plan, Report, Tally};
use interdict_schemas::{Alert, Event};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Events that go onto the bus at a time.
const BATCH: usize = 256;
/// The detector is taken to be done when it has raised nothing for so long after the last event.
const SILENCE: Duration = Duration::from_secs(10);

pub(super) async fn play(plan: &Plan, speed: f64, settings: &Settings) -> anyhow::Result<Report> {
    let feed = Feed::open(settings).await?;
    if settings.is_embedded() && matches!(feed, Feed::Log(_)) {
        bail!("nobody runs on this machine's log, so nothing would judge the events: start `interdict up` first");
    }
    // A running gateway answers one thing at a time on a connection, and alerts are an answer without an end.
    let mut heard = Feed::open(settings).await?.alerts().await?;
    let (done, mut told) = tokio::sync::oneshot::channel::<()>();
    let listen = async {
        let mut alerts = Vec::new();
        let mut is_played = false;
        loop {
            tokio::select! {
                _ = &mut told, if !is_played => is_played = true,
                alert = heard.next() => match alert {
                    Some(alert) => alerts.push(alert?),
                    None => bail!("the bus ended"),
                },
                () = tokio::time::sleep(SILENCE), if is_played => return anyhow::Ok(alerts),
            }
        }
    };
    let publish = async {
        publish(plan, speed, &feed).await?;
        // The listener may have failed; then its error is told.
        let _ = done.send(());
        anyhow::Ok(())
    };
    let (alerts, ()) = tokio::try_join!(listen, publish)?;
    let ids: BTreeSet<&str> = alerts.iter().map(|alert| alert.id.as_str()).collect();
    let verdicts = feed.verdicts().await?;
    let ours = verdicts.into_iter().filter(|verdict| verdict.alert.as_deref().is_some_and(|id| ids.contains(id)));
    let mut outputs: Vec<Output> = ours.map(Output::Verdict).collect();
    outputs.extend(alerts.into_iter().map(Output::Alert));
    Ok(judge(plan, outputs))
}

async fn publish(plan: &Plan, speed: f64, feed: &Feed) -> anyhow::Result<()> {
    let bar = progress(plan)?;
    let mut stream = plan.stream();
    let start = stream.start();
    let begun = Instant::now();
    let due = |event: &Event| {
        let seconds = event.time.micros_since(start) as f64 / 1e6 / speed;
        begun + Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX / 4)
    };
    let mut next = stream.next();
    while let Some(first) = next.take() {
        tokio::time::sleep_until(due(&first)).await;
        bar.set_position(u64::try_from(first.time.day() - start.day()).unwrap_or_default());
        let mut batch = vec![first];
        let now = Instant::now();
        next = stream.next();
        while batch.len() < BATCH
            && let Some(event) = next.take_if(|event| due(event) <= now)
        {
            batch.push(event);
            next = stream.next();
        }
        feed.play(batch).await?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// The plan again, with what was said of it, each at the event that raised it: an alert carries that event's time.
fn judge(plan: &Plan, mut outputs: Vec<Output>) -> Report {
    outputs.sort_by_key(|output| match output {
        Output::Verdict(verdict) => (verdict.time, 0),
        Output::Alert(alert) => (alert.time, alert.revision),
    });
    let root = |output: &Output| match output {
        Output::Verdict(verdict) => verdict.scope.root.clone(),
        Output::Alert(Alert { root, .. }) => Some(root.clone()),
    };
    let mut waiting: Vec<Output> = Vec::new();
    let mut outputs = outputs.into_iter().peekable();
    let mut stream = plan.stream();
    let mut tally = Tally::of(&stream);
    while let Some((label, event)) = stream.next_labelled() {
        let time = |output: &Output| match output {
            Output::Verdict(verdict) => verdict.time,
            Output::Alert(alert) => alert.time,
        };
        while let Some(output) = outputs.next_if(|output| time(output) <= event.time) {
            waiting.push(output);
        }
        let own = |output: &Output| {
            let root = root(output);
            root.is_none() || root.as_deref() == Some(event.identity.root().id.as_str()) || time(output) < event.time
        };
        let (now, later) = std::mem::take(&mut waiting).into_iter().partition(own);
        waiting = later;
        tally.event(label, &event, &now);
    }
    tally.finish()
}
