//! Chains: suspicious steps joined by cause. A hop is a step with enough evidence of its own; a link says why it follows
//! from an earlier one, and how likely it is that it does. Evidence adds up along the likeliest path and fades over days:
//! attackers pause, and in recorded exercises one step in six came more than a day after the one before. What keeps two
//! unusual steps of one week from being an attack is where they start: whoever goes on does so from the seat they had or
//! from the system they reached.
//!
//! INVARIANT: a hop has at most one link, to a hop recorded earlier, so that chains are trees and following one ends.

use crate::actor::{ActorId, Edge};
use crate::fingerprint::{Fingerprint, Map};
use crate::learned::Teaching;
use crate::place::PlaceId;
use crate::places::Machine;
use interdict_schemas::{Technique, Time};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// Finds a hop; finds nothing once it is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HopId(u32);

/// Why a hop follows from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Link {
    /// The same actor went on.
    Lineage,
    /// It started from the system that the other one reached, for the same root.
    Onward,
    /// It started from the system that the other one reached, as somebody else.
    Switch,
    /// It started from the same machine.
    Source,
}

impl Link {
    /// The stable word in alerts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lineage | Self::Onward => "lineage",
            Self::Switch => "switch",
            Self::Source => "source",
        }
    }
}

/// A suspicious step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hop {
    /// When.
    pub time: Time,
    /// Who acted.
    pub actor: ActorId,
    /// For whom.
    pub root: ActorId,
    /// The session.
    pub session: Box<str>,
    /// From where, in words.
    pub source: Box<str>,
    /// The same, as a number.
    pub machine: Fingerprint,
    /// To where.
    pub edge: Edge,
    /// Whether it got there.
    pub has_arrived: bool,
    /// The account there.
    pub account: Box<str>,
    /// The event that shows it.
    pub event: Box<str>,
    /// Evidence of its own, nats.
    pub nats: f64,
    /// Evidence of the chain that ends here, nats.
    pub score: f64,
    /// Evidence by detection.
    pub signs: Box<[(u8, f32)]>,
    /// What was seen, in sentences.
    pub evidence: Box<str>,
    /// Techniques.
    pub techniques: Box<[Technique]>,
    /// What it used, if it used what was learned.
    #[serde(with = "crate::learned::taught")]
    pub taught: Option<Arc<Teaching>>,
    /// What is said in one line, if it is said of the machine that it comes from.
    pub title: Option<Box<str>>,
    /// The number of the chain: its first hop's.
    pub chain: u32,
    before: Option<(HopId, Joined)>,
    // The clock when it was recorded.
    noted: Time,
}

/// How a step would join the chains there are.
#[derive(Debug, Clone, Copy)]
pub struct Joint {
    hop: HopId,
    joined: Joined,
    /// What the chain so far is still worth, nats.
    pub nats: f64,
}

/// Why a hop follows from the one before it, and how likely it is that it does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Joined {
    /// Why.
    pub link: Link,
    /// The probability.
    pub likely: f32,
}

/// All chains.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Chains {
    hops: Map<HopId, Hop>,
    // Those that got there: nobody goes on from where they were refused.
    by_place: Map<PlaceId, Vec<HopId>>,
    // Oldest first.
    order: VecDeque<HopId>,
    serial: u32,
}

/// Evidence halves about every three and a half days: the time in which it falls to 1/e, seconds.
const FADES_S: f64 = 5.0 * 86_400.0;
/// After so long nothing is left of any evidence.
const FORGOTTEN_S: i64 = 10 * 86_400;
/// Earlier hops at one place or of one actor that are looked at.
const CANDIDATES: usize = 24;
const OWN: usize = 12;
/// Records of several systems come out of order: nothing follows from what was done so long after it, microseconds.
const DISORDER_US: i64 = 300_000_000;
/// Less than this is left: it does not count.
const WORTH_JOINING: f64 = 1.5;
/// A chain is worth at most so much to its next hop, so that old proof does not make everything that follows proof.
const CARRIED: f64 = 20.0;
/// P(the one who goes on from a system is the one who was seen to reach it), for somebody who did not reach it, and for
/// somebody who did.
const SWITCH: f64 = 0.9;
const COINCIDENCE: f64 = 0.7;
/// P(an actor's next unusual step belongs to the one before), where it starts neither from the same machine nor from the
/// system that was reached: people have unusual weeks.
const ELSEWHERE: f64 = 0.6;
/// Hops that a chain is followed back.
pub const LONGEST: usize = 16;

