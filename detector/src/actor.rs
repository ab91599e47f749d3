//! Who acts, and what each does as a matter of course. An actor is one principal acting for one root; the root itself is
//! the actor that acts for itself. What is held is small and flat: there may be millions.

use crate::fingerprint::{self, Fingerprint, Map};
use crate::likelihood::Rate;
use crate::place::PlaceId;
use interdict_schemas::{Identity, PrincipalKind, Protocol, Time};
use std::collections::VecDeque;

/// An actor by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActorId(pub(crate) u32);

/// A class of actors: of one kind, from one name space, delegated or not. What is usual is counted per class first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Class(pub(crate) u16);

/// A target over a protocol, as one actor reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Edge {
    /// The target.
    pub place: PlaceId,
    /// The protocol.
    pub protocol: Protocol,
}

/// How often and when an edge was opened. 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Habit {
    /// The edge.
    pub edge: Edge,
    /// Sessions opened.
    pub count: u32,
    /// The UTC day of the first, since 1970.
    pub first: u16,
    /// The UTC day of the newest.
    pub last: u16,
    /// Distinct days before the newest, as bits: bit n is the day `last - 1 - n`.
    pub days: u64,
}

impl Habit {
    fn add(&mut self, day: u16) {
        self.count = self.count.saturating_add(1);
        let ahead = day.saturating_sub(self.last);
        if ahead > 0 {
            self.days =
                if ahead > 64 { 0 } else { self.days.checked_shl(u32::from(ahead)).unwrap_or(0) | 1 << (ahead - 1) };
            self.last = day;
        } else if day < self.last && self.last - day <= 64 {
            self.days |= 1 << (self.last - day - 1);
        }
    }

    /// Distinct days before `day` on which it was opened, of the last 64.
    #[must_use]
    pub fn days_before(&self, day: u16) -> u32 {
        self.days.count_ones() + u32::from(self.last < day)
    }
}

/// The UTC day since 1970 of a time; days before 1970 and after 2149 are the first and the last.
#[must_use]
pub fn day(time: Time) -> u16 {
    u16::try_from(time.day().max(0)).unwrap_or(u16::MAX)
}

/// Something compared, with the day it was last met. Kept sorted by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Met {
    what: Fingerprint,
    last: u16,
    count: u16,
}

/// A bounded set of things met.
#[derive(Debug, Default)]
pub struct Acquaintances(Vec<Met>);

impl Acquaintances {
    /// How often it was met.
    #[must_use]
    pub fn count(&self, what: Fingerprint) -> u16 {
        self.0
            .binary_search_by_key(&what, |met| met.what)
            .ok()
            .and_then(|at| self.0.get(at))
            .map_or(0, |met| met.count)
    }

    /// Whether it was met.
    #[must_use]
    pub fn knows(&self, what: Fingerprint) -> bool {
        self.count(what) > 0
    }

    /// Takes note of it; beyond `bound` the one not met for longest goes.
    pub fn meet(&mut self, what: Fingerprint, day: u16, bound: usize) {
        match self.0.binary_search_by_key(&what, |met| met.what) {
            Ok(at) => {
                if let Some(met) = self.0.get_mut(at) {
                    met.count = met.count.saturating_add(1);
                    met.last = met.last.max(day);
                }
            }
            Err(mut at) => {
                if self.0.len() >= bound
                    && let Some(oldest) = (0..self.0.len()).min_by_key(|at| self.0.get(*at).map(|met| met.last))
                {
                    self.0.remove(oldest);
                    at -= usize::from(oldest < at);
                }
                self.0.insert(at, Met { what, last: day, count: 1 });
            }
        }
    }

    fn age(&mut self, cut: u16) {
        self.0.retain(|met| met.last >= cut);
        self.0.shrink_to(self.0.len() * 2);
    }
}

