//! What a detector has folded, and how much it remembers.

/// What was folded and what went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Events folded.
    pub events: u64,
    /// Events dropped because their id had been seen.
    pub duplicates: u64,
    /// Events older than the clock by more than a minute.
    pub late: u64,
    /// Events further in the future than a day.
    pub future: u64,
    /// Detections, or folds of an event, that failed and were passed over.
    pub broken: u64,
    /// Sessions, values, edges and alerts dropped for a bound.
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
