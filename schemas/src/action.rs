//! One thing done in a session, what the policy said of it and what came of it.

use crate::named;
use serde::{Deserialize, Serialize};

named! {
    /// What kind of thing was done.
    Class {
        /// One SQL statement.
        Statement = "statement",
        /// One command over SSH `exec`.
        Command = "command",
        /// An interactive shell.
        Shell = "shell",
        /// One HTTP request.
        Request = "request",
        /// A port forward.
        Forward = "forward",
        /// One request to an API: Kubernetes, a cloud's control plane, a remote procedure.
        Api = "api",
        /// A file or a share, opened or changed.
        File = "file",
    }
}

named! {
    /// What an action does, whatever the protocol calls it.
    Verb {
        /// Reads.
        Read = "read",
        /// Changes what is there.
        Update = "update",
        /// Adds.
        Create = "create",
        /// Removes.
        Delete = "delete",
        /// Changes structure or rights (DDL, GRANT).
        Define = "define",
        /// Runs something.
        Execute = "execute",
        /// Connects onwards.
        Connect = "connect",
        /// Anything else (BEGIN, SET, ...).
        Other = "other",
    }
}

/// One action, before it is forwarded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Unique; results refer to it.
    pub id: String,
    /// Statement, command, request, ...
    pub class: Class,
    /// What it does.
    pub verb: Verb,
    /// The statement, command line, or `METHOD /path`.
    pub text: String,
    /// Tables, paths or programs touched.
    pub objects: Vec<String>,
    /// SHA-256 (hex) of the bound parameters, if there were any.
    pub parameters_digest: Option<String>,
    /// The database it ran in, if any.
    pub database: Option<String>,
}

named! {
    /// What policy decided.
    Effect {
        /// It may be.
        Allow = "allow",
        /// It may not.
        Deny = "deny",
    }
}

/// What policy decided of an action, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Allow or deny.
    pub effect: Effect,
    /// In words, for the client and the record. Empty when allowed.
    pub reason: String,
    /// Names of the policies that determined it.
    pub policies: Vec<String>,
}

named! {
    /// Whether an action succeeded.
    Status {
        /// It did.
        Success = "success",
        /// It did not.
        Failure = "failure",
        /// The connection ended before the target said.
        Unknown = "unknown",
    }
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether it succeeded.
    pub status: Status,
    /// SQLSTATE, exit status or HTTP status; empty if there is none.
    pub code: String,
    /// The target's words; empty if there are none.
    pub detail: String,
    /// Rows returned or affected.
    pub rows: u64,
    /// Bytes from the client.
    pub bytes_in: u64,
    /// Bytes to the client.
    pub bytes_out: u64,
    /// From forwarding to the last byte of the answer, microseconds.
    pub duration_us: u64,
}
