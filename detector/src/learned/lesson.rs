//! What one response taught: its values, and all that is told of where they were read. There are many, and each is three
//! pieces of memory however much it holds; whoever looks for a lesson finds in it what is asked first.

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
    texts: Texts<9>,
}

/// What is told of a response that taught something.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told<'a> {
    /// The event that carries the disclosures.
    pub event: &'a str,
    /// The event in which the action was asked for; empty if it is the same one, or not known.
    pub asked: &'a str,
    /// What was read, in a few words; empty if not known.
    pub what: &'a str,
    /// The session in which it was.
    pub session: &'a str,
    /// The event that shows the session first.
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

/// A response, and all values that are remembered of it, one after the other.
#[derive(Debug)]
struct Response {
    teaching: Teaching,
    values: Box<str>,
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
    // Where the value begins and ends.
    at: [u32; 2],
    response: Arc<Response>,
}

impl Lesson {
    /// The value as it was read.
    #[must_use]
    pub fn value(&self) -> &str {
        let [from, to] = self.at;
        self.response.values.get(from as usize..to as usize).unwrap_or_default()
    }

    /// The response.
    #[must_use]
    pub fn teaching(&self) -> &Teaching {
        &self.response.teaching
    }

    /// When the response ended.
    #[must_use]
    pub const fn time(&self) -> Time {
        self.time
    }

    /// When it began.
    pub(super) const fn from(&self) -> Time {
        self.from
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

/// What a response taught, a lesson for each value.
pub(super) fn lessons<'a>(
    teaching: Teaching,
    taught: impl Iterator<Item = (DisclosureKind, &'a str)>,
) -> impl Iterator<Item = Lesson> {
    let mut values = String::new();
    let end = |values: &String| u32::try_from(values.len()).unwrap_or(u32::MAX);
    let mut places = Vec::with_capacity(taught.size_hint().0);
    for (kind, value) in taught {
        let from = end(&values);
        values.push_str(value.char_indices().nth(LONGEST).and_then(|(at, _)| value.get(..at)).unwrap_or(value));
        places.push((kind, [from, end(&values)]));
    }
    let Teaching { from, time, edge, .. } = teaching;
    let response = Arc::new(Response { teaching, values: values.into() });
    places.into_iter().map(move |(kind, at)| Lesson {
        kind,
        place: edge.place,
        from,
        time,
        at,
        response: Arc::clone(&response),
    })
}

/// Values are kept so long, in characters, to be told.
const LONGEST: usize = 120;
