//! Rows as links of their logs' chains: where each stands, and the digest of what it says.

use super::beside::Beside;
use super::view::{Places, View};
use super::who::WhoRuns;
use super::{Error, Table, events, recordings};
use crate::borrowed::Shared;
use crate::chain::Body;
use crate::wire::{self, Written};
use crate::{Digest, Message, StampRef, Time};
use arrow::array::RecordBatch;

/// A row, as far as its chain is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Link<'a> {
    /// The writer and its gapless count; absent on what no proxy wrote.
    pub stamp: Option<StampRef<'a>>,
    /// Partition of the topic it was read from.
    pub partition: u32,
    /// Offset there.
    pub offset: u64,
    /// When it was; 0 if it says nothing.
    pub time: Time,
    /// The digest of what it says; absent where that is nothing that interdict writes.
    pub record: Option<Digest>,
}

/// Shows `see` every row of a batch of `events` or `recordings`, whatever order its columns have. Somebody may have
/// written what interdict does not: then a row is shown as far as it can be read, and the others are not affected.
pub fn links(table: Table, batch: &RecordBatch, mut see: impl FnMut(Link<'_>)) {
    let view = View::new(table, batch);
    let (places, said) = (Places::new(&view).ok(), Said::new(table, view).ok());
    let (mut body, mut last) = (Body::default(), Last::default());
    for row in 0..batch.num_rows() {
        let Some(place) = places.as_ref().and_then(|places| places.at(row).ok()) else {
            see(Link::default());
            continue;
        };
        let link = Link { stamp: place.stamp, partition: place.partition, offset: place.offset, ..Link::default() };
        match said.as_ref().and_then(|said| said.encode(row, &mut last, body.begin()).ok()) {
            Some(time) => see(Link { time, record: Some(body.digest()), ..link }),
            None => see(link),
        }
    }
}

/// The last row that could be read, which need not be the one before, and what was made of it.
#[derive(Default)]
struct Last<'a> {
    shared: Option<(usize, Shared<'a>)>,
    written: Written<'a>,
}

impl<'a> Last<'a> {
    /// What the row before this one says, of which this one mostly says the same.
    fn before(&self, row: usize) -> Option<&Shared<'a>> {
        self.shared.as_ref().filter(|(last, _)| last + 1 == row).map(|(_, shared)| shared)
    }
}

/// Events, with which of them say who acts as the one before does, and what stands beside them.
struct Events {
    reader: events::Reader,
    runs: WhoRuns,
    beside: Beside,
}

enum Said {
    Events(Box<Events>),
    Chunks(Box<recordings::Reader>),
}

impl Said {
    fn new(table: Table, view: View<'_>) -> Result<Self, Error> {
        Ok(match table {
            Table::Recordings => Self::Chunks(Box::new(recordings::Reader::new(view)?)),
            _ => {
                let reader = events::Reader::new(view)?;
                let runs = reader.runs(view.len());
                let beside = Beside::new(view, &reader.who, &runs)?;
                Self::Events(Box::new(Events { reader, runs, beside }))
            }
        })
    }

    /// Appends what was hashed when the row's record was written.
    fn encode<'a>(&'a self, row: usize, last: &mut Last<'a>, bytes: &mut Vec<u8>) -> Result<Time, Error> {
        match self {
            Self::Events(events) => {
                let Events { reader, runs, beside } = &**events;
                let event = reader.event_after(row, runs, last.before(row))?;
                beside.check(row, &event)?;
                wire::encode_event(&event, &mut last.written, bytes);
                last.shared = Some((row, event.shared()));
                Ok(event.time)
            }
            Self::Chunks(reader) => {
                let chunk = reader.chunk(row)?;
                let time = chunk.time;
                bytes.append(&mut Message::Chunk(chunk).encode());
                Ok(time)
            }
        }
    }
}
