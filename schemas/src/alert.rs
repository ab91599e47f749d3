//! Findings judged, scored and deduplicated, with the chain that shows why.

use crate::{Time, named};
use serde::{Deserialize, Serialize};

named! {
    /// How bad.
    Severity {
        /// To know.
        Informational = "informational",
        /// Look when there is time.
        Low = "low",
        /// Look today.
        Medium = "medium",
        /// Look now.
        High = "high",
        /// Proof of movement.
        Critical = "critical",
    }
}

/// A MITRE ATT&CK technique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Technique {
    /// Tactic, such as `TA0008`.
    pub tactic: String,
    /// Technique or sub-technique, such as `T1021.004`.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// One session in a chain and why it belongs there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// When it was admitted.
    pub time: Time,
    /// The session.
    pub session: String,
    /// Who acted.
    pub actor: String,
    /// From where: the source's target, host or address.
    pub source: String,
    /// To which target.
    pub target: String,
    /// Over which protocol (a `Protocol` name).
    pub protocol: String,
    /// As which account.
    pub account: String,
    /// Why it belongs here: `start` (nothing leads to it), `lineage` (the same actor, or the same root from the system
    /// that was reached, goes on), `switch` (somebody else goes on from that system), `source` (it comes from the same
    /// machine), `disclosed` (it uses what a response taught), `taught` (the session whose response taught it).
    pub cause: String,
    /// The evidence in words.
    pub evidence: String,
    /// Ids of its events that are evidence, oldest first.
    pub events: Vec<String>,
}

/// What a responder is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Identifies the finding; the same in its updates and when the same events are judged again.
    pub id: String,
    /// Time of the event that raised it.
    pub time: Time,
    /// Which detection.
    pub detection: String,
    /// Root of the identity it is about.
    pub root: String,
    /// Who acted last.
    pub actor: String,
    /// One line.
    pub title: String,
    /// Sentences.
    pub explanation: String,
    /// How bad.
    pub severity: Severity,
    /// 0 to 1000, higher is worse.
    pub risk: u32,
    /// 0 to 100.
    pub confidence: u32,
    /// The hops that the title tells of, oldest first; then, if that was not the last of it, the newest ones beside them.
    pub chain: Vec<Hop>,
    /// ATT&CK techniques seen.
    pub techniques: Vec<Technique>,
    /// The verdict given on it, if one was.
    pub verdict: Option<String>,
    /// 1, then 2, 3, ... as the finding grows.
    pub revision: u32,
}

impl Alert {
    /// Ids of the chain's events, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        self.chain.iter().flat_map(|hop| hop.events.iter().map(String::as_str))
    }
}
