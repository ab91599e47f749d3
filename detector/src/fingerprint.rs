//! Strings as 64-bit numbers, for what is only compared: accounts, credentials, source machines, learned values. The
//! hash is fixed, so that the same events give the same findings in every process. Two names that collide (1 in 2^64
//! for a pair) would be taken for one another; that makes something look more familiar than it is, and nobody who is
//! watched chooses both names.

use siphasher::sip::SipHasher13;
use std::hash::{Hash, Hasher as _};

/// A string, compared only.
pub type Fingerprint = u64;

/// The fingerprint of what is hashed.
#[must_use]
pub fn of(value: impl Hash) -> Fingerprint {
    // With fixed keys, and the same in every release, unlike the standard library's.
    let mut hasher = SipHasher13::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A map whose order is never looked at, with a quick keyed hash (keys come from outside).
pub(crate) type Map<K, V> = std::collections::HashMap<K, V, foldhash::quality::RandomState>;
