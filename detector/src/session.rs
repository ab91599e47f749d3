//! Sessions that may still go on: who acts in them, where they came from, the last thing asked for.

use crate::actor::Edge;
use crate::asked::Asked;
use crate::fingerprint::{self, Fingerprint};
use crate::index::{Index, index};
use crate::learned::Teaching;
use crate::place::source_name;
use crate::slab::Slab;
use crate::snapshot::Error;
use interdict_schemas::{DecoyUse, Event, Kind, Time};
use serde::{Deserialize, Serialize};

/// One session.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Where it goes.
    pub(crate) edge: Edge,
    /// When it was admitted.
    pub(crate) opened: Time,
    /// Its newest event.
    pub(crate) seen: Time,
    // Its id.
    key: Fingerprint,
    // One after the other: what shows it, where it comes from, the account; and where the first two end.
    texts: Box<str>,
    ends: [u32; 2],
    /// The last action asked for.
    asked: Asked,
    /// Whether it has ended.
    is_closed: bool,
}

impl Session {
    /// The session that an event shows first.
    pub(crate) fn new(event: &Event, edge: Edge) -> Self {
        let (source, account) = (source_name(event), &event.account.name);
        let end = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let ends = [end(event.id.len()), end(event.id.len() + source.len())];
        Self {
            edge,
            opened: event.time,
            seen: event.time,
            key: key(&event.session),
            texts: [&*event.id, &*source, account].concat().into(),
            ends,
            asked: Asked::default(),
            is_closed: false,
        }
    }

    fn text(&self, from: usize, to: usize) -> &str {
        self.texts.get(from..to).unwrap_or_default()
    }

    /// The event that showed it first.
    pub(crate) fn opening(&self) -> &str {
        self.text(0, self.ends[0] as usize)
    }

    /// Its source's name.
    pub(crate) fn source(&self) -> &str {
        self.text(self.ends[0] as usize, self.ends[1] as usize)
    }

    /// The account there.
    pub(crate) fn account(&self) -> &str {
        self.text(self.ends[1] as usize, self.texts.len())
    }

    /// The last action asked for.
    pub(crate) const fn asked(&self) -> &Asked {
        &self.asked
    }

    /// Takes note of an event of it: when something last was, what was asked for, the end.
    pub(crate) fn hear(&mut self, event: &Event) {
        self.seen = self.seen.max(event.time);
        match &event.kind {
            Kind::Closed(_) => {
                self.is_closed = true;
                self.asked = Asked::default();
            }
            Kind::Acted { action, .. } => self.asked.note(action, event),
            Kind::Opened | Kind::Refused(_) | Kind::Resulted { .. } => {}
        }
    }
}

fn key(id: &str) -> Fingerprint {
    fingerprint::of(("session", id))
}

/// All that may go on.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sessions {
    #[serde(skip)]
    sessions: Slab<Session>,
    #[serde(skip)]
    by: Index,
    // Numbers that can be given out again.
    #[serde(skip)]
    free: Vec<u32>,
    sweep_at: usize,
}

/// An ended session may still have events that came late.
const LATE_S: i64 = 120;
/// One of which nothing is heard so long has ended unseen.
const SILENT_S: i64 = 2 * 86_400;
const FIRST_SWEEP: usize = 1 << 12;

impl Sessions {
    fn number(&self, id: &str) -> Option<u32> {
        self.by.find(key(id), |number| self.sessions.get(number).map(|session| session.key))
    }

    /// All of them, to be written out and read back.
    pub(crate) const fn slab(&self) -> &Slab<Session> {
        &self.sessions
    }

    /// The same, to be changed.
    pub(crate) const fn slab_mut(&mut self) -> &mut Slab<Session> {
        &mut self.sessions
    }

    /// Finds its way about what was read back.
    pub(crate) fn restored(&mut self) -> Result<(), Error> {
        self.free = self.sessions.free();
        self.by = index(&self.sessions, |session| session.key).ok_or(Error::Frame("a session twice"))?;
        Ok(())
    }

    /// A session by its id.
    pub(crate) fn get(&self, id: &str) -> Option<&Session> {
        self.sessions.get(self.number(id)?)
    }

    /// Takes note of an event of a session that is known; whether it is.
    pub(crate) fn hear(&mut self, event: &Event) -> bool {
        let session = self.number(&event.session).and_then(|number| self.sessions.get_mut(number));
        session.map(|session| session.hear(event)).is_some()
    }

    /// Adds one that is not there; now and then forgets those that have ended, at a constant share of the cost per
    /// session.
    pub(crate) fn add(&mut self, session: Session, now: Time, bound: usize) -> usize {
        let key = session.key;
        let number = match self.free.pop() {
            Some(number) => {
                self.sessions.put(number, session);
                number
            }
            None => self.sessions.push(session),
        };
        self.by.insert(key, number, |number| self.sessions.get(number).map(|session| session.key));
        if self.sessions.len() < self.sweep_at.max(FIRST_SWEEP) {
            return 0;
        }
        self.forget(|session| session.seen < now.plus_seconds(if session.is_closed { -LATE_S } else { -SILENT_S }));
        let beyond = self.sessions.len().saturating_sub(bound);
        if beyond > 0 {
            let mut seen: Vec<_> = self.sessions.iter().map(|session| session.seen).collect();
            let (_, cut, _) = seen.select_nth_unstable(beyond - 1);
            let cut = *cut;
            self.forget(|session| session.seen <= cut);
        }
        self.sweep_at = self.sessions.len() * 2;
        beyond
    }

    fn forget(&mut self, is_gone: impl Fn(&Session) -> bool) {
        for number in 0..self.sessions.end() {
            let Some(session) = self.sessions.get(number).filter(|session| is_gone(session)) else { continue };
            self.by.remove(session.key, number);
            self.sessions.remove(number);
            self.free.push(number);
        }
    }

    /// Where a decoy that was presented comes from, as far as it is known.
    #[must_use]
    pub(crate) fn planted(&self, presented: &DecoyUse, event: &Event, edge: Edge) -> Teaching {
        let session = self.get(&presented.session);
        let text = |text: fn(&Session) -> &str| session.map(text).unwrap_or_default().into();
        Teaching {
            event: "".into(),
            asked: None,
            what: presented.field.as_str().into(),
            from: session.map_or(event.time, |session| session.opened),
            time: event.time,
            session: presented.session.as_str().into(),
            opened: session.map_or(event.time, |session| session.opened),
            opening: text(Session::opening),
            actor: event.identity.actor().id.as_str().into(),
            source: text(Session::source),
            account: text(Session::account),
            place: session.map_or(edge.place, |session| session.edge.place),
            target: presented.target.as_str().into(),
            protocol: session.map_or(edge.protocol, |session| session.edge.protocol),
        }
    }

    /// How many are held.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Bytes held, about.
    pub(crate) fn bytes(&self) -> usize {
        let texts = |session: &Session| session.texts.len() + session.asked.bytes();
        self.sessions.bytes()
            + self.by.bytes()
            + 4 * self.free.capacity()
            + self.sessions.iter().map(texts).sum::<usize>()
    }
}
