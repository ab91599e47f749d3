//! What a response taught an identity. The response itself is never kept.

use crate::named;
use serde::{Deserialize, Serialize};

named! {
    /// What was disclosed.
    DisclosureKind {
        /// A host name.
        HostName = "host_name",
        /// An IP address.
        Address = "address",
        /// Another name of a target.
        Alias = "alias",
        /// An account's name.
        Account = "account",
        /// A credential, by fingerprint.
        Credential = "credential",
    }
}

/// One thing learned.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Disclosure {
    /// Host name, address, alias, account or credential.
    pub kind: DisclosureKind,
    /// The value; for a credential its fingerprint.
    pub value: String,
    /// The inventory's name of what it stands for, if known.
    pub target: Option<String>,
}
