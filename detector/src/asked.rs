//! The last action asked for in a session, kept to say in an explanation what was read. Nearly every event brings another
//! one, so that it is one piece of memory, which is written over.

use crate::words;
use interdict_schemas::{Action, Event};
use serde::{Deserialize, Serialize};

/// The last action asked for; empty if none was.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Asked {
    // One after the other: the action's id, the event that recorded it, it in a few words; and where the first two end.
    text: String,
    ends: [u32; 2],
}

impl Asked {
    /// Takes note of an action and the event that recorded it.
    pub(crate) fn note(&mut self, action: &Action, event: &Event) {
        let end = |text: &String| u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.text.clone_from(&action.id);
        self.ends[0] = end(&self.text);
        self.text.push_str(&event.id);
        self.ends[1] = end(&self.text);
        words::describe(action, &mut self.text);
    }

    fn part(&self, from: u32, to: usize) -> &str {
        self.text.get(from as usize..to).unwrap_or_default()
    }

    /// Whether it is the action of this id.
    pub(crate) fn is(&self, action: Option<&str>) -> bool {
        !self.text.is_empty() && action == Some(self.part(0, self.ends[0] as usize))
    }

    /// The event that recorded it.
    pub(crate) fn event(&self) -> &str {
        self.part(self.ends[0], self.ends[1] as usize)
    }

    /// It in a few words.
    pub(crate) fn what(&self) -> &str {
        self.part(self.ends[1], self.text.len())
    }

    /// Bytes behind it.
    pub(crate) const fn bytes(&self) -> usize {
        self.text.capacity()
    }
}
