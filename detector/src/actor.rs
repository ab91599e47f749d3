//! Who acts, and what each does as a matter of course. An actor is one principal acting for one root; the root itself is
//! the actor that acts for itself. What is held is small and flat: there may be millions.

mod seldom;

use crate::acquaintances::Acquaintances;
use crate::chain::{Chains, HopId};
use crate::few::Few;
use crate::fingerprint::Fingerprint;
pub use crate::habit::{Habit, Tally, day};
use crate::learned::Learned;
use crate::place::PlaceId;
use interdict_schemas::{Protocol, Time};
use seldom::Seldom;
use serde::{Deserialize, Serialize};

/// An actor by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActorId(pub(crate) u32);

/// A class of actors: of one kind, from one name space, delegated or not. What is usual is counted per class first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Class(pub(crate) u16);

/// A target over a protocol, as one actor reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edge {
    /// The target.
    pub place: PlaceId,
    /// The protocol.
    pub protocol: Protocol,
}

/// One actor.
#[derive(Debug, Serialize, Deserialize)]
pub struct Actor {
    pub(crate) key: Fingerprint,
    /// Its id as the issuer names it.
    pub id: Box<str>,
    /// The time of its newest session.
    pub clock: Time,
    /// When it last looked around.
    pub explored: Time,
    /// For whom it acts; itself if for nobody else.
    pub root: ActorId,
    /// Sessions opened.
    pub sessions: u32,
    /// Sessions by [`crate::step::Origin`].
    pub origins: [u32; crate::step::ORIGINS],
    /// Sessions by hour of the day, UTC.
    pub hours: Tally<24>,
    /// Sessions by the pause before them, see [`crate::rhythm`].
    pub pauses: Tally<{ crate::rhythm::PAUSES }>,
    /// Its class.
    pub class: Class,
    // Sorted by edge.
    edges: Few<Habit>,
    /// Machines and kinds of machines it comes from.
    pub machines: Acquaintances,
    /// Accounts and credentials it uses; and those on an edge beyond its first, which stands with the edge.
    pub accounts: Acquaintances,
    // How often each detection's sign was there: the detection above the count, 24 bits; sorted.
    signs: Few<u32>,
    // When it opened edges that were new to it, newest last.
    firsts: Few<Time>,
    // Of most actors there is nothing of this, or not for long.
    seldom: Option<Box<Seldom>>,
}

/// Before when something is of no use any more.
#[derive(Debug, Clone, Copy)]
pub struct Cuts {
    /// Habit, and what was learned.
    pub habit: Time,
    /// First uses by one actor.
    pub firsts: Time,
    /// What is looked back at for a day at most. A day more is kept, for events that come late.
    pub day: Time,
}

/// Most of one thing that is remembered of one actor.
pub(crate) const FIRSTS: usize = 48;
const REFUSED: usize = 8;
/// Counts of signs have so many bits.
const COUNT: u32 = 24;
const MOST: u32 = (1 << COUNT) - 1;

impl Actor {
    pub(crate) fn new(id: &str, key: Fingerprint, root: ActorId, class: Class) -> Self {
        Self {
            key,
            id: id.into(),
            clock: Time(i64::MIN),
            explored: Time(i64::MIN),
            root,
            sessions: 0,
            origins: [0; crate::step::ORIGINS],
            hours: Tally::default(),
            pauses: Tally::default(),
            class,
            edges: Few::default(),
            machines: Acquaintances::default(),
            accounts: Acquaintances::default(),
            signs: Few::default(),
            firsts: Few::default(),
            seldom: None,
        }
    }

    fn seldom(&mut self) -> &mut Seldom {
        self.seldom.get_or_insert_default()
    }

    /// Until when it is stopped or held: what it does meanwhile makes nothing usual for others.
    #[must_use]
    pub fn stopped(&self) -> Time {
        self.seldom.as_ref().map_or(Time(i64::MIN), |seldom| seldom.stopped)
    }

    /// Takes note of a verdict.
    pub fn stop(&mut self, until: Time) {
        let seldom = self.seldom();
        seldom.stopped = seldom.stopped.max(until);
    }

    /// Takes its verdicts back.
    pub fn release(&mut self) {
        if let Some(seldom) = &mut self.seldom {
            seldom.stopped = Time(i64::MIN);
        }
    }

    /// When and where it was refused, newest last.
    #[must_use]
    pub fn refusals(&self) -> &[(Time, PlaceId)] {
        self.seldom.as_ref().map_or(&[], |seldom| &seldom.refused)
    }

