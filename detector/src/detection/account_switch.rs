//! A session starts on a protected system that its actor did not reach, and that somebody else did: Hopper's clear case.
//! Whoever lives on that system (a service, a scheduled job) starts from there as a matter of course, and is silent.

use super::{Detection, Sign, Strength, View};
use crate::step::Origin;
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct AccountSwitch;

impl Detection for AccountSwitch {
    fn name(&self) -> &'static str {
        "account_switch"
    }

    fn strength(&self) -> Strength {
        Strength::Cause
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        match view.step.origin {
            Origin::Stranger | Origin::Resident => Sign::Weighed(view.step.origin_nats),
            _ => Sign::Mute,
        }
    }

    fn tell(&self, view: &View<'_>) -> String {
        let step = view.step;
        let place = step.machine.place.map_or("", |place| view.ground.places.name(place));
        let there = step.stranger.map_or_else(String::new, |arrival| {
            let minutes = step.time.micros_since(arrival.time) / 60_000_000;
            format!("; {} had, {minutes} min before", view.ground.actors.name(arrival.actor))
        });
        format!("{} started from {place} without having reached it{there}", view.who())
    }

    fn techniques(&self, _: &View<'_>) -> Vec<Technique> {
        vec![attack::valid_accounts()]
    }
}