/// One actor.
#[derive(Debug)]
pub struct Actor {
    /// Its id as the issuer names it.
    pub id: Box<str>,
    /// For whom it acts; itself if for nobody else.
    pub root: ActorId,
    key: Fingerprint,
    agent: Fingerprint,
    aged: u16,
    /// Its class.
    pub class: Class,
    /// Sessions opened.
    pub sessions: u32,
    /// The time of its newest session.
    pub clock: Time,
    // Sorted by edge.
    edges: Vec<Habit>,
    /// Machines and kinds of machines it comes from.
    pub machines: Acquaintances,
    /// Accounts and credentials it uses, and which on which edge.
    pub accounts: Acquaintances,
    /// Until when it is stopped or held: what it does meanwhile makes nothing usual for others.
    pub stopped: Time,
    /// When it last looked around.
    pub explored: Time,
    /// Sessions by [`crate::step::Origin`].
    pub origins: [u32; crate::step::ORIGINS],
    /// Sessions by hour of the day, UTC.
    pub hours: [u16; 24],
    /// How often each detection's sign was there; sorted by detection.
    pub signs: Vec<(u8, u32)>,
    /// When it opened edges that were new to it, newest last.
    pub firsts: VecDeque<Time>,
    /// When and where it was refused, newest last.
    pub refused: VecDeque<(Time, PlaceId)>,
    /// Its newest suspicious hops.
    pub hops: Vec<crate::chain::HopId>,
    /// Those that act for it by delegation, if it is a root; the grant that each was given by whom.
    pub delegates: Vec<ActorId>,
    /// The actor whose grant its own grants are made from.
    pub parent: Option<ActorId>,
    /// What it was taught; of a root, for all its delegates.
    pub learned: Option<Box<crate::learned::Learned>>,
}

/// Most of one thing that is remembered of one actor.
const FIRSTS: usize = 48;
const REFUSED: usize = 8;
/// Delegates of one root by name.
const DELEGATES: usize = 64;

impl Actor {
    fn new(id: &str, root: ActorId, class: Class) -> Self {
        Self {
            id: id.into(),
            root,
            key: 0,
            aged: 0,
            agent: 0,
            class,
            sessions: 0,
            clock: Time(i64::MIN),
            edges: Vec::new(),
            machines: Acquaintances::default(),
            accounts: Acquaintances::default(),
            stopped: Time(i64::MIN),
            explored: Time(i64::MIN),
            origins: [0; crate::step::ORIGINS],
            hours: [0; 24],
            signs: Vec::new(),
            firsts: VecDeque::new(),
            refused: VecDeque::new(),
            hops: Vec::new(),
            delegates: Vec::new(),
            parent: None,
            learned: None,
        }
    }

    /// The habit of an edge.
    #[must_use]
    pub fn edge(&self, edge: Edge) -> Option<&Habit> {
        self.edges.binary_search_by_key(&edge, |habit| habit.edge).ok().and_then(|at| self.edges.get(at))
    }

    /// All edges.
    #[must_use]
    pub fn edges(&self) -> &[Habit] {
        &self.edges
    }

    /// Whether it ever opened a session to this place.
    #[must_use]
    pub fn has_been_at(&self, place: PlaceId) -> bool {
        let at = self.edges.partition_point(|habit| habit.edge.place < place);
        self.edges.get(at).is_some_and(|habit| habit.edge.place == place)
    }

    /// Takes note of a session over an edge; says whether the edge was new.
    pub fn opened(&mut self, edge: Edge, time: Time, bound: usize) -> bool {
        let day = day(time);
        match self.edges.binary_search_by_key(&edge, |habit| habit.edge) {
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
                self.edges.insert(at, Habit { edge, count: 1, first: day, last: day, days: 0 });
                if self.firsts.len() >= FIRSTS {
                    self.firsts.pop_front();
                }
                self.firsts.push_back(time);
                true
            }
        }
    }

    /// Counts an edge as if it had been opened on many days: a person said that it is meant.
    pub fn accept(&mut self, edge: Edge, time: Time) {
        if let Ok(at) = self.edges.binary_search_by_key(&edge, |habit| habit.edge)
            && let Some(habit) = self.edges.get_mut(at)
        {
            habit.count = habit.count.saturating_add(16);
            habit.days = u64::MAX;
        } else {
            self.opened(edge, time, usize::MAX);
            self.accept(edge, time);
        }
    }

    /// Forgets an edge: a person said that it was an attack.
    pub fn disown(&mut self, edge: Edge) {
        self.edges.retain(|habit| habit.edge != edge);
    }

    /// Takes note of a refusal.
    pub fn refused(&mut self, place: PlaceId, time: Time) {
        if self.refused.len() >= REFUSED {
            self.refused.pop_front();
        }
        self.refused.push_back((time, place));
    }

    /// Times it opened an edge that was new to it, in `since..=time`.
    #[must_use]
    pub fn firsts_since(&self, since: Time, time: Time) -> usize {
        self.firsts.iter().rev().filter(|first| (since..=time).contains(first)).count()
    }

    /// How often the sign of a detection was there.
    #[must_use]
    pub fn signs(&self, detection: u8) -> u32 {
        self.signs
            .binary_search_by_key(&detection, |(of, _)| *of)
            .ok()
            .and_then(|at| self.signs.get(at))
            .map_or(0, |(_, n)| *n)
    }

    /// Counts a sign.
    pub fn signed(&mut self, detection: u8, times: u32) {
        match self.signs.binary_search_by_key(&detection, |(of, _)| *of) {
            Ok(at) => {
                if let Some((_, count)) = self.signs.get_mut(at) {
                    *count = count.saturating_add(times);
                }
            }
            Err(at) => self.signs.insert(at, (detection, times)),
        }
    }

    /// Forgets what was not used since `cut`.
    pub fn age(&mut self, cut: Time) {
        let day = day(cut);
        self.edges.retain(|habit| habit.last >= day);
        self.edges.shrink_to(self.edges.len() + self.edges.len() / 4);
        self.machines.age(day);
        self.accounts.age(day);
        if let Some(learned) = &mut self.learned {
            learned.age(cut);
            if learned.is_empty() {
                self.learned = None;
            }
        }
    }

    fn heap(&self) -> usize {
        self.id.len()
            + self.edges.capacity() * size_of::<Habit>()
            + (self.machines.0.capacity() + self.accounts.0.capacity()) * size_of::<Met>()
            + self.signs.capacity() * 8
            + (self.firsts.capacity() + 2 * self.refused.capacity()) * 8
            + self.hops.capacity() * 4
            + self.delegates.capacity() * 4
            + self.learned.as_ref().map_or(0, |learned| learned.bytes())
    }
}

