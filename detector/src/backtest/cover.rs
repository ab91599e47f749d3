//! Whom verdicts cover: every session that is open when one is given, or opened before it ends.

use super::Summary;
use crate::open::Open;
use interdict_schemas::{Event, Identity, Source, Stop, Subject, Time, Verdict};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Sessions named for each verdict; all are counted.
pub const MAX_SAMPLES: usize = 20;

/// A stop or a hold, and whom it hits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// The verdict.
    pub verdict: String,
    /// The alert it was given on, if one.
    pub alert: Option<String>,
    /// Which detection gave it.
    pub detection: String,
    /// What it covers.
    pub scope: String,
    /// What it does.
    pub effect: Stop,
    /// From when.
    pub time: Time,
    /// Until when.
    pub until: Time,
    /// Sessions that it cuts or refuses, other than those of the chain it was given on.
    pub collateral: u64,
    /// Of these, open when it was given.
    pub cut: u64,
    /// The first of them.
    pub samples: Vec<Sample>,
}

/// A session that is hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Its id.
    pub session: String,
    /// When it was opened.
    pub opened: Time,
    /// Who, from the root to the actor.
    pub identity: String,
    /// To which target.
    pub target: String,
}

#[derive(Debug)]
struct Session {
    opened: Time,
    identity: Identity,
    source: Source,
    target: String,
}

#[derive(Debug)]
struct Given {
    verdict: Verdict,
    // Sessions hit: which, and whether it was open already.
    hits: Vec<(Sample, bool)>,
}

/// The stops and holds of one side.
#[derive(Debug, Default)]
pub(super) struct Cover {
    given: Vec<Given>,
    // By root, those that may still count; under no root, those that cover others.
    live: HashMap<Option<String>, Vec<usize>>,
    open: Open<Session>,
}

impl Cover {
    /// A verdict is given, or taken back.
    pub(super) fn give(&mut self, verdict: &Verdict) {
        if verdict.revoked {
            let given = self.given.iter_mut().filter(|given| given.verdict.id == verdict.id);
            given.for_each(|given| given.verdict.until = given.verdict.until.min(verdict.time));
            return;
        }
        if verdict.effect == Stop::Watch {
            return;
        }
        let mut given = Given { verdict: verdict.clone(), hits: Vec::new() };
        for (session, open) in self.open.iter() {
            given.look(session, open, true);
        }
        given.hits.sort_by(|(left, _), (right, _)| (left.opened, &left.session).cmp(&(right.opened, &right.session)));
        self.live.entry(verdict.scope.root.clone()).or_default().push(self.given.len());
        self.given.push(given);
    }

    /// A session is opened.
    pub(super) fn opened(&mut self, event: &Event) {
        let open = Session {
            opened: event.time,
            identity: event.identity.clone(),
            source: event.source.clone(),
            target: event.target.name.clone(),
        };
        for root in [Some(event.identity.root().id.clone()), None] {
            let Some(live) = self.live.get_mut(&root) else { continue };
            live.retain(|at| {
                let Some(given) = self.given.get_mut(*at) else { return false };
                given.look(&event.session, &open, false);
                event.time < given.verdict.until
            });
        }
        self.open.add(&event.session, open);
    }

    /// A session ends.
    pub(super) fn closed(&mut self, session: &str) {
        self.open.end(session);
    }

    /// Which detection gave each, and what it does.
    pub(super) fn by(&self) -> impl Iterator<Item = (&str, Stop)> {
        self.given.iter().map(|given| (given.verdict.by.as_str(), given.verdict.effect))
    }

    /// All in the order in which they were given. What grew into an alert's chain is no collateral of it.
    pub(super) fn hits(&self, alerts: &BTreeMap<String, Summary>) -> Vec<Hit> {
        let hit = |given: &Given| {
            let verdict = &given.verdict;
            let alert = verdict.alert.as_ref().and_then(|id| alerts.get(id));
            let guilty = |session: &str| alert.is_some_and(|alert| alert.has(session));
            let hits: Vec<_> = given.hits.iter().filter(|(sample, _)| !guilty(&sample.session)).collect();
            Hit {
                verdict: verdict.id.clone(),
                alert: verdict.alert.clone(),
                detection: verdict.by.clone(),
                scope: verdict.scope.to_string(),
                effect: verdict.effect,
                time: verdict.time,
                until: verdict.until,
                collateral: hits.len() as u64,
                cut: hits.iter().filter(|(_, open)| *open).count() as u64,
                samples: hits.iter().take(MAX_SAMPLES).map(|(sample, _)| sample.clone()).collect(),
            }
        };
        self.given.iter().map(hit).collect()
    }
}

impl Given {
    fn look(&mut self, session: &str, open: &Session, was_open: bool) {
        let Session { opened, identity, source, target } = open;
        let subject = Subject { identity, session, source, target };
        let in_time = was_open || (*opened >= self.verdict.time && *opened < self.verdict.until);
        if in_time && self.verdict.scope.covers(subject) {
            let sample = Sample {
                session: session.to_owned(),
                opened: *opened,
                identity: identity.to_string(),
                target: target.clone(),
            };
            self.hits.push((sample, was_open));
        }
    }
}
