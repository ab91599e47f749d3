//! Follows a session's causes back to where they begin, and tells each step in a sentence.

use crate::detection::View;
use crate::graph::Session;
use crate::learned::{Lesson, Teaching};
use interdict_schemas::{DisclosureKind, Event, Hop, Kind, Time};

/// Hops that a chain is followed back, and that one may have when it has grown.
pub(crate) const LONGEST: usize = 16;

/// Why a hop belongs to a chain.
mod cause {
    pub(super) const START: &str = "start";
    pub(super) const DISCLOSED: &str = "disclosed";
    pub(super) const LINEAGE: &str = "lineage";
}

/// The chain that led to `lesson`, oldest hop first; its last hop is the session in which it was learned.
#[must_use]
pub(crate) fn back(view: View<'_>, lesson: &Lesson) -> Vec<Hop> {
    let mut chain = Vec::new();
    let mut taught = Some(lesson.clone());
    let mut next = view.root.graph.session(lesson.teaching.session);
    if next.is_none() {
        chain.push(forgotten(view, lesson));
    }
    let mut seen = Vec::new();
    while let Some(session) = next {
        if chain.len() == LONGEST || seen.contains(&&*session.id) {
            break;
        }
        seen.push(&session.id);
        let mut hop = hop(view, session);
        let mut evidence = String::new();
        next = None;
        if let Some(lesson) = &session.cause {
            hop.cause = cause::DISCLOSED.into();
            evidence = format!("{} of it was learned from {}", words(view, lesson), place(view, &lesson.teaching));
            next = view.root.graph.session(lesson.teaching.session);
        } else if let Some(before) = view.root.graph.reached(session.source, session.opened) {
            hop.cause = cause::LINEAGE.into();
            evidence = format!(
                "it came from {}, where {} had been since {}",
                view.text(session.source),
                view.text(before.actor),
                before.opened
            );
            next = Some(before);
        }
        if let Some(lesson) = taught.take() {
            let teaching = &lesson.teaching;
            hop.events.extend(teaching.asked.iter().map(|event| event.to_string()));
            hop.events.push(teaching.event.to_string());
            hop.events.dedup();
            if !evidence.is_empty() {
                evidence.push_str("; ");
            }
            evidence.push_str(&read(view, &lesson));
        }
        taught.clone_from(&session.cause);
        hop.evidence = evidence;
        chain.push(hop);
    }
    chain.reverse();
    // The oldest hop shown is where this chain starts for its reader, whatever came before what is remembered.
    if let Some(first) = chain.first_mut() {
        first.cause = cause::START.into();
    }
    chain
}

/// The hop of a session as it stands in the graph.
#[must_use]
pub(crate) fn hop(view: View<'_>, session: &Session) -> Hop {
    Hop {
        time: session.opened,
        session: session.id.to_string(),
        actor: view.text(session.actor).into(),
        source: view.text(session.source).into(),
        target: view.text(session.target).into(),
        protocol: session.protocol.name().into(),
        account: view.text(session.account).into(),
        cause: cause::START.into(),
        evidence: String::new(),
        events: vec![session.opening.to_string()],
    }
}

/// The hop that uses `lesson` in a session that was admitted.
#[must_use]
pub(crate) fn tip(view: View<'_>, session: &Session, lesson: &Lesson) -> Hop {
    let evidence = format!("{} of it was learned from {}", words(view, lesson), place(view, &lesson.teaching));
    Hop { cause: cause::DISCLOSED.into(), evidence, ..hop(view, session) }
}

/// The hop that would have used `lesson`, had it not been refused.
#[must_use]
pub(crate) fn attempt(view: View<'_>, event: &Event, lesson: &Lesson) -> Hop {
    let reason = match &event.kind {
        Kind::Refused(refused) => refused.reason.as_str(),
        _ => "",
    };
    let evidence = format!(
        "{} of it was learned from {}; it was refused ({reason})",
        words(view, lesson),
        place(view, &lesson.teaching)
    );
    Hop {
        time: event.time,
        session: event.session.clone(),
        actor: event.identity.actor().id.clone(),
        source: crate::root::source(event).into_owned(),
        target: event.target.name.clone(),
        protocol: event.target.protocol.name().into(),
        account: event.account.name.clone(),
        cause: cause::DISCLOSED.into(),
        evidence,
        events: vec![event.id.clone()],
    }
}

/// The hop of a lesson whose session is not remembered any more.
fn forgotten(view: View<'_>, lesson: &Lesson) -> Hop {
    let teaching = &lesson.teaching;
    Hop {
        time: teaching.from,
        session: String::new(),
        actor: view.text(teaching.actor).into(),
        source: String::new(),
        target: view.text(teaching.target).into(),
        protocol: teaching.protocol.name().into(),
        account: String::new(),
        cause: cause::START.into(),
        evidence: read(view, lesson),
        events: teaching.asked.iter().chain([&teaching.event]).map(|event| event.to_string()).collect(),
    }
}

/// `read hosts.inventory at 2026-…; the answer held host name bastion-2.internal`
#[must_use]
pub(crate) fn read(view: View<'_>, lesson: &Lesson) -> String {
    let teaching = &lesson.teaching;
    let what = if teaching.what.is_empty() { "a response" } else { &teaching.what };
    format!("{} read {what} at {}; the answer held {}", view.text(teaching.actor), teaching.time, words(view, lesson))
}

/// `host name bastion-2.internal`
#[must_use]
pub(crate) fn words(view: View<'_>, lesson: &Lesson) -> String {
    let kind = match lesson.kind {
        DisclosureKind::HostName => "host name",
        DisclosureKind::Address => "address",
        DisclosureKind::Alias => "alias",
        DisclosureKind::Account => "account",
        DisclosureKind::Credential => "credential",
    };
    let value: String = view.text(lesson.value).chars().take(crate::root::WORDS).collect();
    format!("{kind} {value}")
}

fn place(view: View<'_>, teaching: &Teaching) -> String {
    format!("{} over {} at {}", view.text(teaching.target), teaching.protocol, teaching.time)
}

/// Time between two events as a person says it.
#[must_use]
pub(crate) fn span(from: Time, to: Time) -> String {
    let micros = to.0.saturating_sub(from.0).max(0);
    match micros / 1_000_000 {
        0 => format!("{} ms", micros / 1000),
        seconds @ 1..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
