//! An hour of the day around which the actor was never seen, once its hours are known.

use super::{Detection, Sign, View};

#[derive(Debug)]
pub(super) struct UnusualHour;

/// Sessions after which hours are known.
const ENOUGH: u32 = 60;
const HOUR_US: i64 = 3_600_000_000;

fn hour(view: &View<'_>) -> usize {
    usize::try_from(view.step.time.0.div_euclid(HOUR_US).rem_euclid(24)).unwrap_or(0)
}

impl Detection for UnusualHour {
    fn name(&self) -> &'static str {
        "unusual_hour"
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        let actor = view.step.actor;
        if actor.sessions <= ENOUGH {
            return Sign::Mute;
        }
        let hour = hour(view);
        let around = [hour + 23, hour, hour + 1];
        let is_there = around.iter().all(|hour| !actor.hours.has(*hour));
        Sign::Seen { is_there, movement: 0.2, unknown: 0.02 }
    }

    fn tell(&self, view: &View<'_>) -> String {
        format!("{} had never been seen around {:02}:00 UTC", view.who(), hour(view))
    }
}
