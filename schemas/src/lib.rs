//! The contracts that every part of interdict speaks: events, identities, verdicts, alerts, recordings, the topics
//! they travel on and the tables they end in. No sockets, no clock, no decisions.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(test)]
extern crate self as interdict_schemas;

mod action;
mod alert;
pub mod attack;
mod borrowed;
pub mod chain;
pub mod class;
mod decoy;
mod disclosure;
mod event;
mod identity;
#[cfg(feature = "lake")]
pub mod lake;
mod list;
pub mod ocsf;
mod recording;
mod resolution;
mod time;
pub mod topic;
mod verdict;
pub mod wire;

pub use action::{Action, Class, Decision, Effect, Outcome, Status, Verb};
pub use alert::{Alert, Hop, Severity, Technique};
pub use borrowed::StampRef;
pub(crate) use borrowed::{EnvelopeRef, EventRef, MessageRef};
pub use chain::{Checkpoint, Digest};
pub use decoy::{DecoyPlace, DecoyUse};
pub use disclosure::{Disclosure, DisclosureKind};
pub use event::{Account, Closed, Event, Kind, Protocol, Refused, Source, Target};
pub use identity::{ChainError, Delegation, Identity, Principal, PrincipalKind};
pub use recording::{Chunk, Stream};
pub use resolution::{Finding, Resolution};
pub use time::Time;
pub use topic::{Envelope, Judged, Message, Stamp, Topic};
pub use verdict::{Mode, Scope, Stop, Subject, Verdict};

/// Defines an enum whose variants have one stable lower-case name each, used in the lake, in SQL and in policies.
macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every variant, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable name, as it stands in the lake and in policies.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The variant of this name, if there is one.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|variant| variant.name() == name)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use named;
