//! What a detector has folded, and how much it remembers.

use super::Detector;

/// What was folded and what went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Events folded.
    pub events: u64,
    /// Events dropped because their id had been seen.
    pub duplicates: u64,
    /// Events older than the clock by more than a minute.
    pub late: u64,
    /// Events more than a day ahead of the clock: their time is wrong, or nothing was heard for so long.
    pub future: u64,
    /// Detections, or folds of an event, that failed and were passed over.
    pub broken: u64,
    /// Sessions, values learned and places dropped for a bound. Edges of habit, acquaintances, hops and alerts have
    /// bounds too; what is dropped of them is not counted: it is what was not met for longest, or is oldest.
    pub forgotten: u64,
}

/// How much is remembered, and in how many bytes, about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Actors.
    pub actors: usize,
    /// Edges of habit.
    pub edges: usize,
    /// Places.
    pub places: usize,
    /// Sessions that may go on.
    pub sessions: usize,
    /// Suspicious hops.
    pub hops: usize,
    /// Alerts that may grow.
    pub alerts: usize,
    /// Bytes.
    pub bytes: usize,
}

impl Detector {
    /// What was folded and what went wrong.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// How much is remembered. It looks at everything, so it is for reports, not for each event.
    #[must_use]
    pub fn size(&self) -> Size {
        Size {
            actors: self.actors.len(),
            edges: self.actors.edges(),
            places: self.places.len(),
            sessions: self.sessions.len(),
            hops: self.chains.len(),
            alerts: self.judge.len(),
            bytes: self.actors.bytes()
                + self.places.bytes()
                + self.seats.bytes()
                + self.population.bytes()
                + self.groups.bytes()
                + self.sessions.bytes()
                + self.chains.bytes()
                + self.judge.bytes()
                + self.recent.bytes(),
        }
    }
}
