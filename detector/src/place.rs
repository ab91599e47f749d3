//! Where sessions go to and come from: protected systems, by whatever name or address they are met.
//!
//! A host may be renamed. When a target of an unknown name answers at the address and port of one that is known, and the
//! names are alike, it is the same place, so that habit carries over. Loopback addresses say nothing and are not compared.

use crate::actor::{Cuts, day};
use crate::few::Few;
use crate::fingerprint::{self, Fingerprint, Map};
use crate::machine;
use crate::round::Round;
use crate::slab::Slab;
use interdict_schemas::{Event, Source, Target, Time};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

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
    pub actor: crate::actor::ActorId,
    /// For whom.
    pub root: crate::actor::ActorId,
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
    recent_users: Few<crate::actor::ActorId>,
    // First uses by somebody new here, newest last.
    first_uses: Few<Time>,
    // Sessions that landed here, newest last.
    arrivals: Few<Arrival>,
    // Whether some did before those.
    has_landed: bool,
    // When it was last met.
    seen: Time,
    // What it is found by.
    keys: Few<Fingerprint>,
}

/// So many users are remembered by name; a place with more is a hub, whose use says little of its users.
pub(crate) const USERS: usize = 32;
const FIRST_USES: usize = 64;
const ARRIVALS: usize = 64;
/// Names and addresses of one place.
const KEYS: usize = 16;

