//! Sessions that may still go on: who acts in them, where they came from, the last thing asked for.

use crate::actor::Edge;
use crate::asked::Asked;
use crate::fingerprint::{self, Fingerprint};
use crate::index::{Index, index};
use crate::learned::{Teaching, Told};
use crate::place::source_name;
use crate::slab::Slab;
use crate::snapshot::Error;
use crate::texts::Texts;
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
    // What shows it, where it comes from, the account.
    texts: Texts<3>,
    /// The last action asked for.
    asked: Asked,
    /// Whether it has ended.
    is_closed: bool,
}

impl Session {
    /// The session that an event shows first.
    pub(crate) fn new(event: &Event, edge: Edge) -> Self {
        Self {
            edge,
            opened: event.time,
            seen: event.time,
            key: key(&event.session),
            texts: Texts::of([&event.id, &source_name(event), &event.account.name]),
            asked: Asked::default(),
            is_closed: false,
        }
    }

    /// The event that showed it first, its source's name, and the account there.
    pub(crate) fn texts(&self) -> [&str; 3] {
        self.texts.all()
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

/// The fingerprint by which a session is found.
pub(crate) fn key(id: &str) -> Fingerprint {
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
    fn number(&self, key: Fingerprint) -> Option<u32> {
        self.by.find(key, |number| self.sessions.get(number).map(|session| session.key))
    }

    /// Looks at where a session of this key stands, or will.
    pub(crate) fn touch(&self, key: Fingerprint) -> bool {
        self.number(key).is_some()
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
        self.sessions.get(self.number(key(id))?)
    }

    /// Takes note of an event of a session that is known; whether it is.
    pub(crate) fn hear(&mut self, event: &Event) -> bool {
        let session = self.number(key(&event.session)).and_then(|number| self.sessions.get_mut(number));
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
        let [opening, source, account] = session.map(Session::texts).unwrap_or_default();
        let told = Told {
            event: "",
            asked: "",
            what: &presented.field,
            session: &presented.session,
            opening,
            actor: &event.identity.actor().id,
            source,
            account,
            target: &presented.target,
        };
        let opened = session.map_or(event.time, |session| session.opened);
        let edge = session.map_or(edge, |session| session.edge);
        Teaching::new(told, edge, opened, [opened, event.time])
    }

    /// How many are held.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Bytes held, about.
    pub(crate) fn bytes(&self) -> usize {
        let texts = |session: &Session| session.texts.bytes() + session.asked.bytes();
        self.sessions.bytes()
            + self.by.bytes()
            + 4 * self.free.capacity()
            + self.sessions.iter().map(texts).sum::<usize>()
    }
}
