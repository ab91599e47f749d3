//! Who acts, and what each does as a matter of course. An actor is one principal acting for one root; the root itself is
//! the actor that acts for itself. What is held is small and flat: there may be millions.

use crate::acquaintances::Acquaintances;
use crate::fingerprint::Fingerprint;
use crate::place::PlaceId;
use interdict_schemas::{Protocol, Time};
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

/// One actor.
#[derive(Debug)]
pub struct Actor {
    /// Its id as the issuer names it.
    pub id: Box<str>,
    /// For whom it acts; itself if for nobody else.
    pub root: ActorId,
    pub(crate) key: Fingerprint,
    pub(crate) agent: Fingerprint,
    pub(crate) aged: u16,
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
    /// Sessions by the pause before them, see [`crate::rhythm`].
    pub(crate) pauses: [u16; crate::rhythm::PAUSES],
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

impl Actor {
    pub(crate) fn new(id: &str, root: ActorId, class: Class) -> Self {
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
            pauses: [0; crate::rhythm::PAUSES],
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

    /// Bytes behind it, about.
    pub(crate) fn heap(&self) -> usize {
        self.id.len()
            + self.edges.capacity() * size_of::<Habit>()
            + self.machines.bytes()
            + self.accounts.bytes()
            + self.signs.capacity() * 8
            + (self.firsts.capacity() + 2 * self.refused.capacity()) * 8
            + self.hops.capacity() * 4
            + self.delegates.capacity() * 4
            + self.learned.as_ref().map_or(0, |learned| learned.bytes())
    }
}
