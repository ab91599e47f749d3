//! Chain -> alert and verdict. One chain is one alert, which grows; a verdict is given once for each actor in it, and
//! again when that one has run out or a stricter one is due.
//!
//! RISK, 0 to 1000, is 40 times the chain's evidence in nats, see `likelihood.rs` and `chain.rs`: a sum of logarithms of
//! likelihood ratios, so that 100 more is 12 times as likely. CONFIDENCE, 0 to 100, is the probability of movement given
//! that evidence and prior odds of 1 to 1,000 for a suspicious step.
//!
//! WHAT ALERTS: proof always; more from one machine than any habit always; a chain with enough evidence of causes to
//! stop it always; anything else from `alert_nats` if it is within the budget, and not while `learning_days` last.
//! WHAT STOPS: `block_nats`, or `hold_nats` for approval, of which at least `cause_nats` are of detections whose
//! strength and settings allow it. A hold is as likely right as not; a stop asks nobody, so against the prior odds it
//! takes 1,000 to 1 and a cause: rarity alone asks a person, once `learning_days` are over. Proof stops at once.

mod resolving;
mod telling;

use crate::actor::ActorId;
use crate::actors::Actors;
use crate::budget::Budget;
use crate::chain::{Chains, Hop, HopId, Joined, Link};
use crate::detection::Strength;
use crate::fingerprint::Map;
use crate::places::Places;
use crate::settings::{Reach, Settings};
use crate::weight::Enabled;
use interdict_schemas::{Alert, Message, Mode, Scope, Severity, Stop, Technique, Time, Verdict};
use resolving::Done;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use telling::{explanation, hops, later, title, who};

/// What the detector says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Known {
    #[serde(with = "crate::snapshot::text")]
    alert: Alert,
    // Where its explanation ends, and the sentence of a verdict begins; and how many of its hops it tells of.
    explained: usize,
    top: usize,
    // What was given, and on whom.
    #[serde(with = "crate::snapshot::text")]
    given: Vec<(ActorId, Verdict)>,
    // What was done in it, for when a person says what it was: its hops may be forgotten by then.
    done: Vec<Done>,
    // Whether a person found it benign, and has not said otherwise since.
    is_benign: bool,
}

/// All alerts that may still grow.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Judge {
    known: Map<u32, Known>,
    order: VecDeque<u32>,
    budget: Budget,
}

/// What a chain is judged against.
#[derive(Clone, Copy)]
pub(crate) struct Bench<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) detections: &'a [Enabled],
    pub(crate) actors: &'a Actors,
    pub(crate) places: &'a Places,
    pub(crate) chains: &'a Chains,
    /// The clock of events.
    pub(crate) now: Time,
    /// Whether `learning_days` are over.
    pub(crate) has_learned: bool,
}

/// Nats per point of risk.
const RISK_PER_NAT: f64 = 40.0;
/// ln of the odds that a suspicious step is movement, before anything is seen of its chain.
const PRIOR: f64 = -6.9;
/// Alerts that may still grow.
const MOST: usize = 1 << 16;

/// What the path to a hop says.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    held: f64,
    blocked: f64,
    // Of mere rarity, once enough is known to tell it.
    rare: f64,
    // Of causes, also of those that may do no more than alert.
    caused: f64,
    // Of what may do no more than alert.
    told: f64,
    is_proof: bool,
    is_floor: bool,
    // The detection that says most.
    first: u8,
}

impl Bench<'_> {
    fn sum(&self, path: &[(&Hop, Option<Joined>)]) -> Sum {
        let (mut sum, mut best) = (Sum::default(), f32::MIN);
        // Who merely starts from where proof was seen of another is not proved to be that one.
        let own = path
            .get(
                path.iter()
                    .rposition(|(_, joined)| joined.is_some_and(|joined| joined.link == Link::Switch))
                    .unwrap_or(0)..,
            )
            .unwrap_or(path);
        let is_own =
            |number: u8| own.iter().any(|(hop, _)| hop.signs.iter().any(|(of, nats)| *of == number && *nats > 0.0));
        for asked in self.detections {
            let signs = path.iter().flat_map(|(hop, _)| hop.signs.iter());
            let nats: f32 = signs.filter(|(of, _)| *of == asked.number).map(|(_, nats)| nats.max(0.0)).sum();
            let strength = asked.detection.strength();
            if asked.reach > Reach::Shadow && nats > best {
                (best, sum.first) = (nats, asked.number);
            }
            sum.told += if asked.reach == Reach::Alert { f64::from(nats) } else { 0.0 };
            if strength == Strength::Rarity {
                sum.rare += if asked.reach >= Reach::Hold { f64::from(nats) } else { 0.0 };
                continue;
            }
            if nats <= 0.0 {
                continue;
            }
            sum.caused += if asked.reach >= Reach::Alert { f64::from(nats) } else { 0.0 };
            sum.held += if asked.reach >= Reach::Hold { f64::from(nats) } else { 0.0 };
            sum.blocked += if asked.reach >= Reach::Block { f64::from(nats) } else { 0.0 };
            sum.is_floor |= strength == Strength::Floor && asked.reach > Reach::Shadow;
            sum.is_proof |= strength == Strength::Proof && asked.reach >= Reach::Block && is_own(asked.number);
        }
        sum
    }

    fn name(&self, number: u8) -> &'static str {
        self.detections.iter().find(|asked| asked.number == number).map_or("", |asked| asked.detection.name())
    }
}

