//! Who comes in, what they may see, and what is recorded of it. Owns the contract alone: tokens, policies and the log
//! are somebody else's (the command puts the proxy's behind it), so that the reading side depends on neither.

use super::refusal::Refusal;
use futures::future::BoxFuture;
use interdict_schemas::{Identity, Outcome, Time, Verb};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

/// Lets people in.
pub trait Door: Send + Sync + 'static {
    /// Admits whoever holds the token, or says why not. Either has been recorded when this returns.
    fn admit<'a>(&'a self, caller: Caller<'a>) -> BoxFuture<'a, Result<Arc<dyn Visit>, Refusal>>;
}

/// Somebody who has not been let in yet.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// What is to be an OIDC token.
    pub token: &'a str,
    /// Where they call from.
    pub peer: SocketAddr,
    /// The user they say they are. The token decides who they are; a decoy may stand here.
    pub user: &'a str,
    /// The database they name; a decoy may stand here, too.
    pub database: &'a str,
}

/// One visitor's stay: a session in the record.
pub trait Visit: Send + Sync + 'static {
    /// Who.
    fn identity(&self) -> &Identity;

    /// When their token ends, and with it their stay.
    fn expires(&self) -> Time;

    /// Decides a question and records the decision. Only what is granted may be run, and only after this returns.
    ///
    /// # Errors
    /// When it is not allowed, or cannot be recorded.
    fn ask(&self, question: &Question) -> Result<Grant, Refusal>;

    /// Records a question that is not served, whatever policy says of it.
    ///
    /// # Errors
    /// When it cannot be recorded.
    fn decline(&self, question: &Question, reason: &str) -> Result<(), Refusal>;

    /// Records what came of a question.
    ///
    /// # Errors
    /// When it cannot be recorded.
    fn result(&self, action: &str, outcome: Outcome) -> Result<(), Refusal>;

    /// Waits until a verdict ends the stay; at once if one has.
    fn revoked(&self) -> BoxFuture<'_, Refusal>;

    /// Counts bytes from and to the client.
    fn count(&self, bytes_in: u64, bytes_out: u64);

    /// Records the end of the stay; only the first call counts. `reason` is a stable word.
    fn leave(&self, reason: &'static str, detail: &str);
}

/// A question, before it is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The statement, without passwords.
    pub text: String,
    /// What it does.
    pub verb: Verb,
    /// The lake's tables and views it names. Catalogue tables are everybody's and not among them.
    pub tables: BTreeSet<String>,
    /// SHA-256 (hex) of the values for its parameters, if it has any.
    pub parameters: Option<String>,
}

/// What may be read of a question's tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The recorded action's id, to which its result refers.
    pub action: String,
    /// Each table of the question, and which of its rows.
    pub rows: BTreeMap<String, Rows>,
}

/// Which rows of a table: a conjunction, each part of it a disjunction of SQL conditions. No part is every row.
///
/// Each principal of a delegation chain narrows (and), each permit of one widens (or).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows(pub Vec<Vec<String>>);
