//! Another account, or another credential of it, than the actor ever used on a target that it knows.

use super::{Detection, Sign, Strength, View};
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct OtherAccount;

impl Detection for OtherAccount {
    fn name(&self) -> &'static str {
        "other_account"
    }

    fn strength(&self) -> Strength {
        Strength::Cause
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        let step = view.step;
        // One that was disclosed is told as that; one that is only claimed may be anything.
        if view.is_anonymous() || step.is_forward || step.known.is_none() || step.secret.is_some() {
            return Sign::Mute;
        }
        Sign::Seen { is_there: step.is_other_account, movement: 0.15, unknown: 0.01 }
    }

    fn tell(&self, view: &View<'_>) -> String {
        format!("as {} on {}, an account it had not used there", view.step.event.account.name, view.target())
    }

    fn techniques(&self, _: &View<'_>) -> Vec<Technique> {
        vec![attack::valid_accounts()]
    }
}
