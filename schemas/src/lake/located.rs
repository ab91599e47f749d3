//! A value and where it came from: the provenance columns of every table.

use crate::Stamp;

/// Which record of which log something came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The writer and its gapless count; absent on what no proxy wrote.
    pub stamp: Option<Stamp>,
    /// Partition of the topic it was read from.
    pub partition: u32,
    /// Offset there.
    pub offset: u64,
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// Where it was read.
    pub place: Place,
    /// What was read.
    pub value: T,
}
