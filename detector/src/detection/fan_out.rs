//! Many people's accounts go to many targets from one client machine: somebody uses collected credentials. What is
//! counted, and what is not, stands in `seat.rs`. It is a floor, not a rarity: how often it happens was not counted and
//! need not be, since no learning period tells what a machine in the wrong hands does habitually.

use super::{Detection, Sign, Strength, View};
use interdict_schemas::{Technique, attack};

#[derive(Debug)]
pub(super) struct FanOut;

/// Evidence at the floor: one in fifteen machines that reach it is shared by many who are all new there on one day.
const FLOOR: f64 = 2.7;
/// A further account makes habit 0.15 times as likely: -ln 0.15.
const FURTHER: f64 = 1.9;

impl Detection for FanOut {
    fn name(&self) -> &'static str {
        "fan_out"
    }

    fn strength(&self) -> Strength {
        Strength::Floor
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        let Some(fan) = view.fan.filter(|fan| fan.carried.is_none()) else { return Sign::Mute };
        let further = fan.accounts.saturating_sub(view.ground.settings.fan_out_accounts) as f64;
        Sign::Weighed((FLOOR + FURTHER * further).min(view.ground.settings.strongest_origin))
    }

    fn tell(&self, view: &View<'_>) -> String {
        let Some(fan) = view.fan else { return String::new() };
        format!("{}, none of which is at home there", fan.words(view))
    }

    fn techniques(&self, _: &View<'_>) -> Vec<Technique> {
        vec![attack::valid_accounts()]
    }
}
