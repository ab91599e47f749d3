//! Reading ahead. Where identities are many, an event asks for much that was not looked at for long, one thing after the
//! other, and the fold waits for memory longer than it computes. So before some events are folded, what they will ask
//! for is touched, for all of them one kind of thing after the other: those waits overlap, which they do not where one
//! thing says where the next one is. Nothing is decided here and nothing changed.
//!
//! INVARIANT: an event is only looked up here, by what the fold looks it up by; so nothing panics here that does not there,
//! where it costs one event.

use super::Detector;
use crate::{actors, fingerprint, places, session};
use interdict_schemas::Event;
use std::hint::black_box;

/// Events that are read ahead of at once: of more, what was touched first may be gone from the cache again.
pub const AHEAD: usize = 64;

impl Detector {
    /// Reads ahead of events that will be folded next, [`AHEAD`] of them at best.
    pub fn read_ahead<'a>(&self, events: impl Iterator<Item = &'a Event> + Clone) {
        // By what something is found is computed before any is looked for: the processor waits for a dozen things at
        // once, if they are asked for one close to the other.
        let telling = || events.clone().filter(|event| super::says_more(event));
        let ids: Vec<_> = events.clone().map(|event| fingerprint::of(&event.id)).collect();
        let sessions: Vec<_> = events.clone().map(|event| session::key(&event.session)).collect();
        let actors: Vec<_> = telling().map(|event| actors::key(&event.identity)).collect();
        let places: Vec<_> = telling().map(|event| places::key(&event.target)).collect();
        for id in ids {
            black_box(self.recent.touch(id));
        }
        for session in sessions {
            black_box(self.sessions.touch(session));
        }
        let actors: Vec<_> = actors.into_iter().filter_map(|key| self.actors.by(key)).collect();
        let places: Vec<_> = places.into_iter().filter_map(|key| self.places.by(key)).collect();
        for actor in actors.iter().filter_map(|id| self.actors.get(*id)) {
            black_box(actor.touch());
            // What was learned is its root's.
            black_box(self.actors.get(actor.root).map(|root| root.touch()));
        }
        for place in places.iter().filter_map(|id| self.places.get(*id)) {
            black_box(place.touch());
        }
    }
}