/// An agent, for whomever it acts.
#[derive(Debug, Clone, Copy, Default)]
struct Agent {
    sessions: u32,
    roots: u32,
}

/// Sessions for a root after which it is no longer foreign.
const SETTLED: u32 = 16;

/// All actors.
#[derive(Debug, Default)]
pub struct Actors {
    // A number is never used again: others may still hold it.
    actors: Vec<Option<Box<Actor>>>,
    by: Map<Fingerprint, ActorId>,
    classes: Map<Fingerprint, Class>,
    agents: Map<Fingerprint, Agent>,
    // Delegated sessions of agents that were known, and how many of them were the first for a root.
    new_roots: Rate,
    // Who holds a grant.
    grants: Map<Fingerprint, ActorId>,
    grant_order: VecDeque<Fingerprint>,
    // Where the round of ageing is.
    aged: usize,
}

/// Classes that are told apart; further ones share the first.
const CLASSES: u16 = 1024;
const GRANTS: usize = 1 << 20;

/// What the delegation of an event says.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Grant {
    /// The actor acts by delegation.
    pub is_delegated: bool,
    /// It acted for others before and only lately for this root: how probable habit makes that.
    pub foreign_root: Option<f64>,
    /// Its grant was made from one that belongs to another actor than those before.
    pub is_foreign_parent: bool,
}

impl Actors {
    /// The actor of an event, new if need be, and what its delegation says.
    pub fn of(&mut self, identity: &Identity) -> (ActorId, Grant) {
        let (root, actor) = (identity.root(), identity.actor());
        let class = self.class(&root.id, root.kind, false);
        let root_id = self.root(&root.id, class);
        if identity.chain().len() == 1 {
            return (root_id, Grant::default());
        }
        let class = self.class(&root.id, root.kind, true);
        let key = fingerprint::of((&root.id, &actor.id));
        let agent = fingerprint::of(("agent", &actor.id));
        let known = self.agents.get(&agent).copied().unwrap_or_default();
        let id = match self.by.get(&key) {
            Some(id) => *id,
            None => {
                let id = self.add(Actor::new(&actor.id, root_id, class), key);
                if let Some(root) = self.get_mut(root_id)
                    && root.delegates.len() < DELEGATES
                {
                    root.delegates.push(id);
                }
                id
            }
        };
        let sessions = self.get(id).map_or(0, |actor| actor.sessions);
        let is_lately = known.roots > 0
            && known.sessions > sessions
            && sessions < SETTLED
            && known.roots > u32::from(sessions > 0);
        let habit = || {
            let usual = self.new_roots.given(0.02, 20.0);
            Rate { trials: known.sessions, hits: known.roots - 1 }.given(usual, 50.0)
        };
        let foreign_root = is_lately.then(habit);
        let mut grant = Grant { is_delegated: true, foreign_root, is_foreign_parent: false };
        if let Some(delegation) = &identity.delegation {
            let holder = self.grants.get(&fingerprint::of(("grant", &delegation.parent))).copied();
            // The parent of a spliced grant is not taken over: the next one would look right.
            match (self.get(id).and_then(|actor| actor.parent), holder) {
                (Some(parent), Some(holder)) => grant.is_foreign_parent = parent != holder,
                (None, Some(holder)) if holder != id => {
                    if let Some(actor) = self.get_mut(id) {
                        actor.parent = Some(holder);
                    }
                }
                _ => {}
            }
            self.grant(fingerprint::of(("grant", &delegation.id)), id);
        }
        (id, grant)
    }

