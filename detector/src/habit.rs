//! What a root identity does as a matter of course: the edges it opens and on which days, the accounts it uses.
//! Transitions (after reading this, it opens that) and the habits of its peers belong here when they come.

use crate::names::{Marks, Name};
use interdict_schemas::{Protocol, Time};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

const DAY_US: i64 = 86_400_000_000;

/// The number of the UTC day since 1970.
#[must_use]
pub const fn day(time: Time) -> i64 {
    time.0.div_euclid(DAY_US)
}

/// A target over a protocol, as one root reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Edge {
    /// The target.
    pub target: Name,
    /// The protocol.
    pub protocol: Protocol,
}

/// How often and when an edge was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    // Bit n: opened on day `newest - n`. 64 days, which bounds the horizon at 63.
    days: u64,
    newest: i64,
    /// Sessions opened, ever while remembered.
    pub count: u32,
    /// The first of them.
    pub first: Time,
    /// The last of them.
    pub last: Time,
}

impl Record {
    fn new(time: Time) -> Self {
        Self { days: 1, newest: day(time), count: 1, first: time, last: time }
    }

    fn add(&mut self, time: Time) {
        let day = day(time);
        let ahead = day.saturating_sub(self.newest);
        if ahead >= 64 || ahead <= -64 {
            // Nothing of what stands here is within a horizon of this event. So far back, it is the newest day that
            // was wrong (a clock that jumped): start anew from this event rather than never learn again.
            let count = self.count;
            *self = Self::new(time);
            self.count = count.saturating_add(1);
            return;
        }
        if ahead > 0 {
            self.days = (self.days << ahead) | 1;
            self.newest = day;
        } else {
            self.days |= 1 << -ahead;
        }
        self.count = self.count.saturating_add(1);
        self.first = self.first.min(time);
        self.last = self.last.max(time);
    }

    /// Distinct days before the day of `time`, not more than `horizon` days before it, on which the edge was opened.
    #[must_use]
    pub fn days_before(&self, time: Time, horizon: u32) -> u32 {
        let ahead = day(time).saturating_sub(self.newest);
        // Bits `from..to` are the days from `day - 1` back to `day - horizon`.
        let from = (1 - ahead).clamp(0, 64);
        let to = (i64::from(horizon) + 1 - ahead).clamp(0, 64);
        if from >= to {
            return 0;
        }
        let below = |bits: i64| if bits >= 64 { u64::MAX } else { (1_u64 << bits) - 1 };
        (self.days & below(to) & !below(from)).count_ones()
    }
}

/// The habit of one root.
#[derive(Debug, Default)]
pub struct Habit {
    edges: HashMap<Edge, Record>,
    // First and last use.
    accounts: HashMap<Name, (Time, Time)>,
}

impl Habit {
    /// Takes note of a session admitted at `time`.
    pub fn opened(&mut self, edge: Edge, account: Name, time: Time) {
        match self.edges.entry(edge) {
            Entry::Occupied(record) => record.into_mut().add(time),
            Entry::Vacant(slot) => {
                slot.insert(Record::new(time));
            }
        }
        let (first, last) = self.accounts.entry(account).or_insert((time, time));
        *first = (*first).min(time);
        *last = (*last).max(time);
    }

    /// What is known of an edge.
    #[must_use]
    pub fn edge(&self, edge: Edge) -> Option<&Record> {
        self.edges.get(&edge)
    }

    /// Distinct days before the event's on which the edge was opened.
    #[must_use]
    pub fn days_before(&self, edge: Edge, time: Time, horizon: u32) -> u32 {
        self.edges.get(&edge).map_or(0, |record| record.days_before(time, horizon))
    }

    /// Whether the account was used before `time`.
    #[must_use]
    pub fn used_account(&self, account: Name, time: Time) -> bool {
        self.accounts.get(&account).is_some_and(|(first, _)| *first < time)
    }

    /// Forgets edges and accounts not used since `cut`, then the edges least recently used beyond `bound`; says how many the bound
    /// cost.
    pub fn age(&mut self, cut: Time, bound: usize) -> usize {
        self.edges.retain(|_, record| record.last >= cut);
        self.accounts.retain(|_, (_, last)| *last >= cut);
        let beyond = self.edges.len().saturating_sub(bound);
        if beyond > 0 {
            let mut ages: Vec<_> = self.edges.values().map(|record| record.last).collect();
            let (_, limit, _) = ages.select_nth_unstable(beyond - 1);
            let limit = *limit;
            self.edges.retain(|_, record| record.last > limit);
        }
        beyond
    }

    /// How many edges are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.edges.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// Marks the names in use.
    pub fn mark(&self, marks: &mut Marks) {
        self.edges.keys().for_each(|edge| marks.mark(edge.target));
        self.accounts.keys().for_each(|account| marks.mark(*account));
    }
}
