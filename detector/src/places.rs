//! All places: by which names and addresses each is met, and which of them go.
//!
//! A host may be renamed. When a target of an unknown name answers at the address and port of one that is known, and the
//! names are alike, it is the same place, so that habit carries over. Loopback addresses say nothing and are not compared.

use crate::actor::{ActorId, Cuts, day};
use crate::fingerprint::{self, Fingerprint, Map};
use crate::machine;
use crate::place::{Place, PlaceId};
use crate::round::Round;
use crate::slab::Slab;
use interdict_schemas::{Source, Target, Time};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Names and addresses of one place.
const KEYS: usize = 16;

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

fn name_key(name: &str) -> Fingerprint {
    fingerprint::of(("name", &*crate::learned::folded(name)))
}

/// The fingerprint by which the place of a target is found.
pub(crate) fn key(target: &Target) -> Fingerprint {
    name_key(&target.name)
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

    /// The place that is found by a key, if it is known.
    pub(crate) fn by(&self, key: Fingerprint) -> Option<PlaceId> {
        self.by.get(&key).copied()
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
        let by_name = key(target);
        if let Some(known) = self.by(by_name) {
            return known;
        }
        let at = address.map(|address| fingerprint::of(("at", address.to_canonical(), target.port)));
        let renamed = at.and_then(|at| self.by(at)).filter(|place| is_renamed(self.name(*place), &target.name));
        let place = renamed.unwrap_or_else(|| PlaceId(self.places.push(Place::new(&target.name))));
        self.name_it(by_name, place);
        for name in [&target.host, &target.alias].into_iter().flatten() {
            if !self.by.contains_key(&name_key(name)) {
                self.name_it(name_key(name), place);
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
    pub fn met(&mut self, id: PlaceId, actor: ActorId, time: Time) {
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
        self.by(match name.parse::<IpAddr>() {
            Ok(address) if !address.is_loopback() => fingerprint::of(("address", address.to_canonical())),
            _ => name_key(name),
        })
    }

    /// Where a session comes from. A name that the gateway gave is believed before the address.
    #[must_use]
    pub fn source(&self, source: &Source) -> Machine {
        let address = source.address.map(|address| address.to_canonical());
        let named = source.target.as_deref().or(source.host.as_deref());
        let place = named.and_then(|name| self.find(name)).or_else(|| {
            let address = address.filter(|address| !address.is_loopback())?;
            self.by(fingerprint::of(("address", address)))
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

#[cfg(test)]
mod tests {
    use super::is_renamed;

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
