//! OCSF 1.9 to and from events, and findings out. Owns the mapping of attributes; refuses to guess: a line that lacks
//! what an event needs is an error that names the attribute.
//!
//! Classes: 3002 Authentication (a session opens, is refused, closes), 6005 Datastore Activity (a statement), 4007 SSH
//! Activity (a command, a shell, a forward), 6003 API Activity (a request to Kubernetes, a cloud or a remote procedure),
//! 4002 HTTP Activity (a request), 4006 SMB Activity (a file or a share), and 2004 Detection Finding, which is only
//! written.
//!
//! What OCSF carries comes back: `read(event(e))` keeps id, time, session, root and actor with their kinds, groups,
//! issuer, delegation, source, target, the account of a session, disclosures with kind, value and the system that they
//! stand for, decoys presented, the action's class, verb and text, the decision with its policies, and an outcome's
//! status, code and detail. It loses what OCSF has no place for:
//!
//! - microseconds (OCSF counts milliseconds), and with them the precision of durations;
//! - the middle of a delegation chain (root and actor stay; an agent that is the root itself comes back as a workload);
//! - the account on anything but a session's own events;
//! - that a disclosed value is an alias (it comes back as a host name);
//! - an action's objects (derived from the text again), its parameters' digest, rows, and the volumes of what is not
//!   network traffic;
//! - a closed session's counts;
//! - the protocol where it is not the class's own: a statement is always PostgreSQL's, a file always SMB's.
//!
//! What a class must have and an event does not know is there nevertheless, and is not read back: ids (of a query, a process,
//! a database, a list of resources), `unknown` as the name of a source, and as the operation whose result this is.

mod finding;
mod read;
mod text;
mod write;

pub use finding::finding;
pub use read::{read_event, read_value};
pub use write::event;

/// The longest line that is read, in bytes.
pub const MAX_LINE: usize = 1 << 20;

/// The OCSF version written: the schema's main branch of July 2026, of which `ai_agent` and `delegation` are.
pub const VERSION: &str = "1.9.0-dev";

/// Why a line is not an event.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Longer than [`MAX_LINE`].
    #[error("line of {length} bytes is longer than {MAX_LINE}")]
    Long {
        /// Its length.
        length: usize,
    },
    /// Not JSON.
    #[error("not JSON: {detail}")]
    Json {
        /// The parser's words, with the column.
        detail: String,
    },
    /// An attribute is not there.
    #[error("{path} is missing")]
    Missing {
        /// The attribute, as a path.
        path: String,
    },
    /// An attribute is of the wrong type or out of range.
    #[error("{path} must be {expected}")]
    Wrong {
        /// The attribute, as a path.
        path: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A class that carries nothing interdict understands. Not a fault of the line.
    #[error("class_uid {class} is not one of 3002, 4002, 4006, 4007, 6003, 6005")]
    Class {
        /// The class.
        class: u32,
    },
    /// An activity of a known class that carries nothing interdict understands. Not a fault of the line.
    #[error("activity_id {activity} of class_uid {class} is not a session's opening, end or action")]
    Activity {
        /// The class.
        class: u32,
        /// The activity.
        activity: u32,
    },
}

impl Error {
    /// Whether the line is sound and merely says something that is of no use here.
    #[must_use]
    pub const fn is_foreign(&self) -> bool {
        matches!(self, Self::Class { .. } | Self::Activity { .. })
    }

    /// A stable word, for counting.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Long { .. } => "long",
            Self::Json { .. } => "json",
            Self::Missing { .. } => "missing",
            Self::Wrong { .. } => "wrong",
            Self::Class { .. } => "class",
            Self::Activity { .. } => "activity",
        }
    }
}

/// Account types of `user.type_id`.
mod user {
    pub(super) const PERSON: u32 = 1;
    pub(super) const ADMINISTRATOR: u32 = 2;
    pub(super) const SERVICE: u32 = 4;
}

/// The observables that say what a response disclosed.
const OBSERVABLES: [(&str, u32, crate::DisclosureKind); 6] = {
    use crate::DisclosureKind::{Account, Address, Alias, Credential, Decoy, HostName};
    [
        ("response.hostname", 1, HostName),
        // OCSF knows no alias: it is a host name too, and is read as one.
        ("response.hostname", 1, Alias),
        ("response.ip", 2, Address),
        ("response.user.name", 4, Account),
        ("response.credential_uid", 19, Credential),
        ("response.decoy", 99, Decoy),
    ]
};

/// The observable that says for which system of the inventory the one before it stands.
const STANDS_FOR: (&str, u32) = ("response.target", 99);

/// The observable that says which decoy was presented; its value is JSON.
const PRESENTED: (&str, u32) = ("request.decoy", 99);

/// `app_name` of an SSH channel that is not a command.
mod channel {
    pub(super) const FORWARD: &str = "direct-tcpip";
    pub(super) const SHELL: &str = "shell";
}
