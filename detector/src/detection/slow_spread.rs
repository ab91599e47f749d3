//! Few new targets a day, on many days in a row: somebody who has time.

use super::{Detection, Sign, View};

#[derive(Debug)]
pub(super) struct SlowSpread;

const DAY_S: i64 = 86_400;
/// P(a new target comes after such days | movement): few who move have so much time; one new target in sixteen.
const MOVEMENT: f64 = 0.06;
/// P(.. | habit) before anything was counted: nearly as probable, as whoever has a new task does so too. The sign is
/// worth something for those of whom it is known that they do not.
const UNKNOWN: f64 = 0.05;
/// Days looked at, and on how many of them something was new.
const DAYS: i64 = 7;
const ENOUGH: usize = 3;

fn days(view: &View<'_>) -> usize {
    let step = view.step;
    let start = |back: i64| step.time.plus_seconds(-back * DAY_S);
    (1..=DAYS).filter(|back| (1..=3).contains(&step.actor.firsts_since(start(*back), start(back - 1)))).count()
}

impl Detection for SlowSpread {
    fn name(&self) -> &'static str {
        "slow_spread"
    }

    fn sign(&self, view: &View<'_>) -> Sign {
        if view.step.known.is_some() {
            return Sign::Mute;
        }
        Sign::Seen { is_there: days(view) >= ENOUGH, movement: MOVEMENT, unknown: UNKNOWN }
    }

    fn tell(&self, view: &View<'_>) -> String {
        format!("{} had begun to use something new on {} of the last {DAYS} days", view.who(), days(view))
    }
}
