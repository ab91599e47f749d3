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
        /// A decoy in a masked value's place, by fingerprint.
        Decoy = "decoy",
    }
}

/// One thing learned.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Disclosure {
    /// Host name, address, alias, account, credential or decoy.
    pub kind: DisclosureKind,
    /// The value; for a credential or a decoy its fingerprint.
    pub value: String,
    /// The inventory's name of what it stands for, if known; of a decoy, the target whose field it stands in.
    pub target: Option<String>,
}
