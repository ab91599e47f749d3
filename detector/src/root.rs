//! All that is remembered of one root identity, and how one event changes it.

use crate::graph::{Graph, Opening, SessionId};
use crate::habit::{Edge, Habit, day};
use crate::judge::Known;
use crate::learned::{Key, Learned, Lesson, Teaching, keys};
use crate::names::{Marks, Name, Names};
use crate::settings::Settings;
use interdict_schemas::{DisclosureKind, Effect, Event, Kind, Time};
use std::sync::Arc;

/// What an event showed, as a detection needs to know it.
#[derive(Debug, Clone)]
pub enum Sight {
    /// A session that was not known: it was admitted, or the record of its admission is missing.
    Opened(SessionId),
    /// A session was refused; it could have been using a disclosure by these keys.
    Refused(Box<[Key]>),
    /// A response taught something.
    Taught(Arc<Teaching>),
    /// Nothing that a detection could start from.
    Nothing,
}

/// One root.
#[derive(Debug, Default)]
pub struct Root {
    /// The newest time seen of it.
    pub clock: Time,
    /// Where it went.
    pub graph: Graph,
    /// What it does as a matter of course.
    pub habit: Habit,
    /// What responses taught it.
    pub learned: Learned,
    /// The alerts that may still grow.
    pub known: Vec<Known>,
}

impl Root {
    /// Folds one event in; says what it showed and how much was forgotten for a bound.
    pub fn fold(&mut self, event: &Event, names: &mut Names, settings: &Settings) -> (Sight, usize) {
        let mut forgotten = 0;
        if day(event.time) > day(self.clock) || self.graph.len() > settings.bounds.sessions.saturating_mul(2) {
            forgotten += self.age(event.time.max(self.clock), settings);
        }
        self.clock = self.clock.max(event.time);
        if let Kind::Refused(_) = event.kind {
            return (Sight::Refused(keys(event, names)), forgotten);
        }
        let known = self.graph.find(&event.session);
        let id = known.unwrap_or_else(|| self.open(event, names, settings));
        let mut sight = if known.is_none() { Sight::Opened(id) } else { Sight::Nothing };
        let Some(session) = self.graph.session_mut(id) else { return (sight, forgotten) };
        session.seen = session.seen.max(event.time);
        let denied = match &event.kind {
            Kind::Closed(_) => {
                session.closed = Some(event.time);
                session.asked = crate::graph::Asked::default();
                false
            }
            Kind::Acted { action, decision, .. } => {
                let asked = &mut session.asked;
                replace(&mut asked.action, &action.id);
                replace(&mut asked.event, &event.id);
                describe(action, &mut asked.what);
                decision.effect == Effect::Deny
            }
            Kind::Opened | Kind::Refused(_) | Kind::Resulted { .. } => false,
        };
        if !event.disclosures.is_empty() && !denied {
            let asked = match &event.kind {
                Kind::Resulted { action, .. }
                | Kind::Acted { action: interdict_schemas::Action { id: action, .. }, .. } => {
                    (session.asked.action == *action).then_some(&session.asked)
                }
                _ => None,
            };
            let took = match &event.kind {
                Kind::Resulted { outcome, .. } => i64::try_from(outcome.duration_us).unwrap_or(0),
                Kind::Acted { outcome: Some(outcome), .. } => i64::try_from(outcome.duration_us).unwrap_or(0),
                _ => 0,
            };
            let teaching = Arc::new(Teaching {
                event: event.id.as_str().into(),
                asked: asked.filter(|asked| asked.event != event.id).map(|asked| asked.event.as_str().into()),
                what: asked.map(|asked| asked.what.as_str()).unwrap_or_default().into(),
                from: event.time.plus_micros(took.saturating_neg()).max(session.opened),
                time: event.time,
                session: id,
                actor: session.actor,
                target: session.target,
                protocol: session.protocol,
            });
            forgotten += self.learned.add(&event.disclosures, &teaching, names, settings.bounds.lessons);
            // An import can show a session for the first time by what it taught; its opening is then the news.
            if known.is_some() {
                sight = Sight::Taught(teaching);
            }
        }
        (sight, forgotten)
    }

