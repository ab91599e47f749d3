//! The lake's tables: names, Arrow schemas, and rows to and from the domain types. Columns are flat, typed and named
//! so that a person can write SQL against them.
//!
//! What comes back from rows is what went in, with the wire's two equivalences: an empty optional text is an absent
//! one, and port 0 is an unknown one. Counts above `i64::MAX` are stored as `i64::MAX`.

mod alerts;
mod beside;
mod checkpoints;
mod column;
pub mod dictionary;
mod disclosures;
mod error;
mod events;
mod link;
mod located;
mod parsed;
mod recordings;
mod resolutions;
mod rows;
mod runs;
mod schema;
mod sessions;
mod tables;
pub mod txn;
mod verdicts;
mod view;
mod who;
mod words;

pub use alerts::alerts;
pub use checkpoints::checkpoints;
pub use error::Error;
pub use events::events;
pub use link::{Link, links};
pub use located::{Located, Place, Record};
pub use recordings::recordings;
pub use resolutions::resolutions;
pub use rows::{Decoded, day, rows};
pub use tables::Tables;
pub use verdicts::verdicts;
pub use view::places;
pub use words::{leaves, read_as};

use crate::Topic;
use arrow::datatypes::SchemaRef;
use schema::{ALERTS, CHECKPOINTS, DISCLOSURES, EVENTS, RECORDINGS, RESOLUTIONS, SESSIONS, VERDICTS};
use std::sync::Arc;

/// The columns that people look for one value in: identity, session, target, fingerprint. Files have bloom
/// filters on them.
pub const SOUGHT: [&str; 12] = [
    "root",
    "actor",
    "session",
    "target",
    "credential",
    "parameters_digest",
    "value",
    "source_target",
    "from_target",
    "scope_root",
    "scope_session",
    "alert",
];

/// A table of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// One row an event.
    Events,
    /// One row for each fact of a session's life: opened, refused, closed.
    Sessions,
    /// One row for each thing a response taught an identity.
    Disclosures,
    /// One row a chunk of a recording.
    Recordings,
    /// One row for each message about a finding.
    Alerts,
    /// One row for each record of a verdict.
    Verdicts,
    /// One row for each answer of a person to an alert.
    Resolutions,
    /// One row for each signed word on how a chain stands.
    Checkpoints,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 8] = [
        Self::Events,
        Self::Sessions,
        Self::Disclosures,
        Self::Recordings,
        Self::Alerts,
        Self::Verdicts,
        Self::Resolutions,
        Self::Checkpoints,
    ];

    /// The folder's and the SQL table's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Sessions => "sessions",
            Self::Disclosures => "disclosures",
            Self::Recordings => "recordings",
            Self::Alerts => "alerts",
            Self::Verdicts => "verdicts",
            Self::Resolutions => "resolutions",
            Self::Checkpoints => "checkpoints",
        }
    }

    /// The topic whose records become its rows.
    #[must_use]
    pub const fn topic(self) -> Topic {
        match self {
            Self::Events | Self::Sessions | Self::Disclosures | Self::Resolutions => Topic::Events,
            Self::Recordings | Self::Checkpoints => Topic::Recordings,
            Self::Alerts => Topic::Alerts,
            Self::Verdicts => Topic::Verdicts,
        }
    }

    /// The columns, the partition column `date` first.
    #[must_use]
    pub fn schema(self) -> SchemaRef {
        Arc::clone(match self {
            Self::Events => &EVENTS,
            Self::Sessions => &SESSIONS,
            Self::Disclosures => &DISCLOSURES,
            Self::Recordings => &RECORDINGS,
            Self::Alerts => &ALERTS,
            Self::Verdicts => &VERDICTS,
            Self::Resolutions => &RESOLUTIONS,
            Self::Checkpoints => &CHECKPOINTS,
        })
    }
}

/// The tag of a file in a table's log that holds its SHA-256, in hexadecimal digits.
pub const FILE_DIGEST: &str = "interdict.sha256";

/// The column every table is partitioned by: UTC day of `time`, as Date32.
pub const PARTITION: &str = "date";
