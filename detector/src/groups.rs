//! What the members of a group use: somebody who joins it today is expected to use the same.

use crate::fingerprint::{self, Fingerprint, Map};
use crate::place::PlaceId;
use interdict_schemas::Identity;
use serde::{Deserialize, Serialize};

/// Groups of one identity that are looked at.
const LOOKED_AT: usize = 16;
/// Groups that are remembered; those named later are not.
const GROUPS: usize = 1 << 14;
/// Places of one group that are remembered.
const PLACES: usize = 1 << 12;
/// First uses of one group that count: then all are halved, so that what is long past fades.
const FADES: u32 = 1 << 16;

/// All groups.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Groups(Map<Fingerprint, Group>);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Group {
    // First uses of a place by one of its members.
    firsts: u32,
    by_place: Map<PlaceId, u32>,
}

fn keys(identity: &Identity) -> impl Iterator<Item = Fingerprint> {
    identity.groups.iter().take(LOOKED_AT).map(|group| fingerprint::of(("group", &identity.issuer, group)))
}

impl Groups {
    /// The probability that a member of one of its groups, picked at random, leads there by a place of its own picked at
    /// random; nothing for who is in no group that is known.
    #[must_use]
    pub fn way(&self, identity: &Identity, place: PlaceId) -> Option<f64> {
        let (mut known, mut probability) = (0_u32, 0.0);
        for group in keys(identity).filter_map(|key| self.0.get(&key)) {
            known += 1;
            let firsts = group.by_place.get(&place).copied().unwrap_or(0);
            probability += f64::from(firsts) / f64::from(group.firsts.max(1));
        }
        (known > 0).then(|| probability / f64::from(known))
    }

    /// Takes note that a member of its groups used a place for the first time.
    pub fn met(&mut self, identity: &Identity, place: PlaceId) {
        for key in keys(identity) {
            if self.0.len() < GROUPS || self.0.contains_key(&key) {
                self.0.entry(key).or_default().met(place);
            }
        }
    }

    /// Bytes held, about.
    pub(crate) fn bytes(&self) -> usize {
        self.0.capacity() * (size_of::<(Fingerprint, Group)>() + 1)
            + self.0.values().map(|group| group.by_place.capacity() * 9).sum::<usize>()
    }
}

impl Group {
    fn met(&mut self, place: PlaceId) {
        self.firsts += 1;
        if self.by_place.len() < PLACES || self.by_place.contains_key(&place) {
            *self.by_place.entry(place).or_default() += 1;
        }
        if self.firsts >= FADES {
            self.firsts /= 2;
            self.by_place.values_mut().for_each(|count| *count /= 2);
            self.by_place.retain(|_, count| *count > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interdict_schemas::{Principal, PrincipalKind};

    fn member(groups: &[&str]) -> Identity {
        let root = Principal { id: "ana".into(), kind: PrincipalKind::Person };
        let mut identity = Identity::rooted("https://login.example", root, Vec::new());
        identity.groups = groups.iter().map(|group| (*group).to_owned()).collect();
        identity
    }

    #[test]
    fn who_joins_a_group_is_expected_where_its_members_are() {
        let mut groups = Groups::default();
        let (sre, both) = (member(&["sre"]), member(&["sre", "dba"]));
        assert_eq!(groups.way(&sre, PlaceId(1)), None);
        (0..3).for_each(|_| groups.met(&sre, PlaceId(1)));
        groups.met(&sre, PlaceId(2));
        groups.met(&member(&["dba"]), PlaceId(3));
        let way = |identity: &Identity, place| groups.way(identity, PlaceId(place));
        assert_eq!((way(&sre, 1), way(&sre, 2), way(&sre, 3)), (Some(0.75), Some(0.25), Some(0.0)));
        assert_eq!((way(&both, 1), way(&both, 3)), (Some(0.375), Some(0.5)));
        assert_eq!((way(&member(&[]), 1), way(&member(&["sales"]), 1)), (None, None));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_fades() {
        let mut groups = Groups::default();
        let sre = member(&["sre"]);
        (0..3 * FADES).for_each(|at| groups.met(&sre, PlaceId(at)));
        (0..FADES).for_each(|_| groups.met(&sre, PlaceId(7)));
        let group = groups.0.values().next().expect("a group");
        assert!(group.firsts < FADES && group.by_place.len() <= PLACES);
        assert!(groups.way(&sre, PlaceId(7)).is_some_and(|way| way > 0.3));
        (0..2 * GROUPS).for_each(|at| groups.met(&member(&[&at.to_string()]), PlaceId(1)));
        assert_eq!(groups.0.len(), GROUPS);
    }
}
