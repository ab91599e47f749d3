//! All actors: who an event's identity is, and what its delegation says; ageing, a few at a time.

use crate::actor::{Actor, ActorId, Class, Cuts, day};
use crate::chain::Chains;
use crate::fingerprint::{self, Fingerprint, Map};
use crate::habit::HALF_LIFE_DAYS;
use crate::index::{Index, index};
use crate::likelihood::Rate;
use crate::round::Round;
use crate::slab::Slab;
use crate::snapshot::Error;
use interdict_schemas::{Identity, PrincipalKind};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::collections::hash_map::Entry;

/// Delegates of one root by name.
const DELEGATES: usize = 64;

/// An agent, for whomever it acts.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Agent {
    sessions: u32,
    roots: u32,
}

/// Sessions for a root after which it is no longer foreign.
const SETTLED: u32 = 16;

/// All actors.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Actors {
    // A number is never used again: others may still hold it.
    #[serde(skip)]
    actors: Slab<Actor>,
    #[serde(skip)]
    by: Index,
    classes: Map<Fingerprint, Class>,
    agents: Map<Fingerprint, Agent>,
    // Delegated sessions of agents that were known, and how many of them were the first for a root.
    new_roots: Rate,
    // Who holds a grant.
    grants: Map<Fingerprint, ActorId>,
    grant_order: VecDeque<Fingerprint>,
    round: Round,
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

fn root_key(id: &str) -> Fingerprint {
    fingerprint::of(("root", id))
}

/// The fingerprint by which the actor of an identity is found.
pub(crate) fn key(identity: &Identity) -> Fingerprint {
    let (root, actor) = (identity.root(), identity.actor());
    if identity.chain().len() == 1 { root_key(&root.id) } else { fingerprint::of(("delegate", &root.id, &actor.id)) }
}

impl Actors {
    /// The actor of an event, new if need be, and what its delegation says; which counts from now on only if it `is_let_in`.
    pub fn of(&mut self, identity: &Identity, is_let_in: bool) -> (ActorId, Grant) {
        let (root, actor) = (identity.root(), identity.actor());
        let of_root = root_key(&root.id);
        let root_id = self.by(of_root).unwrap_or_else(|| {
            let class = self.class(&root.id, root.kind, false);
            let itself = ActorId(self.actors.end());
            self.add(Actor::new(&root.id, of_root, itself, class))
        });
        if identity.chain().len() == 1 {
            return (root_id, Grant::default());
        }
        let of_actor = key(identity);
        let id = self.by(of_actor).unwrap_or_else(|| {
            let class = self.class(&root.id, root.kind, true);
            let id = self.add(Actor::new(&actor.id, of_actor, root_id, class));
            if let Some(root) = self.get_mut(root_id) {
                root.delegated(id, DELEGATES);
            }
            id
        });
        let sessions = self.get(id).map_or(0, |actor| actor.sessions);
        let foreign_root = if sessions < SETTLED { self.foreign_root(&actor.id, sessions) } else { None };
        let mut grant = Grant { is_delegated: true, foreign_root, is_foreign_parent: false };
        if let Some(delegation) = &identity.delegation {
            let parent = Some(&delegation.parent).filter(|parent| !parent.is_empty());
            let holder = parent.and_then(|parent| self.grants.get(&fingerprint::of(("grant", parent)))).copied();
            // The parent of a spliced grant is not taken over: the next one would look right.
            match (self.get(id).and_then(Actor::parent), holder) {
                (Some(parent), Some(holder)) => grant.is_foreign_parent = parent != holder,
                (None, Some(holder)) if holder != id && is_let_in => {
                    if let Some(actor) = self.get_mut(id) {
                        actor.descend(holder);
                    }
                }
                _ => {}
            }
            if is_let_in && !delegation.id.is_empty() {
                self.grant(fingerprint::of(("grant", &delegation.id)), id);
            }
        }
        (id, grant)
    }

    /// How probable habit makes it that an agent acts for a root for which it had only so many sessions; nothing if it
    /// acts for no other.
    fn foreign_root(&self, agent: &str, sessions: u32) -> Option<f64> {
        let known = self.agents.get(&fingerprint::of(("agent", agent)))?;
        let is_lately = known.roots > u32::from(sessions > 0) && known.sessions > sessions;
        is_lately.then(|| {
            let usual = self.new_roots.given(0.02, 20.0);
            Rate { trials: known.sessions, hits: known.roots - 1 }.given(usual, 50.0)
        })
    }

    /// The actor that is found by a key, if it is known.
    pub(crate) fn by(&self, key: Fingerprint) -> Option<ActorId> {
        self.by.find(key, |number| self.actors.get(number).map(|actor| actor.key)).map(ActorId)
    }

