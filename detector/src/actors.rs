//! All actors: who an event's identity is, and what its delegation says; ageing, a few at a time.

use crate::actor::{Actor, ActorId, Class, day};
use crate::fingerprint::{self, Fingerprint, Map};
use crate::likelihood::Rate;
use interdict_schemas::{Identity, PrincipalKind, Time};
use std::collections::VecDeque;

/// Delegates of one root by name.
const DELEGATES: usize = 64;

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
            let is_gone = actor.clock < cut && actor.edges().is_empty() && actor.learned.is_none();
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
        self.actors.iter().flatten().map(|actor| actor.edges().len()).sum()
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
