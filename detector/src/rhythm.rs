//! How long an actor pauses between two sessions. A job opens all of its sessions within seconds and is then silent until
//! the next run; a person's mornings have another measure. Whoever borrows the identity keeps neither.

use interdict_schemas::Time;

/// How many lengths of a pause are told apart.
pub(crate) const PAUSES: usize = 11;

/// Upper bounds, seconds, of all but the last.
const BOUNDS_S: [i64; PAUSES - 1] = [10, 60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400];

/// P(pause | movement): somebody at a keyboard, who moves on after seconds to hours (Ho et al., Hopper, 2021, section 6:
/// up to two hours) in between what the identity does by itself, or waits for a day.
const MOVEMENT: [f64; PAUSES] = [0.03, 0.14, 0.13, 0.10, 0.10, 0.12, 0.16, 0.08, 0.06, 0.06, 0.02];

/// P(pause | habit) before anything was counted.
const UNKNOWN: [f64; PAUSES] = [0.15, 0.2, 0.13, 0.1, 0.08, 0.08, 0.08, 0.06, 0.04, 0.05, 0.03];

/// The length of a pause, in eleven steps: up to 10 s, a minute and five, by which machines are told from people; from
/// a quarter of an hour to eight hours each twice as long as the one before; up to a day; and longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause(usize);

impl Pause {
    /// The pause between an actor's newest session and a time; nothing if it had none.
    #[must_use]
    pub fn between(newest: Time, time: Time) -> Option<Self> {
        if newest == Time(i64::MIN) {
            return None;
        }
        let seconds = time.micros_since(newest).max(0) / 1_000_000;
        Some(Self(BOUNDS_S.iter().position(|bound| seconds < *bound).unwrap_or(PAUSES - 1)))
    }

    /// Its place among the counts.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }

    /// How probable it is that somebody who moves pauses so long.
    #[must_use]
    pub fn movement(self) -> f64 {
        MOVEMENT[self.0]
    }

    /// How probable it is that anybody does, before anything was counted.
    #[must_use]
    pub fn unknown(self) -> f64 {
        UNKNOWN[self.0]
    }
}
