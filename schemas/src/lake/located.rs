//! A value and where it came from: the provenance columns of every table.

use crate::{EnvelopeRef, Message, Stamp, StampRef, topic, wire};
use bytes::Bytes;

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
    /// An encoded [`crate::Envelope`]: what it says, and its stamp.
    pub value: Bytes,
}

/// What came by no bus, as if it had. An error if it lacks what every message has, or is too large.
impl TryFrom<&Located<Message>> for Record {
    type Error = wire::Error;

    fn try_from(located: &Located<Message>) -> Result<Self, Self::Error> {
        let Place { stamp, partition, offset } = &located.place;
        let mut value = located.value.encode();
        if let Some(stamp) = stamp {
            topic::stamp(&mut value, stamp);
        }
        EnvelopeRef::decode(&value)?;
        Ok(Self { partition: *partition, offset: *offset, value: value.into() })
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
