//! Another account, or another credential of it, than the actor ever used on a target that it knows.

use super::{Detection, Sign, Strength, View};
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct OtherAccount;

/// P(another account on a known target | movement): mostly the account that the identity has there is good enough;
/// about one time in seven one is used that was found.
const MOVEMENT: f64 = 0.15;
/// P(.. | habit) before anything was counted: a second account or a new key comes with one session in a hundred.
const UNKNOWN: f64 = 0.01;

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
        Sign::Seen { is_there: step.is_other_account, movement: MOVEMENT, unknown: UNKNOWN }
    }

    fn tell(&self, view: &View<'_>) -> String {
        format!("as {} on {}, an account it had not used there", view.step.event.account.name, view.target())
    }

    fn techniques(&self, _: &View<'_>) -> Vec<Technique> {
        vec![attack::valid_accounts()]
    }
}
