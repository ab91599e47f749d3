//! The actor was refused within the hour: somebody is trying what works.

use super::{Detection, Sign, View};
use crate::words;

#[derive(Debug)]
pub(super) struct RefusedBefore;

fn refusals(view: &View<'_>) -> usize {
    // What was refused before the step before has been weighed there.
    let since = view.step.time.plus_seconds(-3600).max(view.step.actor.clock);
    view.step.actor.refusals().iter().filter(|(time, _)| (since..=view.step.time).contains(time)).count()
}

impl Detection for RefusedBefore {
    fn name(&self) -> &'static str {
        "refused_before"
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        Sign::Seen { is_there: refusals(view) > 0, movement: 0.12, unknown: 0.03 }
    }

    fn tell(&self, view: &View<'_>) -> String {
        format!("{} had been refused {} within the hour", view.who(), words::times(refusals(view)))
    }
}