impl Judge {
    /// Judges the chain that ends with a hop; the verdict comes first, as it is urgent.
    pub(crate) fn judge(&mut self, id: HopId, bench: Bench<'_>) -> Vec<Output> {
        let path = bench.chains.back(id);
        let Some((hop, _)) = path.last().copied() else { return Vec::new() };
        let settings = bench.settings;
        let score = hop.score;
        let sum = bench.sum(&path);
        let may_hold = sum.held + if bench.has_learned { sum.rare } else { 0.0 };
        // What may only alert stops nobody, nor helps others to. It may have faded since, so this is no less than its part.
        let stops = score - sum.told;
        let effect = if sum.is_proof || (stops >= settings.block_nats && sum.blocked >= settings.cause_nats) {
            Some(Stop::Stop)
        } else if stops >= settings.hold_nats && may_hold >= settings.cause_nats {
            Some(Stop::Hold)
        } else {
            None
        };
        // What stops does not compete, and is not counted among those that do.
        if effect.is_none() && !self.known.contains_key(&hop.chain) {
            let least = settings.alert_nats;
            let is_first = score >= least
                && (sum.is_floor
                    || self.budget.admits(hop.chain, score, hop.time.min(bench.now), settings.budget, least));
            if !is_first || !bench.has_learned && !sum.is_floor && sum.caused < settings.cause_nats {
                return Vec::new();
            }
        }
        self.alert(&path, hop, sum, effect, bench)
    }

    fn alert(
        &mut self,
        path: &[(&Hop, Option<Joined>)],
        hop: &Hop,
        sum: Sum,
        effect: Option<Stop>,
        bench: Bench<'_>,
    ) -> Vec<Output> {
        let root = path.first().map_or(hop.root, |(first, _)| first.root);
        let start = path.first().map_or(&hop.event, |(first, _)| &first.event);
        let order = &mut self.order;
        self.known.entry(hop.chain).or_insert_with(|| {
            order.push_back(hop.chain);
            // The same step may begin a chain of its actor and one of the machine that it comes from.
            let parts: &[&str] = &[bench.actors.name(root), start, "source"];
            let id = id("a", if hop.title.is_some() { parts } else { &parts[..2] });
            Known {
                alert: blank(id, bench.actors.name(root)),
                explained: 0,
                top: 0,
                given: Vec::new(),
                done: Vec::new(),
                is_benign: false,
            }
        });
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        let Some(known) = self.known.get_mut(&hop.chain) else { return Vec::new() };
        known.did(path.iter().map(|(hop, _)| *hop));
        let actor = bench.actors.name(hop.actor);
        let newest = hops(path, bench);
        let verdict = effect.and_then(|effect| verdict(known, hop, effect, sum, (path, &newest), bench));
        let alert = &mut known.alert;
        alert.revision += 1;
        alert.time = alert.time.max(hop.time);
        alert.actor = actor.into();
        let risk = risk(hop.score, sum.is_proof);
        // The worst that was seen stays on top, with the hops that it tells of; what came last stands after them.
        alert.chain.truncate(known.top);
        if risk >= alert.risk {
            known.top = newest.len();
            alert.chain = newest;
            alert.title = title(path, bench);
            alert.detection = bench.name(sum.first).into();
            alert.explanation = explanation(path, bench);
            known.explained = alert.explanation.len();
        } else {
            alert.chain.extend(later(&alert.chain, newest));
        }
        alert.risk = alert.risk.max(risk);
        alert.confidence = alert.confidence.max(confidence(hop.score, sum.is_proof));
        alert.severity = alert.severity.max(severity(hop.score, effect, sum.is_proof, bench.settings));
        for technique in path.iter().flat_map(|(hop, _)| hop.techniques.iter()) {
            if !alert.techniques.contains(technique) {
                alert.techniques.push(technique.clone());
            }
        }
        if let Some(verdict) = &verdict {
            alert.verdict = Some(verdict.id.clone());
            let effect = match (verdict.mode, verdict.effect) {
                (Mode::Shadow, _) => "would be stopped (shadow)",
                (Mode::Enforce, Stop::Hold) => "wait for approval",
                (Mode::Enforce, _) => "are stopped",
            };
            let covered = match &hop.title {
                Some(_) => format!("from {}", hop.source),
                None => format!("of {}, and of its delegates,", who(hop, bench)),
            };
            // Of verdicts the newest is told of.
            alert.explanation.truncate(known.explained);
            alert.explanation.push_str(&format!(" Until {} all sessions {covered} {effect}.", verdict.until));
        } else if let Some((_, standing)) = known.given.iter().rev().find(|(actor, _)| *actor == hop.actor) {
            // Whoever is under a verdict is refused by it, so it is named for the hop that it stopped.
            alert.verdict = Some(standing.id.clone());
        }
        let alert = Output::Alert(alert.clone());
        verdict.map(Output::Verdict).into_iter().chain([alert]).collect()
    }

