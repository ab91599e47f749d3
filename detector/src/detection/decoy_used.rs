//! A decoy was presented: proof of movement, since nothing but the response it was planted in ever held it.

use super::{Detection, Sign, Strength, View};
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct DecoyUsed;

/// Beyond any sum of other signs.
const PROOF: f64 = 30.0;

impl Detection for DecoyUsed {
    fn name(&self) -> &'static str {
        "decoy_used"
    }

    fn strength(&self) -> Strength {
        Strength::Proof
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        if view.step.event.presented.is_empty() { Sign::Mute } else { Sign::Weighed(PROOF) }
    }

    fn tell(&self, view: &View<'_>) -> String {
        let Some(presented) = view.step.event.presented.first() else { return String::new() };
        format!(
            "{} presented, as {}, a decoy that was planted in {} of {} in session {}: nobody else was ever told it",
            view.who(),
            presented.place,
            presented.field,
            presented.target,
            presented.session
        )
    }

    fn techniques(&self, _: &View<'_>) -> Vec<Technique> {
        attack::disclosed(interdict_schemas::DisclosureKind::Credential).into_iter().collect()
    }
}