    fn add(&mut self, actor: Actor) -> ActorId {
        let key = actor.key;
        let number = self.actors.push(actor);
        self.by.insert(key, number, |number| self.actors.get(number).map(|actor| actor.key));
        ActorId(number)
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
        // Its first holder's: whoever names it later is not believed.
        let Entry::Vacant(vacant) = self.grants.entry(grant) else { return };
        vacant.insert(holder);
        self.grant_order.push_back(grant);
        if self.grant_order.len() > GRANTS
            && let Some(oldest) = self.grant_order.pop_front()
        {
            self.grants.remove(&oldest);
        }
    }

    /// Takes note of a session by delegation, after so many for the same root.
    pub fn delegated_before(&mut self, id: ActorId, sessions: u32) {
        let Some(agent) = self.get(id).map(|actor| fingerprint::of(("agent", &actor.id))) else { return };
        let known = self.agents.entry(agent).or_default();
        if known.roots > 0 {
            self.new_roots.count(sessions == 0);
        }
        known.sessions = known.sessions.saturating_add(1);
        known.roots = known.roots.saturating_add(u32::from(sessions == 0));
    }

    /// Ages a few actors more.
    pub fn age_some(&mut self, cuts: Cuts, chains: &Chains) {
        let turns = self.round.turn(day(cuts.habit), self.actors.end(), |from| self.actors.next(from));
        for number in turns.into_iter().flatten() {
            self.age_one(number, cuts, chains);
        }
    }

    fn age_one(&mut self, number: u32, cuts: Cuts, chains: &Chains) {
        let Some(actor) = self.actors.get(number) else { return };
        let gone: Vec<_> = actor.delegates().iter().copied().filter(|one| self.get(*one).is_none()).collect();
        let Some(actor) = self.actors.get_mut(number) else { return };
        if !gone.is_empty() {
            actor.keep_delegates(|one| !gone.contains(one));
        }
        actor.age(cuts, chains);
        // Each on a day of its own: one round is a day's.
        if number.wrapping_add(day(cuts.habit).into()).is_multiple_of(HALF_LIFE_DAYS.into()) {
            actor.fade();
        }
        // Who was only refused has no habit and no session: it is remembered as long as that says something.
        let is_gone = actor.clock < cuts.habit && actor.edges().is_empty() && actor.is_plain();
        if is_gone {
            let (key, agent) = (actor.key, fingerprint::of(("agent", &actor.id)));
            // Only with its first session was it counted.
            if actor.root != ActorId(number) && actor.sessions > 0 {
                self.forget_root(agent);
            }
            self.by.remove(key, number);
            self.actors.remove(number);
        }
    }

    /// An agent is known as long as it is for one of its roots.
    fn forget_root(&mut self, agent: Fingerprint) {
        let Some(known) = self.agents.get_mut(&agent) else { return };
        known.roots = known.roots.saturating_sub(1);
        if known.roots == 0 {
            self.agents.remove(&agent);
        }
    }

    /// All of them, to be written out and read back.
    pub(crate) const fn slab(&self) -> &Slab<Actor> {
        &self.actors
    }

    /// The same, to be changed.
    pub(crate) const fn slab_mut(&mut self) -> &mut Slab<Actor> {
        &mut self.actors
    }

    /// Finds its way about what was read back.
    pub(crate) fn restored(&mut self, end: u32) -> Result<(), Error> {
        self.actors.restored(end);
        self.by = index(&self.actors, |actor| actor.key).ok_or(Error::Frame("an actor twice"))?;
        Ok(())
    }

    /// One actor.
    #[must_use]
    pub fn get(&self, id: ActorId) -> Option<&Actor> {
        self.actors.get(id.0)
    }

    /// One actor, to be changed.
    pub fn get_mut(&mut self, id: ActorId) -> Option<&mut Actor> {
        self.actors.get_mut(id.0)
    }

    /// The id of an actor; empty if it is none.
    #[must_use]
    pub fn name(&self, id: ActorId) -> &str {
        self.get(id).map_or("", |actor| &actor.id)
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.actors.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actors.len() == 0
    }

    /// How many edges are remembered.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.actors.iter().map(|actor| actor.edges().len()).sum()
    }

    /// Bytes held, about.
    pub(crate) fn bytes(&self) -> usize {
        self.actors.bytes()
            + self.by.bytes()
            + (self.agents.capacity() + self.grants.capacity()) * 17
            + self.grant_order.capacity() * 8
            + self.actors.iter().map(Actor::heap).sum::<usize>()
    }
}
