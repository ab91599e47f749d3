//! Judges what was said by what is true. Nobody is stopped: verdicts are counted, and the days go on as if there were
//! none, so that every attack is seen whole and every legitimate session that a verdict would have hit is counted.
//!
//! RULES
//! - An alert is true if its chain has a session of an attack's second hop or later and it was raised no later than an
//!   hour after the attack's last hop; it catches that attack.
//! - An alert that has no session of any attack is false. What is left is neither.
//! - A hop is refused if a verdict of a true alert that was given before its session opened forbids it, and cut if that
//!   verdict was given on it, while it was the newest hop. A verdict that hits an attack by chance does not count.
//! - An alert counts once, however often it grows; if it becomes true it is true.

use super::report::{Caught, DayCount, DetectionCount, KindCount, NoiseCount, Outcome, Report};
use super::stream::Stream;
use super::truth::{Attack, AttackKind, Label, Routine};
use crate::Output;
use interdict_schemas::{Alert, Event, Kind, Mode, Stop, Subject, Time, Verdict};
use std::collections::{BTreeMap, HashMap};

/// After an attack's last hop an alert about it is in time for so many seconds.
const PATIENCE_S: i64 = 3600;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    True,
    False,
    Neutral,
}

/// An alert that was raised.
#[derive(Debug)]
struct Said {
    truth: Truth,
    detection: String,
    day: usize,
    kind: Option<Routine>,
}

/// Judges as events pass by.
#[derive(Debug)]
pub struct Tally {
    start: Time,
    quiet_days: u32,
    events: u64,
    days: Vec<DayCount>,
    outcomes: Vec<Outcome>,
    // An attack's and a hop's place by its session. Looked up only, so that no order of a hash is seen.
    sessions: HashMap<String, (usize, usize)>,
    // By root, and those that name none.
    verdicts: HashMap<String, Vec<Verdict>>,
    sweeping: Vec<Verdict>,
    said: BTreeMap<String, Said>,
    noise: BTreeMap<Routine, NoiseCount>,
}

impl Tally {
    /// Of nothing yet.
    #[must_use]
    pub fn new(start: Time, days: u32, quiet_days: u32, attacks: &[Attack]) -> Self {
        let mut sessions = HashMap::new();
        for (at, attack) in attacks.iter().enumerate() {
            for (hop, what) in attack.hops.iter().enumerate() {
                sessions.insert(what.session.clone(), (at, hop));
            }
        }
        let outcome =
            |attack: &Attack| Outcome { attack: attack.clone(), caught: None, cut: None, refused: None, held: false };
        let mut tally = Self {
            start,
            quiet_days,
            events: 0,
            days: vec![DayCount::default(); days as usize],
            outcomes: attacks.iter().map(outcome).collect(),
            sessions,
            verdicts: HashMap::new(),
            sweeping: Vec::new(),
            said: BTreeMap::new(),
            noise: BTreeMap::new(),
        };
        for attack in attacks {
            for hop in &attack.hops {
                let day = tally.day(hop.time);
                tally.days[day].hops += 1;
            }
        }
        tally
    }

    /// Of this stream.
    #[must_use]
    pub fn of(stream: &Stream) -> Self {
        Self::new(stream.start(), stream.days(), stream.quiet_days(), stream.attacks())
    }

    /// Takes note of one event and of what the detector said of it.
    pub fn event(&mut self, label: Label, event: &Event, outputs: &[Output]) {
        self.events += 1;
        let day = self.day(event.time);
        self.days[day].events += 1;
        if event.kind == Kind::Opened {
            self.opened(label, event, day);
        }
        for output in outputs {
            match output {
                Output::Verdict(verdict) => self.verdict(verdict),
                Output::Alert(alert) => self.alert(label, alert),
            }
        }
    }