    /// How many alerts may still grow.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Bytes held, about.
    pub(crate) fn bytes(&self) -> usize {
        self.known.capacity() * (size_of::<(u32, Known)>() + 1)
            + self.known.values().map(Known::heap).sum::<usize>()
            + self.order.capacity() * 4
            + self.budget.bytes()
    }
}

fn verdict(
    known: &mut Known,
    hop: &Hop,
    effect: Stop,
    sum: Sum,
    (path, hops): (&[(&Hop, Option<Joined>)], &[interdict_schemas::Hop]),
    bench: Bench<'_>,
) -> Option<Verdict> {
    let strictness = |effect: &Stop| match effect {
        Stop::Watch => 0,
        Stop::Hold => 1,
        Stop::Stop => 2,
    };
    // By the clock: a hop may be late, or dated ahead.
    known.given.retain(|(_, verdict)| verdict.until > bench.now);
    let is_of_machine = hop.title.is_some();
    let is_given = |(actor, given): &(ActorId, Verdict)| {
        (is_of_machine || *actor == hop.actor) && strictness(&given.effect) >= strictness(&effect)
    };
    if known.given.iter().any(is_given) {
        return None;
    }
    let settings = bench.settings;
    let until = bench.now.plus_seconds(i64::from(settings.verdict_hours) * 3600);
    let actor = bench.actors.name(hop.actor);
    let mut evidence: Vec<String> = Vec::new();
    for id in hops.iter().flat_map(|hop| &hop.events) {
        if !evidence.contains(id) {
            evidence.push(id.clone());
        }
    }
    let word = if effect == Stop::Hold { "hold" } else { "stop" };
    let verdict = Verdict {
        id: id("v", &[&known.alert.id, actor, word, &hop.event]),
        time: hop.time,
        scope: if is_of_machine {
            Scope { source: Some(hop.source.to_string()), ..Scope::default() }
        } else {
            scope(bench.actors.name(hop.root), actor, &hop.source)
        },
        effect,
        mode: settings.mode,
        until,
        reason: title(path, bench),
        evidence,
        alert: Some(known.alert.id.clone()),
        by: bench.name(sum.first).into(),
        revoked: false,
    };
    known.given.push((hop.actor, verdict.clone()));
    Some(verdict)
}

/// Whoever was not authenticated is known by where it comes from alone.
fn scope(root: &str, actor: &str, source: &str) -> Scope {
    if root.starts_with(UNKNOWN) {
        return Scope { source: Some(source.into()), ..Scope::default() };
    }
    Scope { root: Some(root.into()), actor: Some(actor.into()), ..Scope::default() }
}

/// How the proxy names somebody who presented a decoy and was not authenticated.
const UNKNOWN: &str = "unknown:";

fn blank(id: String, root: &str) -> Alert {
    Alert {
        id,
        time: Time(i64::MIN),
        detection: String::new(),
        root: root.into(),
        actor: String::new(),
        title: String::new(),
        explanation: String::new(),
        severity: Severity::Informational,
        risk: 0,
        confidence: 0,
        chain: Vec::new(),
        techniques: Vec::<Technique>::new(),
        verdict: None,
        revision: 0,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn risk(score: f64, is_proof: bool) -> u32 {
    if is_proof { 1000 } else { (RISK_PER_NAT * score).round().clamp(0.0, 999.0) as u32 }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn confidence(score: f64, is_proof: bool) -> u32 {
    if is_proof { 100 } else { (100.0 / (1.0 + (-(score + PRIOR)).exp())).round().clamp(0.0, 99.0) as u32 }
}

fn severity(score: f64, effect: Option<Stop>, is_proof: bool, settings: &Settings) -> Severity {
    match effect {
        _ if is_proof => Severity::Critical,
        Some(Stop::Stop) => Severity::Critical,
        Some(_) => Severity::High,
        None if score >= settings.hold_nats => Severity::Medium,
        None => Severity::Low,
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
