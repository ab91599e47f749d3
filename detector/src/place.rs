//! Where sessions go to and come from: one protected system, and what is known of it.

use crate::actor::{ActorId, Cuts};
use crate::few::Few;
use crate::fingerprint::Fingerprint;
use interdict_schemas::{Event, Time};
use serde::{Deserialize, Serialize};

/// A place by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlaceId(pub(crate) u32);

/// Somebody who opened a session here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// When.
    pub time: Time,
    /// Who.
    pub actor: ActorId,
    /// For whom.
    pub root: ActorId,
}

/// What is known of one place.
#[derive(Debug, Serialize, Deserialize)]
pub struct Place {
    /// Its newest name.
    pub name: Box<str>,
    /// Actors that used it; one that had been forgotten and came back counts again.
    pub users: u32,
    explored: Time,
    // Newest last.
    recent_users: Few<ActorId>,
    // First uses by somebody new here, newest last.
    first_uses: Few<Time>,
    // Sessions that landed here, newest last.
    arrivals: Few<Arrival>,
    // Whether some did before those.
    has_landed: bool,
    /// When it was last met.
    pub(crate) seen: Time,
    /// What it is found by.
    pub(crate) keys: Few<Fingerprint>,
}

/// So many users are remembered by name; a place with more is a hub.
const USERS: usize = 32;
const FIRST_USES: usize = 64;
const ARRIVALS: usize = 64;

impl Place {
    /// One of which nothing is known yet.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            users: 0,
            explored: Time(i64::MIN),
            recent_users: Few::default(),
            first_uses: Few::default(),
            arrivals: Few::default(),
            has_landed: false,
            seen: Time(i64::MIN),
            keys: Few::default(),
        }
    }

    /// Looks at what stands apart from it.
    pub(crate) fn touch(&self) -> usize {
        let user = self.recent_users.last().map_or(0, |user| user.0 as usize);
        let arrival = self.arrivals.last().map_or(0, |arrival| arrival.actor.0 as usize);
        user ^ arrival
    }

    /// Those who used it, newest last; not all if it is a hub.
    pub fn recent_users(&self) -> impl DoubleEndedIterator<Item = ActorId> + ExactSizeIterator {
        self.recent_users.iter().copied()
    }

    /// Whether so many used it that not all are remembered, and its use says little of them.
    pub(crate) const fn is_hub(&self) -> bool {
        self.users as usize > USERS
    }

    /// Whether an actor can have used it: one that is no hub remembers all who did.
    pub(crate) fn may_know(&self, actor: ActorId) -> bool {
        self.is_hub() || self.recent_users.contains(&actor)
    }

    /// How many used it for the first time between `since` and `time`.
    #[must_use]
    pub fn first_uses(&self, since: Time, time: Time) -> usize {
        self.first_uses.iter().rev().filter(|first| (since..=time).contains(first)).count()
    }

    /// Whether a session ever landed here from which others can start.
    #[must_use]
    pub fn is_landing(&self) -> bool {
        self.has_landed || !self.arrivals.is_empty()
    }

    /// Arrivals at or before `time`, newest first, not before `since`.
    pub fn arrivals(&self, since: Time, time: Time) -> impl Iterator<Item = &Arrival> {
        self.arrivals.iter().rev().filter(move |arrival| (since..=time).contains(&arrival.time))
    }

    /// How many others than this root arrived at or before `time`, and not before `since`.
    #[must_use]
    pub fn others(&self, root: ActorId, since: Time, time: Time) -> usize {
        let mut others: Vec<_> = self.arrivals(since, time).map(|arrival| arrival.root).collect();
        others.retain(|other| *other != root);
        others.sort_unstable();
        others.dedup();
        others.len()
    }

    /// Takes note of somebody who had never opened a session here.
    pub(crate) fn met(&mut self, actor: ActorId, time: Time) {
        self.users = self.users.saturating_add(1);
        self.recent_users.push_within(actor, USERS);
        self.first_uses.push_within(time, FIRST_USES);
    }

    /// Takes note of a session from which others can start.
    pub fn landed(&mut self, arrival: Arrival) {
        if self.arrivals.len() >= ARRIVALS {
            // Whoever comes again and again does not push out that others came.
            let comes_again = |at: &usize| {
                let (before, after) = self.arrivals.split_at(at + 1);
                before.last().is_some_and(|old| after.iter().chain([&arrival]).any(|new| new.actor == old.actor))
            };
            let oldest = (0..self.arrivals.len()).find(comes_again).unwrap_or(0);
            self.arrivals.remove(oldest);
        }
        self.arrivals.push(arrival);
    }

    /// When somebody last looked around here.
    #[must_use]
    pub const fn explored(&self) -> Time {
        self.explored
    }

    /// Takes note of somebody who looked around here.
    pub fn explore(&mut self, time: Time) {
        self.explored = self.explored.max(time);
    }

    /// Takes back the newest arrival of an actor: its session was refused before it reached anything.
    pub fn turned_back(&mut self, actor: ActorId, time: Time) {
        if let Some(at) = self.arrivals.iter().rposition(|arrival| arrival.actor == actor && arrival.time == time) {
            self.arrivals.remove(at);
        }
    }

    /// Whether nobody looks back at it any more. What was only knocked at, as a scan does, says nothing for long.
    pub(crate) fn is_gone(&self, cuts: Cuts) -> bool {
        self.seen < if self.users == 0 { cuts.day } else { cuts.habit }
    }

    /// Forgets what nobody looks back at any more.
    pub(crate) fn age(&mut self, cut: Time) {
        self.first_uses.retain(|first| *first >= cut);
        self.has_landed |= self.arrivals.iter().any(|arrival| arrival.time < cut);
        self.arrivals.retain(|arrival| arrival.time >= cut);
    }

    /// Bytes behind this place, about.
    pub(crate) fn heap(&self) -> usize {
        self.name.len()
            + self.recent_users.bytes()
            + self.first_uses.bytes()
            + self.arrivals.bytes()
            + self.keys.bytes()
    }
}

/// Where a session comes from, by the best name there is.
#[must_use]
pub(crate) fn source_name(event: &Event) -> String {
    let source = &event.source;
    match (&source.target, &source.host, source.address) {
        (Some(target), _, _) => target.clone(),
        (None, Some(host), _) => host.clone(),
        (None, None, Some(address)) => address.to_string(),
        (None, None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{ARRIVALS, Arrival, Place};
    use crate::actor::ActorId;
    use interdict_schemas::Time;

    #[test]
    fn whoever_comes_again_and_again_pushes_nobody_out_and_counts_once() {
        let mut place = Place::new("bastion");
        let came = |time, who| Arrival { time: Time(time), actor: ActorId(who), root: ActorId(who) };
        place.landed(came(1, 1));
        place.landed(came(2, 2));
        (3..3 + 2 * ARRIVALS as i64).for_each(|time| place.landed(came(time, 9)));
        let others = |root| place.others(ActorId(root), Time(0), Time(i64::MAX));
        assert_eq!((others(9), others(1), others(7)), (2, 2, 3));
        assert_eq!(place.arrivals(Time(0), Time(i64::MAX)).count(), ARRIVALS);
    }
}
