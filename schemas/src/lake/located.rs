//! A value and where it came from: the provenance columns of every table.

use crate::topic::Checked;
use crate::{Message, Stamp, StampRef, wire};

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

/// A record of a log that has a place in the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Partition of the topic it was read from.
    pub partition: u32,
    /// Offset there.
    pub offset: u64,
    /// What it says, and its stamp.
    pub value: Checked,
}

/// What came by no bus, as if it had.
impl TryFrom<&Located<Message>> for Record {
    type Error = wire::Error;

    fn try_from(located: &Located<Message>) -> Result<Self, Self::Error> {
        let Place { stamp, partition, offset } = &located.place;
        let value = Checked::of(&located.value, stamp.as_ref())?;
        Ok(Self { partition: *partition, offset: *offset, value })
    }
}

/// A [`Place`] that borrows.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaceRef<'a> {
    pub(super) stamp: Option<StampRef<'a>>,
    pub(super) partition: u32,
    pub(super) offset: u64,
}

impl From<PlaceRef<'_>> for Place {
    fn from(place: PlaceRef<'_>) -> Self {
        Self { stamp: place.stamp.map(Into::into), partition: place.partition, offset: place.offset }
    }
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// Where it was read.
    pub place: Place,
    /// What was read.
    pub value: T,
}
