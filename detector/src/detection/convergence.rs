//! A first step to a crown jewel: a target that the settings name. Chains of several identities that end at the same one
//! meet here.

use super::{Detection, Sign, View};

#[derive(Debug)]
pub(super) struct Convergence;

impl Detection for Convergence {
    fn name(&self) -> &'static str {
        "convergence"
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        let jewels = &view.ground.settings.crown_jewels;
        if jewels.is_empty() || view.step.known.is_some() {
            return Sign::Mute;
        }
        let is_there = jewels.iter().any(|jewel| jewel.as_str() == view.target());
        Sign::Seen { is_there, movement: 0.2, unknown: 0.02 }
    }

    fn tell(&self, view: &View<'_>) -> String {
        format!("{} is a crown jewel", view.target())
    }
}