    /// Its newest suspicious hops.
    #[must_use]
    pub fn hops(&self) -> &[HopId] {
        self.seldom.as_ref().map_or(&[], |seldom| &seldom.hops)
    }

    /// The same, to be changed.
    pub fn hops_mut(&mut self) -> &mut Vec<HopId> {
        &mut self.seldom().hops
    }

    /// Those that act for it by delegation, if it is a root.
    #[must_use]
    pub fn delegates(&self) -> &[ActorId] {
        self.seldom.as_ref().map_or(&[], |seldom| &seldom.delegates)
    }

    /// Takes note of one that acts for it; beyond `bound` the first one goes.
    pub fn delegated(&mut self, to: ActorId, bound: usize) {
        self.seldom().delegates.push_within(to, bound);
    }

    /// Forgets delegates that are gone.
    pub(crate) fn keep_delegates(&mut self, keeps: impl Fn(&ActorId) -> bool) {
        if let Some(seldom) = &mut self.seldom {
            seldom.delegates.retain(keeps);
        }
    }

    /// The actor whose grant its own grants are made from.
    #[must_use]
    pub fn parent(&self) -> Option<ActorId> {
        self.seldom.as_ref()?.parent
    }

    /// Takes note of that one.
    pub fn descend(&mut self, parent: ActorId) {
        self.seldom().parent = Some(parent);
    }

    /// Forgets it.
    pub(crate) fn orphan(&mut self) {
        if let Some(seldom) = &mut self.seldom {
            seldom.parent = None;
        }
    }

    /// What it was taught; of a root, for all its delegates.
    #[must_use]
    pub fn learned(&self) -> Option<&Learned> {
        self.seldom.as_ref().map(|seldom| &seldom.learned)
    }

    /// The same, to be added to.
    pub fn learn(&mut self) -> &mut Learned {
        &mut self.seldom().learned
    }

    /// The habit of an edge.
    #[must_use]
    pub fn edge(&self, edge: Edge) -> Option<&Habit> {
        self.edges.binary_search_by_key(&edge, Habit::edge).ok().and_then(|at| self.edges.get(at))
    }

    /// All edges.
    #[must_use]
    pub fn edges(&self) -> &[Habit] {
        &self.edges
    }

    /// Whether it ever opened a session to this place.
    #[must_use]
    pub fn has_been_at(&self, place: PlaceId) -> bool {
        let at = self.edges.partition_point(|habit| habit.edge().place < place);
        self.edges.get(at).is_some_and(|habit| habit.edge().place == place)
    }

    /// Takes note of a session over an edge; says whether the edge was new.
    pub fn opened(&mut self, edge: Edge, time: Time, bound: usize) -> bool {
        let day = day(time);
        match self.edges.binary_search_by_key(&edge, Habit::edge) {
            Ok(at) => {
                if let Some(habit) = self.edges.get_mut(at) {
                    habit.add(day);
                }
                false
            }
            Err(mut at) => {
                if self.edges.len() >= bound
                    && let Some(oldest) =
                        (0..self.edges.len()).min_by_key(|at| self.edges.get(*at).map(|edge| edge.last))
                {
                    self.edges.remove(oldest);
                    at -= usize::from(oldest < at);
                }
                self.edges.insert(at, Habit::new(edge, day));
                self.firsts.push_within(time, FIRSTS);
                true
            }
        }
    }

    fn edge_mut(&mut self, edge: Edge) -> Option<&mut Habit> {
        self.edges.binary_search_by_key(&edge, Habit::edge).ok().and_then(|at| self.edges.get_mut(at))
    }

    /// Whether it used an account on an edge, by the number of both.
    #[must_use]
    pub fn uses(&self, edge: Edge, account: Fingerprint) -> bool {
        self.edge(edge).is_some_and(|habit| habit.is_used_as(account)) || self.accounts.knows(account)
    }

    /// Takes note of an account on an edge, by the number of both; beyond `bound` one not met for long goes.
    pub fn used(&mut self, edge: Edge, account: Fingerprint, day: u16, bound: usize) {
        if !self.edge_mut(edge).is_some_and(|habit| habit.use_as(account)) {
            self.accounts.meet(account, day, bound);
        }
    }

    /// Counts an edge as if it had been opened often: a person said that it is meant.
    pub fn accept(&mut self, edge: Edge, time: Time) {
        if let Some(habit) = self.edge_mut(edge) {
            habit.count = habit.count.saturating_add(16);
        } else {
            self.opened(edge, time, usize::MAX);
            self.accept(edge, time);
        }
    }

