//! Ordinary days with attacks in them, made up from a seed: people, CI jobs, services and agents with nested
//! delegations, who go about their routines among bastions, hosts, databases, clusters and HTTP services, and now and
//! then an attacker who acts as one of them. Pure: no clock, no files. The same plan gives the same events everywhere.
//!
//! What is true of an event (legitimate and of which kind, or which attack's which hop) stands beside it and never in
//! it, so a detector can be fed the events and be judged by the truth; [`Tally`] does the judging.
//!
//! Limits: texts mean little, legitimate novelty is a guess, and attackers choose their targets evenly. Good figures
//! here are necessary and not sufficient.

mod attack;
mod dice;
mod place;
mod playing;
mod population;
mod report;
mod rhythm;
mod routine;
mod stream;
mod tally;
mod truth;
mod visit;
mod words;

pub use report::{Caught, DayCount, DetectionCount, KindCount, NoiseCount, Outcome, Report, interval};
pub use stream::Stream;
pub use tally::Tally;
pub use truth::{Attack, AttackKind, Cause, Hop, Label, Routine};
pub use visit::ISSUER;

use interdict_schemas::Time;

/// What is to be simulated. Anything may be set to anything; what makes no sense is taken as the least that does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Everything random follows from it.
    pub seed: u64,
    /// The day it begins; the time of the day is ignored.
    pub start: Time,
    /// How many days, at least 1.
    pub days: u32,
    /// How many identities, at least 1.
    pub identities: u32,
    /// Legitimate sessions on a working day, about.
    pub sessions_per_day: u32,
    /// How many attacks.
    pub attacks: u32,
    /// Of which kinds, in turn; all if empty.
    pub kinds: Vec<AttackKind>,
}

impl Default for Plan {
    /// Four weeks from Monday, the fifth of January 2026.
    fn default() -> Self {
        Self {
            seed: 1,
            start: Time::from_millis(1_767_571_200_000),
            days: 28,
            identities: 400,
            sessions_per_day: 2000,
            attacks: 27,
            kinds: Vec::new(),
        }
    }
}

impl Plan {
    /// The events, in time order.
    #[must_use]
    pub fn stream(&self) -> Stream {
        Stream::new(self)
    }
}
