//! What is remembered of one edge of one actor, and of the hours in which it works. Small: there are many millions.

use crate::actor::Edge;
use crate::place::PlaceId;
use interdict_schemas::{Protocol, Time};
use serde::{Deserialize, Serialize};

/// How often and when an edge was opened. 12 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Habit {
    // Flat, because an `Edge` inside would take 4 bytes more.
    place: PlaceId,
    /// Sessions opened.
    pub count: u32,
    /// The UTC day of the newest, since 1970.
    pub last: u16,
    protocol: Protocol,
}

impl Habit {
    /// The edge.
    #[must_use]
    pub const fn edge(&self) -> Edge {
        Edge { place: self.place, protocol: self.protocol }
    }

    pub(crate) const fn new(edge: Edge, day: u16) -> Self {
        Self { place: edge.place, count: 1, last: day, protocol: edge.protocol }
    }

    pub(crate) fn add(&mut self, day: u16) {
        self.count = self.count.saturating_add(1);
        self.last = self.last.max(day);
    }
}

/// The UTC day since 1970 of a time; days before 1970 and after 2149 are the first and the last.
#[must_use]
pub fn day(time: Time) -> u16 {
    u16::try_from(time.day().max(0)).unwrap_or(u16::MAX)
}

/// How often each of up to 24 things was seen, about: when one has been too often for a byte, all counts are halved, which
/// keeps their ratios and lets what is long past fade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tally([u8; 24]);

impl Tally {
    /// How often the thing with this number was seen; 24 is the first one again.
    #[must_use]
    pub fn of(&self, number: usize) -> u32 {
        self.0[number % 24].into()
    }

    /// How often any was.
    #[must_use]
    pub fn all(&self) -> u32 {
        self.0.iter().map(|count| u32::from(*count)).sum()
    }

    /// Takes note of one.
    pub fn add(&mut self, number: usize) {
        if self.0[number % 24] == u8::MAX {
            self.0.iter_mut().for_each(|count| *count /= 2);
        }
        self.0[number % 24] += 1;
    }
}

/// The hour of the day, UTC.
#[must_use]
pub(crate) fn hour(time: Time) -> usize {
    usize::try_from(time.0.div_euclid(3_600_000_000).rem_euclid(24)).unwrap_or(0)
}
