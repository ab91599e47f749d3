//! What a disclosed value and a session have in common, by which the one is seen to use the other.

use interdict_schemas::{Disclosure, DisclosureKind, Event};
use std::net::IpAddr;

/// A name for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Key {
    /// The inventory's name of a target.
    Target(String),
    /// A host name or alias.
    Host(String),
    /// An address.
    Address(IpAddr),
    /// An account's name.
    Account(String),
    /// A credential's fingerprint.
    Credential(String),
}

impl Key {
    /// Whether it leads to a place, not to an account.
    pub(super) const fn is_place(&self) -> bool {
        matches!(self, Self::Target(_) | Self::Host(_) | Self::Address(_))
    }

    /// With the root for which it counts: a name is no secret, so that others know it proves nothing; whoever uses a
    /// credential that was disclosed has it from there.
    pub(super) fn scoped(self, root: &str) -> (String, Self) {
        match self {
            Self::Credential(_) => (String::new(), self),
            _ => (root.to_owned(), self),
        }
    }
}

/// Names as they are compared.
pub(super) fn folded(text: &str) -> String {
    crate::learned::folded(text).into_owned()
}

/// The key of a disclosed value.
pub(super) fn of(disclosure: &Disclosure) -> Key {
    let value = disclosure.value.as_str();
    match disclosure.kind {
        DisclosureKind::Account => Key::Account(folded(value)),
        DisclosureKind::Credential | DisclosureKind::Decoy => Key::Credential(value.to_owned()),
        DisclosureKind::HostName | DisclosureKind::Alias | DisclosureKind::Address => match value.parse::<IpAddr>() {
            Ok(address) => Key::Address(address.to_canonical()),
            Err(_) => Key::Host(folded(value)),
        },
    }
}

/// The keys by which a session could be using what was learned.
pub(super) fn used(event: &Event) -> Vec<Key> {
    let target = &event.target;
    let mut keys = vec![Key::Target(folded(&target.name)), Key::Host(folded(&target.name))];
    keys.extend([&target.host, &target.alias].into_iter().flatten().map(|host| Key::Host(folded(host))));
    keys.extend(target.address.map(|address| Key::Address(address.to_canonical())));
    if !event.account.name.is_empty() {
        keys.push(Key::Account(folded(&event.account.name)));
    }
    keys.extend(event.account.credential.clone().map(Key::Credential));
    keys
}
