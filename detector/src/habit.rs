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

/// In which hours of the day, UTC, something was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hours(u32);

impl Hours {
    /// Whether anything was, in this hour; 24 is the first one again.
    #[must_use]
    pub const fn has(self, hour: usize) -> bool {
        self.0 >> (hour % 24) & 1 == 1
    }

    /// Takes note of a time.
    pub fn add(&mut self, time: Time) {
        self.0 |= 1 << time.0.div_euclid(3_600_000_000).rem_euclid(24);
    }
}
