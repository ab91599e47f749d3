//! A step after somebody looked around: its actor, or somebody on the system that it comes from. Everybody looks around
//! now and then; some do so habitually.

use super::{Detection, Sign, View};
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct Discovery;

impl Detection for Discovery {
    fn name(&self) -> &'static str {
        "discovery"
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        Sign::Seen { is_there: view.step.is_after_discovery, movement: 0.45, unknown: 0.1 }
    }

    fn tell(&self, view: &View<'_>) -> String {
        let step = view.step;
        if step.actor.explored >= step.time.plus_seconds(-7200) && step.actor.explored <= step.time {
            format!("{} had looked around before (accounts, rights, connections or secrets)", view.who())
        } else {
            "somebody had looked around where it comes from (accounts, rights, connections or secrets)".into()
        }
    }

    fn techniques(&self, _: &View<'_>) -> Vec<Technique> {
        vec![attack::discovery()]
    }
}
