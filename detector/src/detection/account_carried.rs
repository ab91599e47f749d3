//! An account that was used from where somebody fanned out goes on from another machine, where it is not at home, or one
//! that it was never used from: whoever holds the account has moved there, or has handed it on. One such session is
//! enough: the account is known to be in the wrong hands.

use super::{Detection, Sign, Strength, View};
use crate::words;
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct AccountCarried;

/// P(a held account goes on from a machine, or to a target, that is new to it | movement), and P(.. | its owner
/// does so meanwhile).
const MOVEMENT: f64 = 0.3;
const OWNER: f64 = 0.015;

impl Detection for AccountCarried {
    fn name(&self) -> &'static str {
        "account_carried"
    }

    fn strength(&self) -> Strength {
        Strength::Floor
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        match view.fan.filter(|fan| fan.carried.is_some()) {
            Some(_) => Sign::Weighed((MOVEMENT / OWNER).ln()),
            None => Sign::Mute,
        }
    }

    fn tell(&self, view: &View<'_>) -> String {
        let Some((fan, carried)) = view.fan.and_then(|fan| Some((fan, fan.carried.as_ref()?))) else {
            return String::new();
        };
        format!(
            "{}; {} had been used from {} too, from where {} fanned out",
            fan.words(view),
            view.ground.actors.name(carried.who),
            carried.from,
            words::many(carried.accounts, "account"),
        )
    }

    fn techniques(&self, _: &View<'_>) -> Vec<Technique> {
        vec![attack::valid_accounts()]
    }
}