    fn open(&mut self, event: &Event, names: &mut Names, settings: &Settings) -> SessionId {
        let opened = match &event.kind {
            Kind::Closed(closed) => closed.opened,
            _ => event.time,
        };
        let chain: Vec<Name> = event.identity.chain().iter().map(|principal| names.intern(&principal.id)).collect();
        let actor = chain.last().copied().unwrap_or_else(|| names.intern(&event.identity.root().id));
        self.graph.delegate(&chain, opened);
        let target = names.intern(&event.target.name);
        let account = names.intern(&event.account.name);
        let edge = Edge { target, protocol: event.target.protocol };
        let keys = keys(event, names);
        let cause = if self.is_habitual(edge, opened, settings) {
            None
        } else {
            self.lesson(&keys, opened, |lesson| lesson.teaching.target != target).cloned()
        };
        self.habit.opened(edge, account, opened);
        self.graph.open(Opening {
            id: &event.session,
            event: &event.id,
            opened,
            actor,
            source: names.intern(&source(event)),
            target,
            protocol: event.target.protocol,
            account,
            keys,
            cause,
        })
    }

    /// Whether this root habitually opens an edge, as of `time` (see [`Settings::habit_days`]).
    #[must_use]
    pub fn is_habitual(&self, edge: Edge, time: Time, settings: &Settings) -> bool {
        self.habit.days_before(edge, time, settings.horizon_days) >= settings.habit_days
    }

    /// The newest thing learned, before `time`, that one of `keys` uses and that `fits`. An account or credential
    /// that the root had used before it read of it taught it nothing.
    pub fn lesson(&self, keys: &[Key], time: Time, fits: impl Fn(&Lesson) -> bool) -> Option<&Lesson> {
        let mut best: Option<&Lesson> = None;
        for (key, lesson) in self.learned.by(keys) {
            let from = lesson.teaching.from;
            let old = match (key, lesson.kind) {
                (Key::Account(account), DisclosureKind::Account) => self.habit.used_account(account, from),
                _ => false,
            };
            if from <= time
                && !old
                && fits(lesson)
                && best.is_none_or(|best| lesson.teaching.time > best.teaching.time)
            {
                best = Some(lesson);
            }
        }
        best
    }

    fn age(&mut self, now: Time, settings: &Settings) -> usize {
        let cut = now.plus_seconds(-i64::from(settings.horizon_days) * 86_400);
        self.learned.age(cut);
        let known = self.known.len();
        self.known.retain(|alert| alert.time() >= cut);
        let beyond = self.known.len().saturating_sub(settings.bounds.alerts).min(known);
        self.known.drain(..beyond);
        beyond + self.graph.age(cut, settings.bounds.sessions) + self.habit.age(cut, settings.bounds.edges)
    }

    /// Marks the names in use.
    pub fn mark(&self, marks: &mut Marks) {
        self.graph.mark(marks);
        self.habit.mark(marks);
        self.learned.mark(marks);
    }
}

/// Where a session comes from, by the best name there is.
#[must_use]
pub(crate) fn source(event: &Event) -> std::borrow::Cow<'_, str> {
    let source = &event.source;
    match (&source.target, &source.host, source.address) {
        (Some(target), _, _) => target.into(),
        (None, Some(host), _) => host.into(),
        (None, None, Some(address)) => address.to_string().into(),
        (None, None, None) => "".into(),
    }
}

/// Texts in alerts are cut after this many characters.
pub(crate) const WORDS: usize = 120;

fn describe(action: &interdict_schemas::Action, what: &mut String) {
    what.clear();
    let objects = action.objects.iter().filter(|object| !object.is_empty()).take(3);
    for (at, object) in objects.enumerate() {
        what.push_str(if at == 0 { "" } else { ", " });
        what.extend(object.chars().take(WORDS));
    }
    if what.is_empty() {
        what.extend(action.text.chars().take(WORDS));
    }
}

fn replace(text: &mut String, with: &str) {
    text.clear();
    text.push_str(with);
}
