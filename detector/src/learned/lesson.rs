//! What one response taught: its values, and all that is told of where they were read. There are many; so a response is
//! two pieces of memory, and whoever looks for a lesson finds in it what is asked first.

use crate::actor::Edge;
use crate::place::PlaceId;
use crate::texts::Texts;
use interdict_schemas::{DisclosureKind, Time};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One response that taught something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Teaching {
    /// When the session was admitted in which it was.
    pub opened: Time,
    /// When the response began: its first row may have taught long before its last.
    pub from: Time,
    /// When the response ended.
    pub time: Time,
    /// From which target, over which protocol.
    pub edge: Edge,
    // As [`Told`].
    texts: Texts<9>,
}

/// What is told of a response that taught something.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told<'a> {
    /// The event that carries the disclosures; empty if it is not known.
    pub event: &'a str,
    /// The event in which the action was asked for; empty if it is the same one, or not known.
    pub asked: &'a str,
    /// What was read, in a few words; empty if not known.
    pub what: &'a str,
    /// The session in which it was.
    pub session: &'a str,
    /// The event that shows the session first; empty, as source and account, if the session is not known.
    pub opening: &'a str,
    /// Who read it.
    pub actor: &'a str,
    /// From where.
    pub source: &'a str,
    /// As which account.
    pub account: &'a str,
    /// The name of the target that it was read from.
    pub target: &'a str,
}

impl Teaching {
    /// A response in a session over `edge` that was `opened` then, begun and ended at these times.
    #[must_use]
    pub fn new(told: Told<'_>, edge: Edge, opened: Time, [from, time]: [Time; 2]) -> Self {
        let Told { event, asked, what, session, opening, actor, source, account, target } = told;
        let texts = Texts::of([event, asked, what, session, opening, actor, source, account, target]);
        Self { opened, from, time, edge, texts }
    }

    /// What is told of it.
    #[must_use]
    pub fn told(&self) -> Told<'_> {
        let [event, asked, what, session, opening, actor, source, account, target] = self.texts.all();
        Told { event, asked, what, session, opening, actor, source, account, target }
    }
}

/// One value learned from one response.
#[derive(Debug, Clone)]
pub struct Lesson {
    /// What kind of value.
    pub kind: DisclosureKind,
    // As in the response's teaching: whoever looks for a lesson asks for it of each.
    place: PlaceId,
    from: Time,
    time: Time,
    value: Box<str>,
    teaching: Arc<Teaching>,
}

impl Lesson {
    /// What a response taught of one value.
    pub(super) fn new(kind: DisclosureKind, value: &str, teaching: &Arc<Teaching>) -> Self {
        let Teaching { from, time, edge, .. } = **teaching;
        let begin = value.char_indices().nth(LONGEST).and_then(|(at, _)| value.get(..at));
        let value = begin.unwrap_or(value).into();
        Self { kind, place: edge.place, from, time, value, teaching: Arc::clone(teaching) }
    }

    /// The value as it was read, or its beginning.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The response.
    #[must_use]
    pub const fn teaching(&self) -> &Arc<Teaching> {
        &self.teaching
    }

    /// When the response began.
    pub(super) const fn from(&self) -> Time {
        self.from
    }

    /// When the response ended.
    #[must_use]
    pub const fn time(&self) -> Time {
        self.time
    }

    /// Where it was read.
    pub(super) const fn place(&self) -> PlaceId {
        self.place
    }

    /// Whether it is what lets somebody in.
    pub(super) const fn is_secret(&self) -> bool {
        matches!(self.kind, DisclosureKind::Credential | DisclosureKind::Account | DisclosureKind::Decoy)
    }
}

/// Values are kept so long, in characters, to be told.
const LONGEST: usize = 120;

/// A response that a hop used, as it is written out.
pub(crate) mod taught {
    use super::{Arc, Teaching};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(taught: &Option<Arc<Teaching>>, serializer: S) -> Result<S::Ok, S::Error> {
        taught.as_deref().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Arc<Teaching>>, D::Error> {
        Ok(Option::<Teaching>::deserialize(deserializer)?.map(Arc::new))
    }
}
