//! What a person found when looking into an alert. It travels with the events of the alert's root, so that whoever folds
//! them (live, rebuilt or in batch) hears of it between the same two events.

use crate::{Time, named};
use serde::{Deserialize, Serialize};

named! {
    /// What an alert turned out to be.
    Finding {
        /// The movement was meant.
        Benign = "benign",
        /// The movement was an attack.
        Malicious = "malicious",
    }
}

/// A person's answer to an alert; a later one on the same alert replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// The alert's id.
    pub alert: String,
    /// When it was given.
    pub time: Time,
    /// The alert's root, which is its key on the bus.
    pub root: String,
    /// What the alert turned out to be.
    pub finding: Finding,
    /// Who says so.
    pub by: String,
    /// Why, in words; empty if nothing was added.
    pub note: String,
}