    /// What it came to.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let mut detections: BTreeMap<&str, DetectionCount> = BTreeMap::new();
        let blank = |detection: &str| DetectionCount {
            detection: detection.to_owned(),
            first: 0,
            true_alerts: 0,
            false_alerts: 0,
        };
        let mut neutral_alerts = 0;
        for said in self.said.values() {
            let count = detections.entry(&said.detection).or_insert_with(|| blank(&said.detection));
            match said.truth {
                Truth::True => {
                    count.true_alerts += 1;
                    self.days[said.day].true_alerts += 1;
                }
                Truth::False => {
                    count.false_alerts += 1;
                    self.days[said.day].false_alerts += 1;
                    if let Some(kind) = said.kind.filter(|_| said.day >= self.quiet_days as usize) {
                        noise(&mut self.noise, kind).alerts += 1;
                    }
                }
                Truth::Neutral => neutral_alerts += 1,
            }
        }
        for caught in self.outcomes.iter().filter_map(|outcome| outcome.caught.as_ref()) {
            let count = detections.entry(&caught.detection).or_insert_with(|| blank(&caught.detection));
            count.first += 1;
        }
        let detections = detections.into_values().collect();
        let kinds = AttackKind::ALL.iter().map(|kind| kind_count(*kind, &self.outcomes));
        Report {
            start: self.start,
            quiet_days: self.quiet_days,
            events: self.events,
            kinds: kinds.filter(|count| count.attacks > 0).collect(),
            days: self.days,
            attacks: self.outcomes,
            detections,
            noise: self.noise.into_values().collect(),
            neutral_alerts,
        }
    }

    /// The day of a time; what is outside counts to the nearest.
    fn day(&self, time: Time) -> usize {
        let day = usize::try_from(time.day() - self.start.day()).unwrap_or_default();
        day.min(self.days.len().saturating_sub(1))
    }

    fn opened(&mut self, label: Label, event: &Event, day: usize) {
        let subject = Subject {
            identity: &event.identity,
            session: &event.session,
            source: &event.source,
            target: &event.target.name,
        };
        let of_root = self.verdicts.get(&event.identity.root().id);
        let refusing = of_root.into_iter().flatten().chain(&self.sweeping);
        let refusing = refusing.filter(|verdict| verdict.forbids(subject, event.time)).map(|verdict| {
            let said = verdict.alert.as_ref().and_then(|alert| self.said.get(alert));
            (said.map_or(Truth::False, |said| said.truth), verdict.effect == Stop::Hold)
        });
        let refusing: Vec<(Truth, bool)> = refusing.collect();
        let mut truths = refusing.iter().map(|(truth, _)| *truth);
        // Who may go on once somebody approves may not if another verdict stops it.
        let is_held = !refusing.is_empty() && refusing.iter().all(|(_, is_hold)| *is_hold);
        match label {
            Label::Attack { attack, hop } => {
                if let Some(outcome) = self.outcomes.get_mut(attack as usize)
                    && truths.any(|truth| truth == Truth::True)
                    && outcome.refused.is_none()
                {
                    outcome.held = if outcome.cut.is_some() { outcome.held && is_held } else { is_held };
                    outcome.refused = Some(hop);
                }
            }
            Label::Legitimate(kind) if day >= self.quiet_days as usize => {
                let is_blocked = u64::from(!refusing.is_empty());
                let noise = noise(&mut self.noise, kind);
                noise.sessions += 1;
                noise.blocks += is_blocked;
                noise.holds += u64::from(is_held);
                noise.collateral += u64::from(truths.all(|truth| truth != Truth::False)) * is_blocked;
                self.days[day].false_blocks += is_blocked;
            }
            Label::Legitimate(_) => {}
        }
    }

    fn verdict(&mut self, verdict: &Verdict) {
        let place = match &verdict.scope.root {
            Some(root) => self.verdicts.entry(root.clone()).or_default(),
            None => &mut self.sweeping,
        };
        place.retain(|old| old.id != verdict.id && old.is_live(verdict.time));
        place.push(verdict.clone());
    }

    fn alert(&mut self, label: Label, alert: &Alert) {
        let mut truth = Truth::False;
        for hop in &alert.chain {
            let Some((at, hop)) = self.sessions.get(&hop.session).copied() else { continue };
            if truth == Truth::False {
                truth = Truth::Neutral;
            }
            if hop > 0 && self.catch(at, alert) {
                truth = Truth::True;
            }
        }
        let kind = match label {
            Label::Legitimate(kind) => Some(kind),
            Label::Attack { .. } => None,
        };
        // What an attack's own event raised is not noise, whatever the chain holds.
        if truth == Truth::False && kind.is_none() {
            truth = Truth::Neutral;
        }
        let day = self.day(alert.time);
        let said = self.said.entry(alert.id.clone()).or_insert_with(|| Said {
            truth,
            detection: alert.detection.clone(),
            day,
            kind,
        });
        if truth == Truth::True {
            said.truth = Truth::True;
        }
    }

    /// Whether the alert tells of the attack in time.
    fn catch(&mut self, at: usize, alert: &Alert) -> bool {
        let Some(outcome) = self.outcomes.get_mut(at) else { return false };
        let hops = &outcome.attack.hops;
        let last = hops.last().map_or(Time::default(), |hop| hop.time);
        if alert.time > last.plus_seconds(PATIENCE_S) {
            return false;
        }
        let reached = hops.iter().take_while(|hop| hop.time <= alert.time).count().max(1);
        let number = u32::try_from(reached).unwrap_or(u32::MAX);
        let opened = hops.get(reached - 1).map_or(alert.time, |hop| hop.time);
        let roots: Vec<_> = hops.get(reached - 1).into_iter().map(|hop| hop.root.as_str()).collect();
        let given = self.verdicts.get(roots.first().copied().unwrap_or_default());
        let stops = |verdict: &Verdict| {
            verdict.alert.as_ref() == Some(&alert.id)
                && verdict.mode == Mode::Enforce
                && verdict.effect != Stop::Watch
                && verdict.time >= opened
        };
        let stopping = given.into_iter().flatten().chain(&self.sweeping).find(|verdict| stops(verdict));
        if let Some(verdict) = stopping.filter(|_| outcome.cut.is_none()) {
            outcome.held = verdict.effect == Stop::Hold && (outcome.refused.is_none() || outcome.held);
            outcome.cut = Some(number);
        }
        if outcome.caught.is_none() {
            outcome.caught = Some(Caught {
                detection: alert.detection.clone(),
                alert: alert.id.clone(),
                title: alert.title.clone(),
                time: alert.time,
                hop: number,
                after_us: alert.time.micros_since(opened),
            });
        }
        true
    }
}

fn noise(all: &mut BTreeMap<Routine, NoiseCount>, kind: Routine) -> &mut NoiseCount {
    all.entry(kind).or_insert(NoiseCount { kind, sessions: 0, alerts: 0, blocks: 0, holds: 0, collateral: 0 })
}

fn kind_count(kind: AttackKind, outcomes: &[Outcome]) -> KindCount {
    let of = || outcomes.iter().filter(|outcome| outcome.attack.kind == kind);
    KindCount {
        kind,
        attacks: of().count() as u64,
        caught: of().filter(|outcome| outcome.caught.is_some()).count() as u64,
        stopped: of().filter(|outcome| outcome.is_stopped()).count() as u64,
    }
}