fn faded(score: f64, since: i64) -> f64 {
    score * (-(since.max(0) as f64) / 1e6 / FADES_S).exp()
}

/// Who asks to join.
#[derive(Debug, Clone, Copy)]
pub struct Joining<'a> {
    /// When.
    pub time: Time,
    /// For whom it acts.
    pub root: ActorId,
    /// Its own newest hops.
    pub own: &'a [HopId],
    /// The machine it starts from, and the system that it is, if it is one.
    pub from: Machine,
    /// Whether it reached that system itself.
    pub has_reached: bool,
    /// Others who reached it within a day: any of them may have gone on.
    pub others: usize,
}

impl Chains {
    /// The likeliest earlier hop that a step follows from.
    #[must_use]
    pub fn joint(&self, joining: Joining<'_>) -> Option<Joint> {
        let own = joining.own.iter().map(|id| (*id, true));
        let there = joining
            .from
            .place
            .and_then(|place| self.by_place.get(&place))
            .into_iter()
            .flatten()
            .map(|id| (*id, false));
        let mut best: Option<Joint> = None;
        for (id, is_own) in own.chain(there) {
            let fits = |hop: &&Hop| hop.time.micros_since(joining.time) <= DISORDER_US;
            let Some(hop) = self.get(id).filter(fits) else { continue };
            let (link, likely) = if is_own {
                let goes_on = joining.from.place == Some(hop.edge.place) || joining.from.machine == hop.machine;
                (Link::Lineage, if goes_on { 1.0 } else { ELSEWHERE })
            } else if hop.root == joining.root {
                (Link::Onward, 1.0)
            } else if joining.has_reached {
                (Link::Switch, COINCIDENCE)
            } else {
                (Link::Switch, SWITCH)
            };
            let likely = if link == Link::Switch { likely / (joining.others.max(1) as f64).sqrt() } else { likely };
            let nats = (likely * faded(hop.score, joining.time.micros_since(hop.time))).min(CARRIED);
            if nats > WORTH_JOINING && best.is_none_or(|best| nats > best.nats) {
                #[expect(clippy::cast_possible_truncation, reason = "a probability needs no more than seven digits")]
                let joined = Joined { link, likely: likely as f32 };
                best = Some(Joint { hop: id, joined, nats });
            }
        }
        best
    }

    /// Adds a hop, after the one it joins. `now` is the clock, from which what is old is forgotten: not the hop's own
    /// time, which may be years ahead.
    pub fn add(&mut self, mut hop: Hop, joint: Option<Joint>, now: Time) -> HopId {
        hop.score = hop.nats + joint.map_or(0.0, |joint| joint.nats);
        let chain = joint.and_then(|joint| self.get(joint.hop)).map(|before| before.chain);
        self.insert(hop, chain, joint.map(|joint| (joint.hop, joint.joined)), now)
    }

    /// Adds what is said of a machine to what was said of it before: its newest hop and its chain. It is counted afresh
    /// each time, so nothing is carried from hop to hop, and the chain goes on when its hops are forgotten.
    pub fn add_of_machine(&mut self, mut hop: Hop, newest: Option<(HopId, u32)>, now: Time) -> HopId {
        hop.score = hop.nats;
        let before = newest.map(|(id, _)| id).filter(|id| self.get(*id).is_some());
        let joined = Joined { link: Link::Source, likely: 1.0 };
        self.insert(hop, newest.map(|(_, chain)| chain), before.map(|id| (id, joined)), now)
    }

    fn insert(&mut self, mut hop: Hop, chain: Option<u32>, before: Option<(HopId, Joined)>, now: Time) -> HopId {
        self.serial = self.serial.wrapping_add(1);
        hop.chain = chain.unwrap_or(self.serial);
        hop.before = before;
        hop.noted = now;
        let (place, has_arrived) = (hop.edge.place, hop.has_arrived);
        let id = HopId(self.serial);
        self.hops.insert(id, hop);
        if has_arrived {
            let mut there = self.by_place.remove(&place).unwrap_or_default();
            if there.len() >= CANDIDATES {
                self.drop_least(&mut there, now);
            }
            there.push(id);
            self.by_place.insert(place, there);
        }
        self.order.push_back(id);
        self.forget(now.plus_seconds(-FORGOTTEN_S));
        id
    }

