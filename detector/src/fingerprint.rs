//! Strings as 64-bit numbers, for what is only compared: accounts, credentials, source machines, learned values. The
//! hash is fixed, so that the same events give the same findings in every process. Two names that collide (1 in 2^64
//! for a pair) would be taken for one another; that makes something look more familiar than it is, and nobody who is
//! watched chooses both names.

use std::hash::{Hash, Hasher};

/// A string, compared only.
pub type Fingerprint = u64;

/// The fingerprint of what is hashed.
#[must_use]
pub fn of(value: impl Hash) -> Fingerprint {
    #[expect(deprecated, reason = "SipHash 2-4 with fixed keys, stable between releases, unlike DefaultHasher")]
    let mut hasher = std::hash::SipHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A map whose order is never looked at, with a quick keyed hash (keys come from outside).
pub(crate) type Map<K, V> = std::collections::HashMap<K, V, foldhash::quality::RandomState>;
