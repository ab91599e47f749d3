//! What the proxy records: a thin wrapper over the bus's writer that makes events and chunks of one session.
//!
//! DELIVERY: a record stands in the local log, stamped, when its method returns; in the page cache, or on disk where
//! `durability = "disk"`. If it cannot, the method fails and what was to be recorded must not happen.

use crate::clock;
use futures::future::BoxFuture;
use interdict_bus::{Position, Writer};
use interdict_schemas::{
    Account, Chunk, DecoyUse, Disclosure, Event, Identity, Kind, Message, Source, Stream, Target, Time,
};

/// The most bytes of one recording chunk; a record with it stays far below [`interdict_schemas::topic::MAX_RECORD`].
pub const MAX_CHUNK: usize = 64 << 10;

/// The log cannot take a record.
#[derive(Debug, thiserror::Error)]
#[error("the gateway's log: {0}")]
pub struct Error(#[from] interdict_bus::Error);

/// What stays the same in all records of one session.
#[derive(Debug)]
pub struct Subject {
    /// The session's id.
    pub session: String,
    /// Who.
    pub identity: Identity,
    /// From where.
    pub source: Source,
    /// To what.
    pub target: Target,
    /// As which account there.
    pub account: Account,
}

impl Subject {
    /// As a verdict's scope looks at it.
    #[must_use]
    pub fn seen(&self) -> interdict_schemas::Subject<'_> {
        interdict_schemas::Subject {
            identity: &self.identity,
            session: &self.session,
            source: &self.source,
            target: &self.target.name,
        }
    }

    fn event(&self, disclosures: Vec<Disclosure>, kind: Kind) -> Event {
        Event {
            id: clock::id(),
            time: clock::now(),
            session: self.session.clone(),
            identity: self.identity.clone(),
            source: self.source.clone(),
            target: self.target.clone(),
            account: self.account.clone(),
            disclosures,
            presented: Vec::new(),
            kind,
        }
    }
}

/// Resolves when a record stands on the bus, to where: there, or before it in the same partition.
pub(crate) type Placing = BoxFuture<'static, Result<Position, Error>>;

/// Writes records.
#[derive(Clone)]
pub struct Emit {
    writer: Writer,
}

impl std::fmt::Debug for Emit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Emit(..)")
    }
}

impl Emit {
    /// Writes through `writer`.
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        Self { writer }
    }

    /// Whether the log takes records.
    ///
    /// # Errors
    /// While it does not.
    pub fn health(&self) -> Result<(), Error> {
        Ok(self.writer.health()?)
    }

    /// Waits until everything recorded so far stands on the bus.
    ///
    /// # Errors
    /// When it cannot get there.
    pub async fn flushed(&self) -> Result<(), Error> {
        Ok(self.writer.flushed().await?)
    }

    /// Sessions that were open when the process before this one ended: their `Opened` events.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn orphans(&self) -> Result<Vec<Event>, Error> {
        Ok(self.writer.orphans()?)
    }

    /// Records an event of the subject, now.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub fn event(&self, subject: &Subject, disclosures: Vec<Disclosure>, kind: Kind) -> Result<Time, Error> {
        self.whole(subject, disclosures, Vec::new(), kind)
    }

    /// Records that the subject presented decoys.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub fn presented(&self, subject: &Subject, presented: Vec<DecoyUse>, kind: Kind) -> Result<Time, Error> {
        self.whole(subject, Vec::new(), presented, kind)
    }

    fn whole(
        &self,
        subject: &Subject,
        disclosures: Vec<Disclosure>,
        presented: Vec<DecoyUse>,
        kind: Kind,
    ) -> Result<Time, Error> {
        let event = Event { presented, ..subject.event(disclosures, kind) };
        let time = event.time;
        self.writer.append(&Message::Event(event))?;
        Ok(time)
    }

    /// Records that the subject's session is opened, now; tells when, and where on the bus that comes to stand.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub(crate) fn open(&self, subject: &Subject) -> Result<(Time, Placing), Error> {
        let event = subject.event(Vec::new(), Kind::Opened);
        let time = event.time;
        let placing = self.writer.place(&Message::Event(event))?;
        Ok((time, Box::pin(async move { Ok(placing.await?) })))
    }

    /// Records a ready event.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub fn ready(&self, event: Event) -> Result<(), Error> {
        self.writer.append(&Message::Event(event))?;
        Ok(())
    }

    /// Records one piece of a recording.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub fn chunk(&self, subject: &Subject, index: u64, stream: Stream, data: &[u8]) -> Result<(), Error> {
        let chunk = Chunk {
            session: subject.session.clone(),
            index,
            time: clock::now(),
            stream,
            data: data.to_vec(),
            root: subject.identity.root().id.clone(),
            target: subject.target.name.clone(),
        };
        self.writer.append(&Message::Chunk(chunk))?;
        Ok(())
    }
}