    /// Keeps an actor's own hops few: the ones worth least go.
    pub fn keep(&self, own: &mut Vec<HopId>, newest: HopId, time: Time) {
        own.retain(|id| self.get(*id).is_some());
        if own.len() >= OWN {
            self.drop_least(own, time);
        }
        own.push(newest);
    }

    fn drop_least(&self, hops: &mut Vec<HopId>, time: Time) {
        // What is dated ahead is as far away as what is past: else one wrong clock would outlive everything.
        let worth = |id: &HopId| {
            self.get(*id).map_or(0.0, |hop| faded(hop.score, time.micros_since(hop.time).saturating_abs()))
        };
        let least = hops.iter().enumerate().min_by(|(_, one), (_, other)| worth(one).total_cmp(&worth(other)));
        if let Some((at, _)) = least {
            hops.remove(at);
        }
    }

    fn forget(&mut self, cut: Time) {
        // By the clock at which each was recorded, which is their order; the time that a hop carries may be any.
        while let Some(id) = self.order.front().copied()
            && (self.get(id).is_none_or(|hop| hop.noted < cut) || self.order.len() > MOST_HOPS)
        {
            self.order.pop_front();
            if let Some(hop) = self.hops.remove(&id) {
                self.leave(hop.edge.place, id);
            }
        }
    }

    /// Nobody goes on from that hop any more.
    fn leave(&mut self, place: PlaceId, id: HopId) {
        if let Some(there) = self.by_place.get_mut(&place) {
            there.retain(|other| *other != id);
            if there.is_empty() {
                self.by_place.remove(&place);
            }
        }
    }

    /// A hop, unless it is forgotten.
    #[must_use]
    pub fn get(&self, id: HopId) -> Option<&Hop> {
        self.hops.get(&id)
    }

    /// The hop that this one follows from, and why.
    #[must_use]
    pub fn before(&self, id: HopId) -> Option<(HopId, Joined)> {
        self.get(id)?.before.filter(|(before, _)| self.hops.contains_key(before))
    }

    /// The chain that ends with this hop, oldest first, with why each follows from the one before.
    #[must_use]
    pub fn back(&self, id: HopId) -> Vec<(&Hop, Option<Joined>)> {
        let mut chain = Vec::new();
        let mut next = Some(id);
        while let Some(id) = next
            && chain.len() < LONGEST
        {
            let before = self.before(id);
            chain.extend(self.get(id).map(|hop| (hop, before.map(|(_, joined)| joined))));
            next = before.map(|(id, _)| id);
        }
        chain.reverse();
        chain
    }

    /// The hops of a chain, oldest first.
    pub fn of(&self, chain: u32) -> impl Iterator<Item = &Hop> {
        self.order.iter().filter_map(|id| self.get(*id)).filter(move |hop| hop.chain == chain)
    }

    /// Takes a chain out: a person has judged it.
    pub fn close(&mut self, chain: u32) {
        let of_it = |id: &&HopId| self.get(**id).is_some_and(|hop| hop.chain == chain);
        let closed: Vec<HopId> = self.order.iter().filter(of_it).copied().collect();
        for id in closed {
            if let Some(hop) = self.hops.remove(&id) {
                self.leave(hop.edge.place, id);
            }
        }
    }

    /// How many hops are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hops.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hops.is_empty()
    }

    /// Bytes held, about.
    pub(crate) fn bytes(&self) -> usize {
        self.hops.len() * (size_of::<Hop>() + 600) + self.by_place.capacity() * 40
    }
}

const MOST_HOPS: usize = 1 << 20;

impl Hop {
    /// A hop that is in no chain yet.
    #[must_use]
    pub fn new(
        step: &crate::step::Step<'_>,
        source: String,
        nats: f64,
        signs: Vec<(u8, f32)>,
        evidence: String,
        techniques: Vec<Technique>,
        taught: Option<Arc<Teaching>>,
    ) -> Self {
        Self {
            time: step.time,
            actor: step.actor_id,
            root: step.actor.root,
            session: step.event.session.as_str().into(),
            source: source.into(),
            machine: step.machine.machine,
            edge: step.edge,
            has_arrived: step.has_arrived,
            account: step.event.account.name.as_str().into(),
            event: step.event.id.as_str().into(),
            nats,
            score: nats,
            signs: signs.into(),
            evidence: evidence.into(),
            techniques: techniques.into(),
            taught,
            title: None,
            chain: 0,
            before: None,
            noted: step.time,
        }
    }
}
