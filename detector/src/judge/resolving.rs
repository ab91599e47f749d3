//! What follows from what a person found an alert to be, also when they find otherwise later.

use super::{Judge, id, scope};
use crate::actor::ActorId;
use crate::actors::Actors;
use crate::chain::Chains;
use crate::judge::Output;
use crate::settings::Settings;
use interdict_schemas::{Finding, Resolution, Stop, Verdict};

/// Somebody in a chain: the actor, its root, and from where it came.
pub(super) type Involved = (ActorId, ActorId, Box<str>);

/// An alert that a person has judged.
pub(crate) struct Closed {
    /// Its chain.
    pub(crate) chain: u32,
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
        // The chain is forgotten with the first finding that it was benign; who was in it is not.
        let involved = known.involved.clone().unwrap_or_else(|| {
            let mut involved: Vec<Involved> =
                chains.of(chain).map(|hop| (hop.actor, hop.root, hop.source.clone())).collect();
            involved.sort();
            involved.dedup_by_key(|(actor, ..)| *actor);
            involved
        });
        let outputs = match resolution.finding {
            Finding::Benign => {
                known.involved = Some(involved);
                let given = std::mem::take(&mut known.given).into_iter();
                let (time, by) = (resolution.time, &resolution.by);
                let lifted = given.map(|(_, verdict)| Verdict { revoked: true, time, by: by.clone(), ..verdict });
                lifted.map(Output::Verdict).collect()
            }
            Finding::Malicious => involved
                .into_iter()
                .map(|(actor, root, source)| {
                    let name = actors.name(actor);
                    // Each time it is found anew the verdict is another one: the one before may have been taken back.
                    let when = resolution.time.to_string();
                    let verdict = Verdict {
                        id: id("v", &[&resolution.alert, name, "malicious", &when]),
                        time: resolution.time,
                        scope: scope(actors.name(root), name, &source),
                        effect: Stop::Stop,
                        mode: settings.mode,
                        until: resolution.time.plus_seconds(i64::from(settings.verdict_hours) * 3600),
                        reason: format!("{} says that it was an attack: {}", resolution.by, known.alert.title),
                        evidence: known.alert.events().map(str::to_owned).collect(),
                        alert: Some(resolution.alert.clone()),
                        by: resolution.by.clone(),
                        revoked: false,
                    };
                    known.given.push((actor, verdict.clone()));
                    Output::Verdict(verdict)
                })
                .collect(),
        };
        Some(Closed { chain, outputs })
    }
}
