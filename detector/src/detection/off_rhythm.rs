//! A pause before the session that is not its actor's measure: a job that opens one more session when its run is over,
//! a person who works on at machine speed.

use super::{Detection, Sign, View};
use crate::likelihood::Rate;
use crate::step::Origin;
use crate::words;

#[derive(Debug)]
pub(super) struct OffRhythm;

/// Weight of what is usual for a class, in sessions, against an actor's own pauses.
const OWN_PAUSES: f64 = 15.0;
/// Nats that a pause is worth at most for movement, and against it: a compromised agent is as quick as an honest one.
const STRONGEST: f64 = 2.5;
const WEAKEST: f64 = -0.5;

impl Detection for OffRhythm {
    fn name(&self) -> &'static str {
        "off_rhythm"
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        let step = view.step;
        // Whoever goes on from a system was just there: the pause says what the way has said.
        let Some(pause) = step.pause.filter(|_| step.origin != Origin::Onward && !step.is_forward) else {
            return Sign::Mute;
        };
        if view.ground.settings.without.habit {
            return Sign::Mute;
        }
        let actor = step.actor;
        let usual = view.ground.population.pause(actor.class, actor.sessions, step.known.is_none(), pause);
        let own = Rate { trials: actor.pauses.all(), hits: actor.pauses.of(pause.index()) };
        Sign::Weighed((pause.movement() / usual.of(own, OWN_PAUSES)).ln().clamp(WEAKEST, STRONGEST))
    }

    fn tell(&self, view: &View<'_>) -> String {
        let pause = words::span(view.step.time.micros_since(view.step.actor.clock));
        format!("it came {pause} after the session before, which {} seldom does", view.who())
    }
}
