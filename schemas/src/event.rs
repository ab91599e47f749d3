//! The unit of record: an identity did something to a target.

use crate::{Action, Class, Decision, DecoyUse, Disclosure, Identity, Outcome, Time, named};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

named! {
    /// How a target is spoken to: the protocols interdict stands in, then those that only other systems' logs name.
    Protocol {
        /// PostgreSQL frontend/backend protocol 3.
        Postgres = "postgres",
        /// SSH 2 (RFC 4251).
        Ssh = "ssh",
        /// The Kubernetes API.
        Kubernetes = "kubernetes",
        /// HTTP/1.1 and 2.
        Http = "http",
        /// Remote Desktop.
        Rdp = "rdp",
        /// Windows file shares and named pipes.
        Smb = "smb",
        /// Kerberos 5 (RFC 4120), where a log does not say what it was used for.
        Kerberos = "kerberos",
        /// NTLM, where a log does not say what it was used for.
        Ntlm = "ntlm",
        /// DCE/RPC.
        Rpc = "rpc",
        /// Windows Remote Management.
        Winrm = "winrm",
        /// A Windows logon whose protocol the log does not tell.
        Logon = "logon",
        /// The control plane of a cloud.
        Cloud = "cloud",
        /// A database that is not PostgreSQL.
        Database = "database",
        /// A connection whose protocol the log does not tell.
        Network = "network",
    }
}

impl Protocol {
    /// Whether a session lands on a system from which others can be started, so that whoever goes on from there stands
    /// on it.
    #[must_use]
    pub const fn lands(self) -> bool {
        match self {
            Self::Ssh
            | Self::Kubernetes
            | Self::Rdp
            | Self::Winrm
            | Self::Smb
            | Self::Logon
            | Self::Cloud
            | Self::Network => true,
            Self::Postgres | Self::Http | Self::Kerberos | Self::Ntlm | Self::Rpc | Self::Database => false,
        }
    }
}

/// Where a session comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Source {
    /// The peer's address.
    pub address: Option<IpAddr>,
    /// The peer's port; 0 if unknown.
    pub port: u16,
    /// Its host name, if known.
    pub host: Option<String>,
    /// The protected target that this address belongs to, if it is one.
    pub target: Option<String>,
}

/// The protected system that a session goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The inventory's name.
    pub name: String,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Its host name, if known.
    pub host: Option<String>,
    /// Its address, if known.
    pub address: Option<IpAddr>,
    /// Its port; 0 if unknown.
    pub port: u16,
    /// The alias the client dialled, if it dialled one.
    pub alias: Option<String>,
}

/// The account used on the target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Account {
    /// Its name there.
    pub name: String,
    /// Fingerprint of the credential, if known. Never the credential.
    pub credential: Option<String>,
}

/// A session that was not admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// A stable word: `policy`, `verdict`, `barrier`, `no_verdict_table`, `log`, `decoy`, ...
    pub reason: String,
    /// In words.
    pub detail: String,
    /// The verdict that refused it, if one did.
    pub verdict: Option<String>,
}

/// The end of a session; carries all a person wants in one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// A stable word: `client`, `target`, `verdict`, `barrier`, `lost`, `error`, `shutdown`. A session that was opened
    /// and not admitted ends with `verdict`, `barrier` or `client` and without actions.
    pub reason: String,
    /// In words; empty if there is nothing to add.
    pub detail: String,
    /// The verdict that cut it, if one did.
    pub verdict: Option<String>,
    /// When it was opened.
    pub opened: Time,
    /// Actions decided in it.
    pub actions: u64,
    /// Of these, denied.
    pub denied: u64,
    /// Bytes from the client.
    pub bytes_in: u64,
    /// Bytes to the client.
    pub bytes_out: u64,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A session was asked for, and policy and the verdicts known so far allow it. It is recorded first and judged then:
    /// only when the detector has judged this very record is the session admitted and its target dialled. If a verdict
    /// comes of it, or the judgement does not come in time, `Closed` follows and nothing was dialled.
    Opened,
    /// A session was not admitted, by what was known before it was opened.
    Refused(Refused),
    /// A session ended.
    Closed(Closed),
    /// An action was decided. It is recorded before it is forwarded. An imported event may know its outcome already.
    Acted {
        /// What.
        action: Action,
        /// Whether it may be.
        decision: Decision,
        /// Known at once only for imported events.
        outcome: Option<Outcome>,
    },
    /// An action's outcome.
    Resulted {
        /// The action's id.
        action: String,
        /// The action's class.
        class: Class,
        /// What came of it.
        outcome: Outcome,
    },
}

impl Kind {
    pub(crate) const OPENED: &str = "opened";
    pub(crate) const REFUSED: &str = "refused";
    pub(crate) const CLOSED: &str = "closed";
    pub(crate) const ACTED: &str = "acted";
    pub(crate) const RESULTED: &str = "resulted";

    /// The stable name in the lake: `opened`, `refused`, `closed`, `acted`, `resulted`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opened => Self::OPENED,
            Self::Refused(_) => Self::REFUSED,
            Self::Closed(_) => Self::CLOSED,
            Self::Acted { .. } => Self::ACTED,
            Self::Resulted { .. } => Self::RESULTED,
        }
    }
}

/// An identity did something to a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Unique.
    pub id: String,
    /// When it happened, by the recorder's clock.
    pub time: Time,
    /// The session it belongs to.
    pub session: String,
    /// Who.
    pub identity: Identity,
    /// From where.
    pub source: Source,
    /// To what.
    pub target: Target,
    /// As which account there.
    pub account: Account,
    /// What a response taught the identity; of a result, or of an imported action.
    pub disclosures: Vec<Disclosure>,
    /// Decoys that the identity presented with this attempt, which was refused. If nobody was authenticated, the
    /// identity is that of the decoy's session where the recorder knows it, or else `unknown:` and the source's
    /// address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub presented: Vec<DecoyUse>,
    /// What happened.
    pub kind: Kind,
}
