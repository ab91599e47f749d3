//! A first step to a crown jewel: a target that the settings name. Chains of several identities that end at the same one
//! meet here. A name that no target has had so far says nothing, neither where it is met nor where it is not.

use super::{Detection, Sign, View};

#[derive(Debug)]
pub(super) struct Convergence;

/// P(a new target is a crown jewel | movement): what is worth most is what it is for, and it takes about five steps.
const MOVEMENT: f64 = 0.2;
/// P(.. | habit) before anything was counted: few targets are jewels, and few people begin to use one; one new target
/// in fifty.
const UNKNOWN: f64 = 0.02;

impl Detection for Convergence {
    fn name(&self) -> &'static str {
        "convergence"
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        let (jewels, places) = (&view.ground.settings.crown_jewels, view.ground.places);
        if jewels.is_empty() || view.step.known.is_some() {
            return Sign::Mute;
        }
        let is_seen = |jewel: &String| places.find(jewel).is_some_and(|place| places.name(place) == jewel.as_str());
        if !jewels.iter().any(is_seen) {
            return Sign::Mute;
        }
        let is_there = jewels.iter().any(|jewel| jewel.as_str() == view.target());
        Sign::Seen { is_there, movement: MOVEMENT, unknown: UNKNOWN }
    }

    fn tell(&self, view: &View<'_>) -> String {
        format!("{} is a crown jewel", view.target())
    }
}
