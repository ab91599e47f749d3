//! The only reader of the wall clock in this crate, and the maker of ids that sort by it. Whoever decides takes a
//! [`Time`] instead.

use interdict_schemas::Time;
use std::sync::{Mutex, PoisonError};
use ulid::{Generator, Ulid};

static IDS: Mutex<Generator> = Mutex::new(Generator::new());

/// The time now, UTC.
#[must_use]
pub fn now() -> Time {
    jiff::Timestamp::now().into()
}

/// A new id of 128 bits: unique everywhere, and later ones of this process sort after earlier ones.
#[must_use]
pub fn id() -> String {
    let mut ids = IDS.lock().unwrap_or_else(PoisonError::into_inner);
    // Only the 2^80th id of one millisecond fails; a random one is then as unique, and merely not sorted.
    ids.generate().unwrap_or_else(|_| Ulid::new()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_in_the_order_they_are_made() {
        let ids: Vec<_> = (0..10_000).map(|_| id()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