    /// Forgets an edge: a person said that it was an attack.
    pub fn disown(&mut self, edge: Edge) {
        self.edges.retain(|habit| habit.edge() != edge);
    }

    /// Takes note of a refusal.
    pub fn refused(&mut self, place: PlaceId, time: Time) {
        self.seldom().refused.push_within((time, place), REFUSED);
    }

    /// Times it opened an edge that was new to it, in `since..=time`.
    #[must_use]
    pub fn firsts_since(&self, since: Time, time: Time) -> usize {
        self.firsts.iter().rev().filter(|first| (since..=time).contains(first)).count()
    }

    fn sign(&self, detection: u8) -> Result<usize, usize> {
        self.signs.binary_search_by_key(&u32::from(detection), |sign| sign >> COUNT)
    }

    /// How often the sign of a detection was there.
    #[must_use]
    pub fn signs(&self, detection: u8) -> u32 {
        self.sign(detection).ok().and_then(|at| self.signs.get(at)).map_or(0, |sign| sign & MOST)
    }

    /// Counts a sign.
    pub fn signed(&mut self, detection: u8, times: u32) {
        let of = u32::from(detection) << COUNT;
        match self.sign(detection) {
            Ok(at) => {
                if let Some(sign) = self.signs.get_mut(at) {
                    *sign = of | (*sign & MOST).saturating_add(times).min(MOST);
                }
            }
            Err(at) => self.signs.insert(at, of | times.min(MOST)),
        }
    }

    /// Takes back signs that were counted.
    pub fn unsigned(&mut self, detection: u8, times: u32) {
        let of = u32::from(detection) << COUNT;
        if let Some(sign) = self.sign(detection).ok().and_then(|at| self.signs.get_mut(at)) {
            *sign = of | (*sign & MOST).saturating_sub(times);
        }
    }

    /// Looks at what stands apart from it and is asked for at each of its sessions.
    pub(crate) fn touch(&self) -> usize {
        let edge = self.edges.get(self.edges.len() / 2).map_or(0, |edge| usize::from(edge.last));
        let sign = self.signs.first().map_or(0, |sign| *sign as usize);
        let first = self.firsts.last().map_or(0, |first| first.0 as usize);
        let learned = self.learned().map_or(0, |learned| usize::from(learned.is_empty()));
        edge ^ sign ^ first ^ learned ^ self.machines.touch() ^ self.accounts.touch()
    }

    /// Forgets what is of no use any more.
    pub(crate) fn age(&mut self, cuts: Cuts, chains: &Chains) {
        let habit = day(cuts.habit);
        self.edges.retain(|edge| edge.last >= habit);
        self.machines.age(habit);
        self.accounts.age(habit);
        self.firsts.retain(|first| *first >= cuts.firsts);
        let Some(seldom) = &mut self.seldom else { return };
        if seldom.stopped < cuts.day {
            seldom.stopped = Time(i64::MIN);
        }
        seldom.refused.retain(|(time, _)| *time >= cuts.day);
        // Agents that live for one job are many: who their grants came from goes with their habit.
        if self.clock < cuts.habit && seldom.refused.is_empty() {
            seldom.parent = None;
        }
        seldom.hops.retain(|id| chains.get(*id).is_some());
        seldom.learned.age(cuts.habit);
        if seldom.is_empty() {
            self.seldom = None;
        }
    }

    /// Halves what was counted.
    pub(crate) fn fade(&mut self) {
        // Whoever had one has had one.
        self.sessions = self.sessions.div_ceil(2);
        self.origins.iter_mut().for_each(|count| *count /= 2);
        self.hours.fade();
        self.pauses.fade();
        self.edges.iter_mut().for_each(Habit::fade);
        for sign in self.signs.iter_mut() {
            *sign = (*sign & !MOST) | ((*sign & MOST) / 2);
        }
    }

    /// Whether nothing is known of it but habit.
    pub(crate) const fn is_plain(&self) -> bool {
        self.seldom.is_none()
    }

    /// Bytes behind it, about.
    pub(crate) fn heap(&self) -> usize {
        let seldom = self.seldom.as_ref().map_or(0, |seldom| {
            size_of::<Seldom>()
                + seldom.refused.bytes()
                + seldom.hops.capacity() * size_of::<HopId>()
                + seldom.delegates.bytes()
                + seldom.learned.bytes()
        });
        self.id.len()
            + self.edges.bytes()
            + self.machines.bytes()
            + self.accounts.bytes()
            + self.signs.bytes()
            + self.firsts.bytes()
            + seldom
    }
}

#[cfg(test)]
mod tests;
