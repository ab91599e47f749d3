//! What follows from what a person found an alert to be, also when they find otherwise later.

use super::{Judge, Known, id, scope};
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

/// Steps of one alert that are kept.
const STEPS: usize = 64;
/// Bytes, about, of the short texts of a hop or a verdict (ids, names, an account), and of one id of its evidence.
const TEXTS: usize = 256;
const ID: usize = 64;

impl Known {
    /// Takes note of what was done.
    pub(super) fn did<'a>(&mut self, hops: impl Iterator<Item = &'a Hop>) {
        for hop in hops {
            // Done again, it is the newest that is kept.
            self.done.retain(|done| done.actor != hop.actor || done.edge != hop.edge);
            if self.done.len() < STEPS {
                self.done.push(hop.into());
            }
        }
    }

    /// Bytes behind it, about.
    pub(super) fn heap(&self) -> usize {
        let alert = &self.alert;
        let hop = |hop: &interdict_schemas::Hop| size_of_val(hop) + TEXTS + hop.evidence.len();
        let given = |given: &(ActorId, Verdict)| size_of_val(given) + TEXTS + given.1.evidence.len() * ID;
        TEXTS
            + alert.explanation.len()
            + alert.chain.iter().map(hop).sum::<usize>()
            + self.given.iter().map(given).sum::<usize>()
            + self.done.capacity() * size_of::<Done>()
    }
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
        // Its branches too, as far as they are remembered.
        known.did(chains.of(chain));
        let (done, was_benign) = (known.done.clone(), known.is_benign);
        known.is_benign = resolution.finding == Finding::Benign;
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
