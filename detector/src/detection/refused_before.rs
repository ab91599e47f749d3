//! The actor was refused within the hour: somebody is trying what works.

use super::{Detection, Sign, View};
use crate::words;

#[derive(Debug)]
pub(super) struct RefusedBefore;

/// P(refused within the hour before | movement): whoever does not know what an identity may do tries it out; about one
/// step in eight comes after a try that failed.
const MOVEMENT: f64 = 0.12;
/// P(.. | habit) before anything was counted: after a mistyped password or a right that ran out, three sessions in a
/// hundred.
const UNKNOWN: f64 = 0.03;
/// The hour, seconds: whoever tries what works does so at once.
const WITHIN_S: i64 = 3600;

fn refusals(view: &View<'_>) -> usize {
    // What was refused before the step before has been weighed there.
    let since = view.step.time.plus_seconds(-WITHIN_S).max(view.step.actor.clock);
    view.step.actor.refusals().iter().filter(|(time, _)| (since..=view.step.time).contains(time)).count()
}

impl Detection for RefusedBefore {
    fn name(&self) -> &'static str {
        "refused_before"
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        Sign::Seen { is_there: refusals(view) > 0, movement: MOVEMENT, unknown: UNKNOWN }
    }

    fn tell(&self, view: &View<'_>) -> String {
        format!("{} had been refused {} within the hour", view.who(), words::times(refusals(view)))
    }
}
