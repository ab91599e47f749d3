//! What a case consists of: the list that is signed.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The form of a case.
pub const FORMAT: &str = "interdict-case-1";

/// The list's name in the archive, and its signature's: 128 hexadecimal digits.
pub(super) const NAME: &str = "manifest.json";
pub(super) const SIGNATURE: &str = "manifest.sig";

/// The list.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: String,
    pub(super) alert: String,
    /// When it was made, and by which version.
    pub(super) made: String,
    pub(super) interdict: String,
    /// The public key that signs it, in hexadecimal digits.
    pub(super) key: String,
    /// The first and the last moment of what it holds.
    pub(super) from: String,
    pub(super) to: String,
    /// The versions of the lake's tables that it was read from.
    pub(super) tables: Vec<Version>,
    /// Which session is in which folder, in the order of the chain.
    pub(super) sessions: Vec<Session>,
    /// Files of the lake whose rows are not in it, since they could not be read, and what is wrong with each.
    #[serde(default)]
    pub(super) left_out: BTreeMap<String, String>,
    pub(super) files: Vec<File>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) table: String,
    pub(super) version: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) session: String,
    /// None where the lake holds nothing of it any more.
    pub(super) folder: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}
