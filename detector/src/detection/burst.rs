//! Several targets new to an actor within minutes. Scans, roll-outs and configuration runs do so habitually; a newcomer
//! does so on its first day.

use super::{Detection, Sign, View};
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct Burst;

/// P(a new target completes a burst | movement): most go on hop by hop, and who does spread out at once completes a
/// burst with one of its many steps.
const MOVEMENT: f64 = 0.08;
/// P(.. | habit) before anything was counted: about as probable, as scans and roll-outs open new targets by the dozen.
/// So the sign says little before habit is known.
const UNKNOWN: f64 = 0.05;

fn earlier(view: &View<'_>) -> usize {
    let step = view.step;
    step.actor.firsts_since(step.time.plus_seconds(-view.ground.settings.burst_window_s), step.time)
}

impl Detection for Burst {
    fn name(&self) -> &'static str {
        "burst"
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        if view.step.known.is_some() {
            return Sign::Mute;
        }
        let (targets, least) = (earlier(view) + 1, view.ground.settings.burst_targets);
        // One burst is one sign, however long it goes on.
        if targets > least {
            return Sign::Mute;
        }
        let is_there = targets == least;
        Sign::Seen { is_there, movement: MOVEMENT, unknown: UNKNOWN }
    }

    fn tell(&self, view: &View<'_>) -> String {
        let minutes = view.ground.settings.burst_window_s / 60;
        format!("{} targets were new to {} within {minutes} min", earlier(view) + 1, view.who())
    }

    fn techniques(&self, _: &View<'_>) -> Vec<Technique> {
        vec![attack::service_discovery()]
    }
}
