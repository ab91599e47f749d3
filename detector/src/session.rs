//! Sessions that may still go on: who acts in them, where they came from, the last thing asked for.

use crate::actor::Edge;
use crate::fingerprint::Map;
use crate::learned::Teaching;
use interdict_schemas::{DecoyUse, Event, Time};

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    /// Where it goes.
    pub(crate) edge: Edge,
    /// When it was admitted.
    pub(crate) opened: Time,
    /// The event that showed it first.
    pub(crate) opening: Box<str>,
    /// Its source's name.
    pub(crate) source: Box<str>,
    /// The account there.
    pub(crate) account: Box<str>,
    /// Its newest event.
    pub(crate) seen: Time,
    /// Whether it has ended.
    pub(crate) is_closed: bool,
    /// The last action asked for.
    pub(crate) asked: Asked,
}

/// The last action asked for in a session, kept to say in an explanation what was read.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The action's id.
    pub(crate) action: String,
    /// The event that recorded it.
    pub(crate) event: String,
    /// It in a few words.
    pub(crate) what: String,
}

/// All that may go on.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    sessions: Map<Box<str>, Session>,
    sweep_at: usize,
}

/// An ended session may still have events that came late.
const LATE_S: i64 = 120;
/// One of which nothing is heard so long has ended unseen.
const SILENT_S: i64 = 2 * 86_400;
const FIRST_SWEEP: usize = 1 << 12;

impl Sessions {
    /// A session by its id.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Session> {
        self.sessions.get_mut(id)
    }

    /// Adds one; now and then forgets those that have ended, at a constant share of the cost per session.
    pub(crate) fn add(&mut self, id: &str, session: Session, bound: usize) -> usize {
        let now = session.seen;
        self.sessions.insert(id.into(), session);
        if self.sessions.len() < self.sweep_at.max(FIRST_SWEEP) {
            return 0;
        }
        self.sessions.retain(|_, session| {
            session.seen >= now.plus_seconds(if session.is_closed { -LATE_S } else { -SILENT_S })
        });
        let beyond = self.sessions.len().saturating_sub(bound);
        if beyond > 0 {
            let mut seen: Vec<_> = self.sessions.values().map(|session| session.seen).collect();
            let (_, cut, _) = seen.select_nth_unstable(beyond - 1);
            let cut = *cut;
            self.sessions.retain(|_, session| session.seen > cut);
        }
        self.sweep_at = self.sessions.len() * 2;
        beyond
    }

    /// Where a decoy that was presented comes from, as far as it is known.
    #[must_use]
    pub(crate) fn planted(&self, presented: &DecoyUse, event: &Event, edge: Edge) -> Teaching {
        let session = self.sessions.get(presented.session.as_str());
        let text = |text: fn(&Session) -> &str| session.map(text).unwrap_or_default().into();
        Teaching {
            event: "".into(),
            asked: None,
            what: presented.field.as_str().into(),
            from: session.map_or(event.time, |session| session.opened),
            time: event.time,
            session: presented.session.as_str().into(),
            opened: session.map_or(event.time, |session| session.opened),
            opening: text(|session| &session.opening),
            actor: event.identity.actor().id.as_str().into(),
            source: text(|session| &session.source),
            account: text(|session| &session.account),
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
        self.sessions.capacity() * (size_of::<Session>() + 17) + self.sessions.len() * 160
    }
}
