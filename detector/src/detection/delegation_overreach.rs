//! A delegate opens what nobody in its delegation ever touched: neither itself nor its root nor anybody else that acts
//! for that root.

use super::{Detection, Sign, Strength, View};
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct DelegationOverreach;

/// P(what is new to a delegate is new to all who act for its root | movement by it): it goes after what it was not
/// made for; one time in ten that happens to be what another of them uses.
const MOVEMENT: f64 = 0.9;
/// P(.. | habit) before anything was counted: delegates are made for what their root does already; one new target in
/// fifty is a new task.
const UNKNOWN: f64 = 0.02;

impl Detection for DelegationOverreach {
    fn name(&self) -> &'static str {
        "delegation_overreach"
    }

    fn strength(&self) -> Strength {
        Strength::Cause
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        let step = view.step;
        if !step.grant.is_delegated || step.known.is_some() {
            return Sign::Mute;
        }
        Sign::Seen { is_there: !step.is_known_to_kin, movement: MOVEMENT, unknown: UNKNOWN }
    }

    fn tell(&self, view: &View<'_>) -> String {
        format!("nobody acting for {} had ever used {}", view.ground.actors.name(view.step.actor.root), view.target())
    }

    fn techniques(&self, _: &View<'_>) -> Vec<Technique> {
        vec![attack::elevation()]
    }
}
