//! A delegate opens what nobody in its delegation ever touched: neither itself nor its root nor anybody else that acts
//! for that root.

use super::{Detection, Sign, Strength, View};
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct DelegationOverreach;

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
        Sign::Seen { is_there: !step.is_known_to_kin, movement: 0.9, unknown: 0.02 }
    }

    fn tell(&self, view: &View<'_>) -> String {
        format!("nobody acting for {} had ever used {}", view.ground.actors.name(view.step.actor.root), view.target())
    }

    fn techniques(&self, _: &View<'_>) -> Vec<Technique> {
        vec![attack::elevation()]
    }
}
