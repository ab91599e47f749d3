//! Finding -> alert and verdict. One chain is one alert, which grows; a verdict is given once for each principal that
//! acts in it, and again when that one has run out.
//!
//! RISK, 0 to 1000. A calibrated likelihood is to replace this; until then it is a sum whose order is right:
//!
//! | signal                                                        | points           |
//! |---------------------------------------------------------------|------------------|
//! | cause (a disclosure was used)                                 | 600              |
//! | rarity (never-seen targets in a burst)                        | 200, +5 a target up to 400 |
//! | each earlier day on which the edge was opened                 | -75              |
//! | used within an hour / a day of being learned (cause only)     | +100 / +50       |
//! | an account or a credential was used, not only a place         | +50              |
//! | one principal learned, another one acted                      | +50              |
//! | each hop beyond the second (cause only)                       | +75, at most 200 |
//!
//! CONFIDENCE, 0 to 100: 85 for a cause, less 10 for each day on which the edge had been opened, 30 for rarity.

use crate::chain;
use crate::detection::{Finding, Strength};
use crate::settings::Settings;
use interdict_schemas::{Alert, Event, Hop, Message, Scope, Severity, Stop, Time, Verdict};
use sha2::{Digest, Sha256};

/// What the detector says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// For people.
    Alert(Alert),
    /// For the gates.
    Verdict(Verdict),
}

impl From<Output> for Message {
    fn from(output: Output) -> Self {
        match output {
            Output::Alert(alert) => Self::Alert(alert),
            Output::Verdict(verdict) => Self::Verdict(verdict),
        }
    }
}

/// An alert that may still grow.
#[derive(Debug)]
pub struct Known {
    detection: &'static str,
    start: String,
    alert: Alert,
    // Who was stopped, until when.
    stopped: Vec<(String, Time)>,
}

impl Known {
    /// When it last grew.
    #[must_use]
    pub const fn time(&self) -> Time {
        self.alert.time
    }
}

/// Judges one finding against the alerts already given for its root; the verdict comes first, as it is urgent.
pub(crate) fn judge(known: &mut Vec<Known>, finding: Finding, event: &Event, settings: &Settings) -> Vec<Output> {
    let root = &event.identity.root().id;
    let same = |known: &Known| known.detection == finding.detection && known.start == finding.start;
    let at = if let Some(at) = known.iter().position(same) {
        at
    } else {
        known.push(Known {
            detection: finding.detection,
            start: finding.start.clone(),
            alert: blank(&finding, root),
            stopped: Vec::new(),
        });
        known.len() - 1
    };
    let Some(known) = known.get_mut(at) else { return Vec::new() };
    let grew = merge(&mut known.alert.chain, &finding.chain);
    let verdict = verdict(known, &finding, event, settings);
    if !grew && verdict.is_none() {
        return Vec::new();
    }
    let alert = &mut known.alert;
    alert.revision += 1;
    alert.time = alert.time.max(finding.time);
    alert.actor.clone_from(&finding.actor);
    // The worst that was seen stays on top: an attempt that was refused must not hide what was reached before.
    if alert.revision == 1 || risk(&finding) > alert.risk {
        alert.title.clone_from(&finding.title);
    }
    alert.risk = alert.risk.max(risk(&finding));
    alert.confidence = alert.confidence.max(confidence(&finding));
    alert.severity = alert.severity.max(severity(&finding));
    for technique in &finding.techniques {
        if !alert.techniques.contains(technique) {
            alert.techniques.push(technique.clone());
        }
    }
    if alert.explanation.len() < LONGEST_EXPLANATION {
        if !alert.explanation.is_empty() {
            alert.explanation.push('\n');
        }
        alert.explanation.push_str(&finding.explanation);
    }
    if let Some(verdict) = &verdict {
        alert.verdict = Some(verdict.id.clone());
        let effect = match verdict.mode {
            interdict_schemas::Mode::Enforce => "are stopped",
            interdict_schemas::Mode::Shadow => "would be stopped (shadow)",
        };
        alert.explanation.push_str(&format!(
            " Until {} all sessions of {} for {root}, and of its delegates, {effect}.",
            verdict.until, finding.actor
        ));
    }
    let alert = Output::Alert(alert.clone());
    verdict.map(Output::Verdict).into_iter().chain([alert]).collect()
}

