//! What follows from what a person found an alert to be, also when they find otherwise later.

use super::{Judge, id, scope};
use crate::actor::{ActorId, Edge};
use crate::actors::Actors;
use crate::chain::{Chains, Hop};
use crate::judge::Output;
use crate::settings::Settings;
use interdict_schemas::{Finding, Resolution, Stop, Verdict};

/// A step of a chain, as far as a finding is about it.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Done {
    /// Who did it.
    pub(crate) actor: ActorId,
    root: ActorId,
    source: Box<str>,
    /// To where.
    pub(crate) edge: Edge,
    /// The detections that saw something in it.
    pub(crate) signs: Box<[u8]>,
}

impl From<&Hop> for Done {
    fn from(hop: &Hop) -> Self {
        let signs = hop.signs.iter().filter(|(_, nats)| *nats > 0.0).map(|(detection, _)| *detection).collect();
        Self { actor: hop.actor, root: hop.root, source: hop.source.clone(), edge: hop.edge, signs }
    }
}

/// What was found benign once, and whether it still is: the chain itself is forgotten then.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Accepted {
    done: Vec<Done>,
    stands: bool,
}

/// An alert that a person has judged.
pub(crate) struct Closed {
    /// Its chain.
    pub(crate) chain: u32,
    /// What was done in it.
    pub(crate) done: Vec<Done>,
    /// Whether it was found benign before.
    pub(crate) was_benign: bool,
    /// What follows.
    pub(crate) outputs: Vec<Output>,
}

impl Judge {
    /// What follows from what a person found; nothing if the alert is not remembered.
    pub(crate) fn resolve(
        &mut self,
        resolution: &Resolution,
        settings: &Settings,
        actors: &Actors,
        chains: &Chains,
    ) -> Option<Closed> {
        let (chain, known) = self.known.iter_mut().find(|(_, known)| known.alert.id == resolution.alert)?;
        let chain = *chain;
        let earlier = known.accepted.take();
        let was_benign = earlier.as_ref().is_some_and(|earlier| earlier.stands);
        let stands = resolution.finding == Finding::Benign;
        let is_kept = stands || earlier.is_some();
        let done = earlier.map_or_else(|| chains.of(chain).map(Done::from).collect(), |earlier| earlier.done);
        known.accepted = is_kept.then(|| Accepted { done: done.clone(), stands });
        let outputs = match resolution.finding {
            Finding::Benign => {
                let given = std::mem::take(&mut known.given).into_iter();
                let (time, by) = (resolution.time, &resolution.by);
                let lifted = given.map(|(_, verdict)| Verdict { revoked: true, time, by: by.clone(), ..verdict });
                lifted.map(Output::Verdict).collect()
            }
            Finding::Malicious => {
                let mut involved: Vec<&Done> = done.iter().collect();
                involved.sort_by_key(|done| done.actor);
                involved.dedup_by_key(|done| done.actor);
                let mut outputs = Vec::new();
                for Done { actor, root, source, .. } in involved {
                    let name = actors.name(*actor);
                    // Each time it is found anew the verdict is another one: the one before may have been taken back.
                    let when = resolution.time.to_string();
                    let verdict = Verdict {
                        id: id("v", &[&resolution.alert, name, "malicious", &when]),
                        time: resolution.time,
                        scope: scope(actors.name(*root), name, source),
                        effect: Stop::Stop,
                        mode: settings.mode,
                        until: resolution.time.plus_seconds(i64::from(settings.verdict_hours) * 3600),
                        reason: format!("{} says that it was an attack: {}", resolution.by, known.alert.title),
                        evidence: known.alert.events().map(str::to_owned).collect(),
                        alert: Some(resolution.alert.clone()),
                        by: resolution.by.clone(),
                        revoked: false,
                    };
                    known.given.push((*actor, verdict.clone()));
                    outputs.push(Output::Verdict(verdict));
                }
                outputs
            }
        };
        Some(Closed { chain, done, was_benign, outputs })
    }
}
