//! Two settings over the same history in one pass: what each would have said, and whom its verdicts would have hit.
//! Facts in, comparison out: no lake, no clock.
//!
//! COLLATERAL: the sessions that a verdict covers until its end, and that are no part of the chain it was given on. They
//! are counted as history has them; in history, verdicts of its own time may already have kept some of them out.

mod cover;

use crate::{Detector, Fact, Output, Settings};
use cover::Cover;
use interdict_schemas::{Alert, Event, Kind, Severity, Stop, Time, Verdict};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

pub use cover::{Hit, MAX_SAMPLES};

/// Two detectors side by side.
#[derive(Debug)]
pub struct Backtest {
    sides: [Side; 2],
    from: Time,
    to: Time,
    events: u64,
}

#[derive(Debug)]
struct Side {
    detector: Detector,
    alerts: BTreeMap<String, Summary>,
    cover: Cover,
}

/// An alert in its last revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The alert.
    pub id: String,
    /// When it last grew.
    pub time: Time,
    /// Which detection.
    pub detection: String,
    /// About whose root.
    pub root: String,
    /// Who acted.
    pub actor: String,
    /// One line.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// 0 to 1000.
    pub risk: u32,
    /// Whether a verdict was given on it, and what it did: `stop`, `hold`, `watch`.
    pub verdict: Option<String>,
    #[serde(skip)]
    sessions: BTreeSet<String>,
}

/// An alert that both raise, but not alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Under the old settings.
    pub old: Summary,
    /// Under the new ones.
    pub new: Summary,
}

/// What one detection comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Alerts.
    pub alerts: u64,
    /// Verdicts that stop.
    pub stops: u64,
    /// Verdicts that hold for approval.
    pub holds: u64,
}

/// What one detection comes to under both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Detection {
    /// Its name.
    pub detection: String,
    /// Under the old settings.
    pub old: Counts,
    /// Under the new ones.
    pub new: Counts,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Events folded.
    pub events: u64,
    /// Alerts that are the same under both.
    pub same: u64,
    /// Alerts that only the old settings raise.
    pub only_old: Vec<Summary>,
    /// Alerts that only the new settings raise.
    pub only_new: Vec<Summary>,
    /// Alerts that both raise, with another risk, severity or verdict.
    pub changed: Vec<Changed>,
    /// By detection.
    pub detections: Vec<Detection>,
    /// The stops and holds of the old settings, with whom they hit.
    pub old_blocks: Vec<Hit>,
    /// The stops and holds of the new settings, with whom they hit.
    pub new_blocks: Vec<Hit>,
}

impl Backtest {
    /// Over history of which only what was raised from `from` to `to` counts; what came before teaches habit.
    #[must_use]
    pub fn new(old: Settings, new: Settings, from: Time, to: Time) -> Self {
        let side =
            |settings| Side { detector: Detector::new(settings), alerts: BTreeMap::new(), cover: Cover::default() };
        Self { sides: [side(old), side(new)], from, to, events: 0 }
    }

    /// Takes the next fact, in the order of time.
    pub fn observe(&mut self, fact: &Fact) {
        let event = match fact {
            Fact::Event(event) if event.time > self.to => return,
            Fact::Event(event) => Some(event),
            Fact::Resolution(_) => None,
        };
        self.events += u64::from(event.is_some());
        for side in &mut self.sides {
            let outputs = match fact {
                Fact::Event(event) => side.detector.observe(event),
                Fact::Resolution(resolution) => side.detector.resolve(resolution),
            };
            side.take(outputs, self.from);
            if let Some(event) = event {
                side.see(event);
            }
        }
    }

    /// What differs, oldest first.
    #[must_use]
    pub fn compare(self) -> Comparison {
        let [old, new] = self.sides;
        let detections = detections(&old, &new);
        let (old_blocks, new_blocks) = (old.cover.hits(&old.alerts), new.cover.hits(&new.alerts));
        let (mut only_old, mut only_new, mut changed, mut same) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let mut rest = new.alerts;
        for (id, old) in old.alerts {
            match rest.remove(&id) {
                None => only_old.push(old),
                Some(new) if old.says(&new) => same += 1,
                Some(new) => changed.push(Changed { old, new }),
            }
        }
        only_new.extend(rest.into_values());
        only_old.sort_by_key(|alert| alert.time);
        only_new.sort_by_key(|alert| alert.time);
        changed.sort_by_key(|changed| changed.new.time);
        Comparison { events: self.events, same, only_old, only_new, changed, detections, old_blocks, new_blocks }
    }
}

impl Side {
    fn take(&mut self, outputs: Vec<Output>, from: Time) {
        let mut verdicts: BTreeMap<String, Verdict> = BTreeMap::new();
        for output in outputs {
            match output {
                Output::Verdict(verdict) if verdict.time >= from => {
                    self.cover.give(&verdict);
                    verdicts.insert(verdict.id.clone(), verdict);
                }
                Output::Alert(alert) if alert.time >= from => self.alert(&alert, &verdicts),
                Output::Verdict(_) | Output::Alert(_) => {}
            }
        }
    }

    fn alert(&mut self, alert: &Alert, verdicts: &BTreeMap<String, Verdict>) {
        let given = alert.verdict.as_ref().and_then(|id| verdicts.get(id)).map(|verdict| verdict.effect.to_string());
        let before = self.alerts.get(&alert.id).and_then(|before| before.verdict.clone());
        let summary = Summary {
            id: alert.id.clone(),
            time: alert.time,
            detection: alert.detection.clone(),
            root: alert.root.clone(),
            actor: alert.actor.clone(),
            title: alert.title.clone(),
            severity: alert.severity,
            risk: alert.risk,
            verdict: given.or(before),
            sessions: alert.chain.iter().map(|hop| hop.session.clone()).collect(),
        };
        self.alerts.insert(alert.id.clone(), summary);
    }

    fn see(&mut self, event: &Event) {
        match &event.kind {
            Kind::Opened => self.cover.opened(event),
            Kind::Closed(_) => self.cover.closed(&event.session),
            Kind::Refused(_) | Kind::Acted { .. } | Kind::Resulted { .. } => {}
        }
    }
}

impl Summary {
    /// Whether a responder would be told the same.
    fn says(&self, other: &Self) -> bool {
        (self.risk, self.severity, &self.verdict) == (other.risk, other.severity, &other.verdict)
    }

    /// Whether the session is part of its chain.
    fn has(&self, session: &str) -> bool {
        self.sessions.contains(session)
    }
}

fn detections(old: &Side, new: &Side) -> Vec<Detection> {
    let mut all: BTreeMap<&str, [Counts; 2]> = BTreeMap::new();
    for (at, side) in [old, new].into_iter().enumerate() {
        let mut count = |detection, add: fn(&mut Counts)| {
            if let Some(counts) = all.entry(detection).or_default().get_mut(at) {
                add(counts);
            }
        };
        side.alerts.values().for_each(|alert| count(&alert.detection, |counts| counts.alerts += 1));
        for (detection, effect) in side.cover.by() {
            match effect {
                Stop::Stop => count(detection, |counts| counts.stops += 1),
                Stop::Hold => count(detection, |counts| counts.holds += 1),
                Stop::Watch => {}
            }
        }
    }
    all.into_iter().map(|(name, [old, new])| Detection { detection: name.into(), old, new }).collect()
}