impl Place {
    fn new(name: &str) -> Self {
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

    /// Those who used it, newest last; not all if it is a hub.
    pub fn recent_users(&self) -> impl DoubleEndedIterator<Item = crate::actor::ActorId> + ExactSizeIterator {
        self.recent_users.iter().copied()
    }

    /// Whether an actor can have used it: one that is no hub remembers all who did.
    pub(crate) fn may_know(&self, actor: crate::actor::ActorId) -> bool {
        self.users as usize > USERS || self.recent_users.contains(&actor)
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
    pub fn others(&self, root: crate::actor::ActorId, since: Time, time: Time) -> usize {
        let mut others: Vec<_> = self.arrivals(since, time).map(|arrival| arrival.root).collect();
        others.retain(|other| *other != root);
        others.sort_unstable();
        others.dedup();
        others.len()
    }

    /// Takes note of somebody who had never opened a session here.
    fn met(&mut self, actor: crate::actor::ActorId, time: Time) {
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
    pub fn turned_back(&mut self, actor: crate::actor::ActorId, time: Time) {
        if let Some(at) = self.arrivals.iter().rposition(|arrival| arrival.actor == actor && arrival.time == time) {
            self.arrivals.remove(at);
        }
    }

    /// Whether nobody looks back at it any more. What was only knocked at, as a scan does, says nothing for long.
    fn is_gone(&self, cuts: Cuts) -> bool {
        self.seen < if self.users == 0 { cuts.day } else { cuts.habit }
    }

    /// Forgets what nobody looks back at any more.
    fn age(&mut self, cut: Time) {
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

/// All places.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Places {
    #[serde(skip)]
    places: Slab<Place>,
    // Names, addresses with ports, addresses.
    by: Map<Fingerprint, PlaceId>,
    // Those that anybody used.
    used: usize,
    round: Round,
}

/// Where a session comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// The protected system that it is, if it is one.
    pub place: Option<PlaceId>,
    /// The machine itself.
    pub machine: Fingerprint,
    /// Its kind.
    pub family: Fingerprint,
}

impl Places {
    /// The place of a target that is met at this time, new if need be.
    pub fn target(&mut self, target: &Target, time: Time) -> PlaceId {
        let place = self.meet(target);
        if let Some(place) = self.places.get_mut(place.0) {
            place.seen = place.seen.max(time);
        }
        place
    }

    /// Where there are more than `bound`, an eighth of them goes, at a constant share of the cost per place: those that
    /// nobody used first, and of all those that were met longest ago. How many went.
    pub fn bound(&mut self, bound: usize) -> usize {
        if self.places.len() <= bound {
            return 0;
        }
        let worth = |place: &Place| (place.users > 0, place.seen);
        let mut all: Vec<_> = self.places.numbered().map(|(number, place)| (worth(place), number)).collect();
        let gone = (all.len() - bound + bound / 8).min(all.len() - 1);
        all.select_nth_unstable(gone);
        all.truncate(gone);
        all.iter().for_each(|(_, number)| self.remove(*number));
        gone
    }

    fn knows(&self, target: &Target) -> Option<PlaceId> {
        self.by.get(&fingerprint::of(("name", &*crate::learned::folded(&target.name)))).copied()
    }

    fn remove(&mut self, number: u32) {
        let Some(place) = self.places.remove(number) else { return };
        self.used = self.used.saturating_sub(usize::from(place.users > 0));
        place.keys.iter().for_each(|key| self.unname(*key, PlaceId(number)));
    }

    fn unname(&mut self, key: Fingerprint, place: PlaceId) {
        if self.by.get(&key) == Some(&place) {
            self.by.remove(&key);
        }
    }

    fn name_it(&mut self, key: Fingerprint, id: PlaceId) {
        self.by.insert(key, id);
        let Some(place) = self.places.get_mut(id.0) else { return };
        if place.keys.contains(&key) {
            return;
        }
        let oldest = place.keys.first().copied().filter(|_| place.keys.len() >= KEYS);
        place.keys.push_within(key, KEYS);
        if let Some(oldest) = oldest {
            self.unname(oldest, id);
        }
    }

    fn meet(&mut self, target: &Target) -> PlaceId {
        let address = target.address.filter(|address| !address.to_canonical().is_loopback());
        if let Some(known) = self.knows(target) {
            return known;
        }
        let named = |name: &str| fingerprint::of(("name", &*crate::learned::folded(name)));
        let at = address.map(|address| fingerprint::of(("at", address.to_canonical(), target.port)));
        let renamed =
            at.and_then(|at| self.by.get(&at).copied()).filter(|place| is_renamed(self.name(*place), &target.name));
        let place = renamed.unwrap_or_else(|| PlaceId(self.places.push(Place::new(&target.name))));
        self.name_it(named(&target.name), place);
        for name in [&target.host, &target.alias].into_iter().flatten() {
            if !self.by.contains_key(&named(name)) {
                self.name_it(named(name), place);
            }
        }
        if let Some(address) = address {
            self.name_it(fingerprint::of(("address", address.to_canonical())), place);
        }
        if let Some(at) = at {
            self.name_it(at, place);
        }
        if self.name(place) != target.name
            && let Some(place) = self.places.get_mut(place.0)
        {
            place.name = target.name.as_str().into();
        }
        place
    }

    /// Ages a few places more.
    pub fn age_some(&mut self, cuts: Cuts) {
        let turns = self.round.turn(day(cuts.day), self.places.end(), |from| self.places.next(from));
        for number in turns.into_iter().flatten() {
            let Some(place) = self.places.get_mut(number) else { continue };
            place.age(cuts.day);
            if place.is_gone(cuts) {
                self.remove(number);
            }
        }
    }

    /// Takes note of an actor's first session at a place.
    pub fn met(&mut self, id: PlaceId, actor: crate::actor::ActorId, time: Time) {
        if let Some(place) = self.places.get_mut(id.0) {
            self.used += usize::from(place.users == 0);
            place.met(actor, time);
        }
    }

    /// How many anybody used.
    #[must_use]
    pub const fn used(&self) -> usize {
        self.used
    }

    /// A place by the name or address of a system, if anything is known of it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<PlaceId> {
        let by = match name.parse::<IpAddr>() {
            Ok(address) if !address.is_loopback() => fingerprint::of(("address", address.to_canonical())),
            _ => fingerprint::of(("name", &*crate::learned::folded(name))),
        };
        self.by.get(&by).copied()
    }

    /// Where a session comes from. A name that the gateway gave is believed before the address.
    #[must_use]
    pub fn source(&self, source: &Source) -> Machine {
        let address = source.address.map(|address| address.to_canonical());
        let named = source.target.as_deref().or(source.host.as_deref());
        let place = named.and_then(|name| self.find(name)).or_else(|| {
            let address = address.filter(|address| !address.is_loopback())?;
            self.by.get(&fingerprint::of(("address", address))).copied()
        });
        let (machine, family) = match (named, address) {
            (Some(name), _) => (fingerprint::of(name), fingerprint::of(machine::family(name))),
            (None, Some(address)) => (fingerprint::of(address), fingerprint::of(machine::network(address))),
            (None, None) => (0, 0),
        };
        Machine { place, machine, family }
    }

    /// All of them, to be written out and read back.
    pub(crate) const fn slab(&self) -> &Slab<Place> {
        &self.places
    }

    /// The same, to be changed.
    pub(crate) const fn slab_mut(&mut self) -> &mut Slab<Place> {
        &mut self.places
    }

    /// One place.
    #[must_use]
    pub fn get(&self, id: PlaceId) -> Option<&Place> {
        self.places.get(id.0)
    }

    /// One place, to be changed.
    pub fn get_mut(&mut self, id: PlaceId) -> Option<&mut Place> {
        self.places.get_mut(id.0)
    }

    /// Its name; empty if it is none.
    #[must_use]
    pub fn name(&self, id: PlaceId) -> &str {
        self.get(id).map_or("", |place| &place.name)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.len() == 0
    }

    /// Bytes held, about.
    pub(crate) fn bytes(&self) -> usize {
        self.places.bytes() + self.by.capacity() * 17 + self.places.iter().map(Place::heap).sum::<usize>()
    }
}

/// Whether one name is the other with something added to its first label, as in `app-7` and `app-7-r2`. Names that have
/// nothing in common are different systems behind one address.
fn is_renamed(old: &str, new: &str) -> bool {
    let label = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    let (old, new) = (label(old), label(new));
    let within = |one: &str, other: &str| {
        other.strip_prefix(one).is_some_and(|rest| !one.is_empty() && (rest.is_empty() || rest.starts_with('-')))
    };
    within(&old, &new) || within(&new, &old)
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
    use super::{ARRIVALS, Arrival, Place, is_renamed};
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

    #[test]
    fn a_name_with_something_added_is_a_renamed_host() {
        let check = |old: &str, new: &str, expected: bool| assert_eq!(is_renamed(old, new), expected, "{old} {new}");
        check("app-7.prod", "app-7-r2.prod", true);
        check("app-7-r2.prod", "APP-7.stage", true);
        check("app-7.prod", "app-77.prod", false);
        check("orders.prod", "billing.prod", false);
        check("", "orders", false);
    }
}
