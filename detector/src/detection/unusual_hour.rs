//! An hour of the day at which the actor is seldom seen, once its hours are known.

use super::{Detection, Sign, View};
use crate::habit::{Tally, hour};

#[derive(Debug)]
pub(super) struct UnusualHour;

/// Sessions after which hours are known.
const ENOUGH: u32 = 60;
/// Sessions that are taken to lie anywhere in the day.
const ANYWHERE: f64 = 6.0;
/// P(an hour that has nothing to do with the actor's own | movement).
const ANY_HOUR: f64 = 0.3;
/// Nats against movement at most.
const WEAKEST: f64 = -0.3;

/// The probability that habit opens a session in this hour: what was counted, an hour or two out of place.
fn usual(hours: &Tally<24>, hour: usize) -> f64 {
    let at = |by: usize| f64::from(hours.of(hour + by));
    let near = 0.4 * at(0) + 0.2 * (at(1) + at(23)) + 0.1 * (at(2) + at(22));
    (near + ANYWHERE / 24.0) / (f64::from(hours.all()) + ANYWHERE)
}

impl Detection for UnusualHour {
    fn name(&self) -> &'static str {
        "unusual_hour"
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        let actor = view.step.actor;
        if actor.sessions <= ENOUGH || view.ground.settings.without.habit {
            return Sign::Mute;
        }
        let usual = usual(&actor.hours, hour(view.step.time));
        Sign::Weighed(((ANY_HOUR / 24.0 + (1.0 - ANY_HOUR) * usual) / usual).ln().max(WEAKEST))
    }

    fn tell(&self, view: &View<'_>) -> String {
        format!("{} is seldom seen around {:02}:00 UTC", view.who(), hour(view.step.time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_near_those_worked_are_usual() {
        let mut hours = Tally::<24>::default();
        (0..40).for_each(|_| (9..17).for_each(|hour| hours.add(hour)));
        let [noon, eight, night] = [12, 8, 2].map(|hour| usual(&hours, hour));
        assert!(noon > 0.1 && eight > 0.03 && night < 0.002, "{noon} {eight} {night}");
    }
}
