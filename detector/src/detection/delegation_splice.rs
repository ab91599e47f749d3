//! A delegation that does not fit what was seen: an agent acts for a root it never acted for, or under a grant made from
//! another agent's than the one it always had its grants from.

use super::{Detection, Sign, Strength, View};
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct DelegationSplice;

/// P(for a root it never acted for | movement by a delegate).
const MOVEMENT: f64 = 0.3;
/// Agents have their grants from the agent that made them; nats of one that does not.
const FOREIGN_PARENT: f64 = 6.0;

impl Detection for DelegationSplice {
    fn name(&self) -> &'static str {
        "delegation_splice"
    }

    fn strength(&self) -> Strength {
        Strength::Cause
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        let grant = view.step.grant;
        if !grant.is_delegated {
            return Sign::Mute;
        }
        let foreign_root = grant.foreign_root.map_or(0.0, |habit| (MOVEMENT / habit).ln());
        let foreign_parent = if grant.is_foreign_parent { FOREIGN_PARENT } else { 0.0 };
        match foreign_root.max(foreign_parent) {
            nats if nats > 0.0 => Sign::Weighed(nats.min(view.ground.settings.strongest_origin)),
            _ => Sign::Mute,
        }
    }

    fn tell(&self, view: &View<'_>) -> String {
        let (actor, root) = (&view.step.actor.id, view.ground.actors.name(view.step.actor.root));
        if view.step.grant.foreign_root.is_some() {
            format!(
                "{actor} acts for {root}, for whom it never acted before: its delegation was spliced into another chain"
            )
        } else {
            format!("{actor} acts under a grant made from another agent's than the one it always had its grants from")
        }
    }

    fn techniques(&self, _: &View<'_>) -> Vec<Technique> {
        vec![attack::token()]
    }
}
