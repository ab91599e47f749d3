//! A response taught this root of a target, by host name, address, alias, account or credential, whichever of its
//! delegates read it; and then one of them opens that target over another protocol than the one it was learned
//! through, which the root does not habitually do. A refused attempt counts as well. A session that was opened while
//! the response was still being read is found when the response's record arrives.

use super::{Detection, Finding, Signals, Strength, View};
use crate::chain;
use crate::graph::Session;
use crate::habit::Edge;
use crate::learned::{Key, Lesson};
use crate::names::Name;
use crate::root::Sight;
use interdict_schemas::{DisclosureKind, Event, Hop, Protocol, Technique, Time, attack};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct DisclosedTarget;

/// The opening, or the attempt, that is looked at.
struct Use<'a> {
    keys: &'a [Key],
    actor: &'a str,
    target: Name,
    protocol: Protocol,
    time: Time,
    session: Option<&'a Session>,
}

impl Detection for DisclosedTarget {
    fn name(&self) -> &'static str {
        "disclosed_target"
    }

    fn observe(&self, view: View<'_>, event: &Event) -> Vec<Finding> {
        match view.sight {
            Sight::Nothing => Vec::new(),
            Sight::Opened(id) => {
                let found = view
                    .root
                    .graph
                    .session(*id)
                    .and_then(|session| self.judge(view, event, &admitted(view, session), |_| true));
                found.into_iter().collect()
            }
            Sight::Refused(keys) => {
                let Some(target) = view.names.find(&event.target.name) else { return Vec::new() };
                let actor = &event.identity.actor().id;
                let protocol = event.target.protocol;
                let attempt = Use { keys, actor, target, protocol, time: event.time, session: None };
                self.judge(view, event, &attempt, |_| true).into_iter().collect()
            }
            Sight::Taught(teaching) => {
                let of_this = |lesson: &Lesson| Arc::ptr_eq(&lesson.teaching, teaching);
                let opened = view.root.graph.opened_since(teaching.from).filter(|(id, _)| *id != teaching.session);
                opened.filter_map(|(_, session)| self.judge(view, event, &admitted(view, session), of_this)).collect()
            }
        }
    }
}

fn admitted<'a>(view: View<'a>, session: &'a Session) -> Use<'a> {
    Use {
        keys: &session.keys,
        actor: view.text(session.actor),
        target: session.target,
        protocol: session.protocol,
        time: session.opened,
        session: Some(session),
    }
}

impl DisclosedTarget {
    fn judge(
        &self,
        view: View<'_>,
        event: &Event,
        used: &Use<'_>,
        also: impl Fn(&Lesson) -> bool,
    ) -> Option<Finding> {
        let edge = Edge { target: used.target, protocol: used.protocol };
        if view.root.is_habitual(edge, used.time, view.settings) {
            return None;
        }
        let lesson = view.root.lesson(used.keys, used.time, |lesson| {
            lesson.teaching.target != used.target && lesson.teaching.protocol != used.protocol && also(lesson)
        })?;
        let days_known = view.root.habit.days_before(edge, used.time, view.settings.horizon_days);
        let mut hops = chain::back(view, lesson);
        hops.push(match used.session {
            Some(session) => chain::tip(view, session, lesson),
            None => chain::attempt(view, event, lesson),
        });
        let learner = view.text(lesson.teaching.actor);
        let gap_us = used.time.0.saturating_sub(lesson.teaching.time.0).max(0);
        Some(Finding {
            detection: self.name(),
            start: hops.first().map(start).unwrap_or_default(),
            actor: used.actor.into(),
            time: event.time.max(used.time),
            trigger: event.id.clone(),
            title: title(&hops, used),
            explanation: explain(view, event, used, lesson, days_known),
            techniques: techniques(lesson, used.protocol),
            chain: hops,
            signals: Signals {
                strength: Strength::Cause,
                days_known,
                gap_s: gap_us / 1_000_000,
                credential: matches!(lesson.kind, DisclosureKind::Account | DisclosureKind::Credential),
                handed_on: learner != used.actor,
                new_targets: 0,
            },
        })
    }
}

/// A chain is known by the session it starts in, or by its first evidence where that session is not remembered.
fn start(hop: &Hop) -> String {
    if hop.session.is_empty() { hop.events.first().cloned().unwrap_or_default() } else { hop.session.clone() }
}

fn title(hops: &[Hop], used: &Use<'_>) -> String {
    let path: Vec<_> = hops.iter().map(|hop| hop.target.as_str()).collect();
    let tried = if used.session.is_some() { "" } else { " (attempt)" };
    format!("pivot by disclosure: {}{tried}", path.join(" -> "))
}

fn explain(view: View<'_>, event: &Event, used: &Use<'_>, lesson: &Lesson, days_known: u32) -> String {
    let teaching = &lesson.teaching;
    let root = &event.identity.root().id;
    let target = view.text(used.target);
    let learner = view.text(teaching.actor);
    let on_behalf = if learner == root { String::new() } else { format!(", acting for {root},") };
    let what = if teaching.what.is_empty() { "something" } else { &teaching.what };
    let who = if learner == used.actor {
        "it".to_owned()
    } else if view.root.graph.delegated(teaching.actor, view.names.find(used.actor).unwrap_or(teaching.actor)) {
        format!("{}, its delegate,", used.actor)
    } else {
        format!("{}, acting for {root} too,", used.actor)
    };
    let when = if used.time < teaching.time {
        "while the answer was still being read".to_owned()
    } else {
        format!("{} later", chain::span(teaching.time, used.time))
    };
    let did = if used.session.is_some() { "opened" } else { "tried to open" };
    let habit = match days_known {
        0 => format!("which nothing acting for {root} had opened before"),
        days => format!("which {root} had opened on {days} earlier day{}", if days == 1 { "" } else { "s" }),
    };
    format!(
        "{learner}{on_behalf} read {what} on {} at {}; the answer held {}; {when} {who} {did} {} to {target}, {habit} \
         ({} days make a habit). It is cleared if the owner of {root} confirms that this use of {} was meant.",
        view.text(teaching.target),
        teaching.time,
        chain::words(view, lesson),
        used.protocol,
        view.settings.habit_days,
        chain::words(view, lesson),
    )
}

fn techniques(lesson: &Lesson, protocol: Protocol) -> Vec<Technique> {
    let collected = [attack::collection(lesson.teaching.protocol)];
    let used = [attack::movement(protocol), attack::valid_accounts()];
    collected.into_iter().chain(attack::disclosed(lesson.kind)).chain(used).collect()
}
