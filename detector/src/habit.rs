//! What is remembered of one edge of one actor, and of the hours in which it works. Small: there are many millions.

use crate::actor::Edge;
use crate::fingerprint::Fingerprint;
use crate::place::PlaceId;
use interdict_schemas::{Protocol, Time};
use serde::{Deserialize, Serialize};

/// How often, when and as whom an edge was opened. 12 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Habit {
    // Flat, because an `Edge` inside would take 4 bytes more.
    place: PlaceId,
    /// Sessions opened, up to 65,535.
    pub count: u16,
    /// The UTC day of the newest, since 1970.
    pub last: u16,
    protocol: Protocol,
    // The first account that was used on it, as 24 bits; nothing if none was known.
    account: [u8; 3],
}

/// What was counted of anybody is halved after so many days, so that a year ago says little of today.
pub(crate) const HALF_LIFE_DAYS: u16 = 120;

/// Sessions over one edge that are counted.
pub(crate) const MOST: u16 = u16::MAX;

impl Habit {
    /// The edge.
    #[must_use]
    pub const fn edge(&self) -> Edge {
        Edge { place: self.place, protocol: self.protocol }
    }

    pub(crate) const fn new(edge: Edge, day: u16) -> Self {
        Self { place: edge.place, count: 1, last: day, protocol: edge.protocol, account: [0; 3] }
    }

    /// Halves the count; what was counted to the end stays usual.
    pub(crate) fn fade(&mut self) {
        if self.count < MOST {
            self.count = (self.count / 2).max(1);
        }
    }

    pub(crate) fn add(&mut self, day: u16) {
        self.count = self.count.saturating_add(1);
        self.last = self.last.max(day);
    }

    /// Whether it is remembered here that this account was used on it.
    pub(crate) fn is_used_as(&self, account: Fingerprint) -> bool {
        self.account == short(account)
    }

    /// Remembers an account, if there is none yet; whether it is remembered.
    pub(crate) fn use_as(&mut self, account: Fingerprint) -> bool {
        if self.account == [0; 3] {
            self.account = short(account);
        }
        self.is_used_as(account)
    }
}

/// Two of the accounts that one edge is used with are taken for one another once in 16 million edges.
const fn short(account: Fingerprint) -> [u8; 3] {
    match account.to_le_bytes() {
        [0, 0, 0, ..] => [1, 0, 0],
        [one, two, three, ..] => [one, two, three],
    }
}

/// The UTC day since 1970 of a time; days before 1970 and after 2149 are the first and the last.
#[must_use]
pub fn day(time: Time) -> u16 {
    u16::try_from(time.day().max(0)).unwrap_or(u16::MAX)
}

/// How often each of a few things was seen, about: when one has been too often for a byte, all counts are halved, which
/// keeps their ratios and lets what is long past fade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent, bound(serialize = "[u8; N]: Serialize", deserialize = "[u8; N]: Deserialize<'de>"))]
pub struct Tally<const N: usize>([u8; N]);

impl<const N: usize> Default for Tally<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Tally<N> {
    /// How often the thing with this number was seen; `N` is the first one again.
    #[must_use]
    pub fn of(&self, number: usize) -> u32 {
        self.0[number % N].into()
    }

    /// How often any was.
    #[must_use]
    pub fn all(&self) -> u32 {
        self.0.iter().map(|count| u32::from(*count)).sum()
    }

    /// Takes note of one.
    pub fn add(&mut self, number: usize) {
        if self.0[number % N] == u8::MAX {
            self.fade();
        }
        self.0[number % N] += 1;
    }

    /// Halves all.
    pub fn fade(&mut self) {
        self.0.iter_mut().for_each(|count| *count /= 2);
    }
}

/// The hour of the day, UTC.
#[must_use]
pub(crate) fn hour(time: Time) -> usize {
    usize::try_from(time.0.div_euclid(3_600_000_000).rem_euclid(24)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_small_and_remembers_the_first_account() {
        assert_eq!(size_of::<Habit>(), 12);
        let mut habit = Habit::new(Edge { place: PlaceId(7), protocol: Protocol::Ssh }, 20_000);
        let [one, other, zeros] = [0x1234_5678, 0x1234_5679, 0x1_0000_0000];
        assert!(!habit.is_used_as(one) && !habit.is_used_as(zeros));
        assert!(habit.use_as(one) && habit.is_used_as(one));
        assert!(!habit.use_as(other) && !habit.is_used_as(other) && habit.is_used_as(one));
        let mut habit = Habit::new(habit.edge(), 20_000);
        assert!(habit.use_as(zeros) && habit.is_used_as(zeros) && !habit.is_used_as(other));
        (0..70_000).for_each(|_| habit.add(20_001));
        assert_eq!((habit.count, habit.last), (MOST, 20_001));
    }
}
