//! A session starts on a protected system that nobody reached through the gateway: a hop went round it.

use super::{Detection, Sign, Strength, View};
use crate::step::Origin;
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct ChainBreak;

impl Detection for ChainBreak {
    fn name(&self) -> &'static str {
        "chain_break"
    }

    fn strength(&self) -> Strength {
        Strength::Cause
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        match view.step.origin {
            Origin::Vacant => Sign::Weighed(view.step.origin_nats),
            _ => Sign::Mute,
        }
    }

    fn tell(&self, view: &View<'_>) -> String {
        let place = view.step.machine.place.map_or("", |place| view.ground.places.name(place));
        format!(
            "{} started from {place}, which nobody had reached through the gateway for a day: how it got there is not on record",
            view.who()
        )
    }

    fn techniques(&self, _: &View<'_>) -> Vec<Technique> {
        vec![attack::valid_accounts()]
    }
}
