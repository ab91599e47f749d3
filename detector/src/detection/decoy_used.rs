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
        if crate::decoy::presented(view.step.event).is_empty() { Sign::Mute } else { Sign::Weighed(PROOF) }
    }

    fn tell(&self, view: &View<'_>) -> String {
        crate::decoy::tell(view.step.event, &view.who())
    }

    fn techniques(&self, _: &View<'_>) -> Vec<Technique> {
        attack::disclosed(interdict_schemas::DisclosureKind::Credential).into_iter().collect()
    }
}
