//! What is known of few actors, apart, so that the others do not pay for it.

use super::ActorId;
use crate::chain::HopId;
use crate::few::Few;
use crate::learned::Learned;
use crate::place::PlaceId;
use interdict_schemas::Time;
use serde::{Deserialize, Serialize};

/// What is known of few actors, or not for long.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Seldom {
    /// Until when it is stopped or held.
    pub(super) stopped: Time,
    /// Newest last.
    pub(super) refused: Few<(Time, PlaceId)>,
    /// Suspicious ones.
    pub(super) hops: Vec<HopId>,
    /// Who acts for it.
    pub(super) delegates: Few<ActorId>,
    /// From whose grant its own is made.
    pub(super) parent: Option<ActorId>,
    /// What responses taught it. It stands here, though it is large, since a session of whoever has any asks for it.
    pub(super) learned: Learned,
}

impl Default for Seldom {
    fn default() -> Self {
        Self {
            stopped: Time(i64::MIN),
            refused: Few::default(),
            hops: Vec::new(),
            delegates: Few::default(),
            parent: None,
            learned: Learned::default(),
        }
    }
}

impl Seldom {
    /// Whether there is nothing to remember.
    pub(super) fn is_empty(&self) -> bool {
        self.stopped == Time(i64::MIN)
            && self.refused.is_empty()
            && self.hops.is_empty()
            && self.delegates.is_empty()
            && self.parent.is_none()
            && self.learned.is_empty()
    }
}