    fn root(&mut self, id: &str, class: Class) -> ActorId {
        let key = fingerprint::of(("root", id));
        match self.by.get(&key) {
            Some(id) => *id,
            None => {
                let itself = ActorId(u32::try_from(self.actors.len()).unwrap_or(u32::MAX));
                self.add(Actor::new(id, itself, class), key)
            }
        }
    }

    fn add(&mut self, mut actor: Actor, key: Fingerprint) -> ActorId {
        actor.key = key;
        actor.agent = fingerprint::of(("agent", &actor.id));
        let id = ActorId(u32::try_from(self.actors.len()).unwrap_or(u32::MAX));
        self.actors.push(Some(Box::new(actor)));
        self.by.insert(key, id);
        id
    }

    /// `user:ana` and `ci:build-7` are of two name spaces, and what is usual for one is not for the other.
    fn class(&mut self, id: &str, kind: PrincipalKind, is_delegated: bool) -> Class {
        let space = id.split_once(':').map_or("", |(space, _)| space);
        let key = fingerprint::of((kind as u8, space, is_delegated));
        let next = u16::try_from(self.classes.len()).unwrap_or(CLASSES);
        if next >= CLASSES {
            return self.classes.get(&key).copied().unwrap_or(Class(0));
        }
        *self.classes.entry(key).or_insert(Class(next))
    }

    fn grant(&mut self, grant: Fingerprint, holder: ActorId) {
        if self.grants.insert(grant, holder).is_none() {
            self.grant_order.push_back(grant);
            if self.grant_order.len() > GRANTS
                && let Some(oldest) = self.grant_order.pop_front()
            {
                self.grants.remove(&oldest);
            }
        }
    }

    /// Takes note of a session by delegation, after so many for the same root.
    pub fn delegated_before(&mut self, id: ActorId, sessions: u32) {
        let Some(agent) = self.get(id).map(|actor| actor.agent) else { return };
        let known = self.agents.entry(agent).or_default();
        if known.roots > 0 {
            self.new_roots.count(sessions == 0);
        }
        known.sessions = known.sessions.saturating_add(1);
        known.roots = known.roots.saturating_add(u32::from(sessions == 0));
    }

    /// Ages a few actors more in the round through all of them, so that no event waits for all.
    pub fn age_some(&mut self, cut: Time) {
        for _ in 0..2 {
            let Some(slot) = self.actors.get_mut(self.aged) else {
                self.aged = 0;
                return;
            };
            self.aged += 1;
            // Once a day is enough.
            let today = day(cut);
            let Some(actor) = slot.as_mut().filter(|actor| actor.aged != today) else { continue };
            actor.aged = today;
            actor.age(cut);
            let delegates = std::mem::take(&mut actor.delegates);
            let is_gone = actor.clock < cut && actor.edges.is_empty() && actor.learned.is_none();
            let (key, agent) = (actor.key, actor.agent);
            let delegates: Vec<_> = delegates.into_iter().filter(|one| self.get(*one).is_some()).collect();
            let is_gone = is_gone && delegates.is_empty();
            if let Some(slot) = self.actors.get_mut(self.aged - 1) {
                if is_gone {
                    *slot = None;
                    self.by.remove(&key);
                    self.agents.remove(&agent);
                } else if let Some(actor) = slot {
                    actor.delegates = delegates;
                }
            }
        }
    }

    /// One actor.
    #[must_use]
    pub fn get(&self, id: ActorId) -> Option<&Actor> {
        self.actors.get(id.0 as usize)?.as_deref()
    }

    /// One actor, to be changed.
    pub fn get_mut(&mut self, id: ActorId) -> Option<&mut Actor> {
        self.actors.get_mut(id.0 as usize)?.as_deref_mut()
    }

    /// A root by its id.
    #[must_use]
    pub fn find(&self, root: &str) -> Option<ActorId> {
        self.by.get(&fingerprint::of(("root", root))).copied()
    }

    /// The id of an actor; empty if it is none.
    #[must_use]
    pub fn name(&self, id: ActorId) -> &str {
        self.get(id).map_or("", |actor| &actor.id)
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by.is_empty()
    }

    /// How many edges are remembered.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.actors.iter().flatten().map(|actor| actor.edges.len()).sum()
    }

    /// Bytes held, about.
    pub(crate) fn bytes(&self) -> usize {
        self.actors.capacity() * 8
            + self.actors.iter().flatten().count() * size_of::<Actor>()
            + (self.by.capacity() + self.agents.capacity() + self.grants.capacity()) * 13
            + self.grant_order.capacity() * 8
            + self.actors.iter().flatten().map(|actor| actor.heap()).sum::<usize>()
    }
}