/// Beyond so many bytes an explanation tells no more.
const LONGEST_EXPLANATION: usize = 8 << 10;

/// Adds the hops that are new; says whether there were any. What an actor does again to the same target is not.
fn merge(chain: &mut Vec<Hop>, found: &[Hop]) -> bool {
    let mut grew = false;
    for hop in found {
        let known = chain
            .iter_mut()
            .find(|known| (&known.target, &known.protocol, &known.actor) == (&hop.target, &hop.protocol, &hop.actor));
        if let Some(known) = known {
            if known.session == hop.session {
                let new: Vec<_> = hop.events.iter().filter(|event| !known.events.contains(event)).cloned().collect();
                known.events.extend(new);
                known.events.truncate(chain::LONGEST);
            }
        } else if chain.len() < 4 * chain::LONGEST {
            chain.push(hop.clone());
            grew = true;
        }
    }
    chain.sort_by_key(|hop| hop.time);
    grew
}

fn verdict(known: &mut Known, finding: &Finding, event: &Event, settings: &Settings) -> Option<Verdict> {
    if finding.signals.strength < Strength::Cause {
        return None;
    }
    known.stopped.retain(|(_, until)| *until > finding.time);
    if known.stopped.iter().any(|(actor, _)| *actor == finding.actor) {
        return None;
    }
    let until = finding.time.plus_seconds(i64::from(settings.verdict_hours) * 3600);
    known.stopped.push((finding.actor.clone(), until));
    let scope = Scope {
        root: Some(event.identity.root().id.clone()),
        actor: Some(finding.actor.clone()),
        ..Scope::default()
    };
    let mut evidence = Vec::new();
    for id in finding.chain.iter().flat_map(|hop| &hop.events) {
        if !evidence.contains(id) {
            evidence.push(id.clone());
        }
    }
    Some(Verdict {
        id: id("v", &[&known.alert.id, &finding.actor, &finding.trigger]),
        time: finding.time,
        scope,
        effect: Stop::Stop,
        mode: settings.mode,
        until,
        reason: finding.title.clone(),
        evidence,
        alert: Some(known.alert.id.clone()),
        by: finding.detection.into(),
        revoked: false,
    })
}

fn blank(finding: &Finding, root: &str) -> Alert {
    Alert {
        id: id("a", &[finding.detection, root, &finding.start]),
        time: finding.time,
        detection: finding.detection.into(),
        root: root.into(),
        actor: String::new(),
        title: String::new(),
        explanation: String::new(),
        severity: Severity::Informational,
        risk: 0,
        confidence: 0,
        chain: Vec::new(),
        techniques: Vec::new(),
        verdict: None,
        revision: 0,
    }
}

fn risk(finding: &Finding) -> u32 {
    let signals = finding.signals;
    let points = match signals.strength {
        Strength::Rarity => (200 + 5 * signals.new_targets.min(40)).try_into().unwrap_or(400),
        Strength::Cause => {
            let soon = match signals.gap_s {
                ..=3600 => 100,
                3601..=86_400 => 50,
                _ => 0,
            };
            let hops = u32::try_from(finding.chain.len().saturating_sub(2)).unwrap_or(u32::MAX).min(4);
            let longer = (75 * hops).min(200);
            600 + soon + longer + 50 * u32::from(signals.credential) + 50 * u32::from(signals.handed_on)
        }
    };
    points.saturating_sub(75 * signals.days_known.min(8)).min(1000)
}

fn confidence(finding: &Finding) -> u32 {
    match finding.signals.strength {
        Strength::Rarity => 30,
        Strength::Cause => 85_u32.saturating_sub(10 * finding.signals.days_known.min(5)),
    }
}

fn severity(finding: &Finding) -> Severity {
    match finding.signals.strength {
        Strength::Rarity => Severity::Low,
        Strength::Cause if finding.chain.len() > 2 => Severity::Critical,
        Strength::Cause => Severity::High,
    }
}

/// The same evidence gives the same id, so that judging twice says nothing new.
fn id(prefix: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut id = format!("{prefix}-");
    for byte in digest.iter().take(12) {
        id.push_str(&format!("{byte:02x}"));
    }
    id
}
