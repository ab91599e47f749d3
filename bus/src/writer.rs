//! The proxy's handle on the log: stamps, appends, and remembers which sessions are open.
//!
//! DELIVERY: when `append` returns, the record is in the local log: it survives the process ([`Durability::Os`]) or
//! the machine ([`Durability::Disk`]). With Kafka, a task of its own moves it there (see [`crate::spool`]). A session
//! joins or leaves the set of open sessions in the same atomic step as its `Opened` or `Closed` event. Each record carries
//! the head of the chain before it, which goes on after a restart where it was; [`crate::checkpoints`] signs it.

use crate::{
    Error, Position,
    checkpoints::Checkpoints,
    embedded::{Embedded, Seal, Sessions, Written},
    kafka::Kafka,
    spool::Shipper,
};
use futures::future::BoxFuture;
use interdict_schemas::{Envelope, Event, Kind, Message};
use std::sync::Arc;

/// Where a record stands when `append` returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// In the page cache: it survives the process, not the machine.
    #[default]
    Os,
    /// On the disk. Appends that come together share one sync.
    Disk,
}

/// Resolves when a record stands on the bus, to where: there, or at an offset before it in the same partition.
pub type Placing = BoxFuture<'static, Result<Position, Error>>;

/// Appends stamped records. Clones share one log.
#[derive(Debug, Clone)]
pub struct Writer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// First, so that the last checkpoint is written before what moves records to the bus ends.
    _checkpoints: Checkpoints,
    log: Arc<Embedded>,
    proxy: String,
    durability: Durability,
    /// Tells the sessions opened by this writer from those of earlier ones.
    run: [u8; 16],
    /// Absent where the log is the bus.
    shipper: Option<(Shipper, Arc<Kafka>)>,
}

impl Writer {
    /// Writes into the local log, which is the bus.
    ///
    /// # Errors
    /// When the log does not take records.
    pub fn embedded(log: Arc<Embedded>, proxy: &str, durability: Durability) -> Result<Self, Error> {
        Self::new(log, None, proxy, durability)
    }

    /// Writes into the local log, and moves it to Kafka in tasks that end with the last clone of this writer. Must be
    /// called within a tokio runtime.
    ///
    /// # Errors
    /// When the log does not take records.
    pub fn spooled(
        spool: Arc<Embedded>,
        bus: Arc<Kafka>,
        proxy: &str,
        durability: Durability,
    ) -> Result<Self, Error> {
        let shipper = Shipper::start(&spool, &bus);
        Self::new(spool, Some((shipper, bus)), proxy, durability)
    }

    fn new(
        log: Arc<Embedded>,
        shipper: Option<(Shipper, Arc<Kafka>)>,
        proxy: &str,
        durability: Durability,
    ) -> Result<Self, Error> {
        log.health()?;
        let checkpoints = Checkpoints::start(Arc::clone(&log), proxy)?;
        let run = ulid::Ulid::new().to_bytes();
        Ok(Self {
            shared: Arc::new(Shared {
                _checkpoints: checkpoints,
                log,
                proxy: proxy.to_owned(),
                durability,
                run,
                shipper,
            }),
        })
    }

    /// Appends one message, stamped, and returns its sequence: 1, 2, 3, ... per log and topic. Synchronous; a few
    /// microseconds with [`Durability::Os`].
    ///
    /// # Errors
    /// When the log cannot take it. Then what it records must not happen.
    pub fn append(&self, message: &Message) -> Result<u64, Error> {
        Ok(self.write(message)?.sequence)
    }

    /// Appends as [`Writer::append`] does; what is returned tells where on the bus the record comes to stand. As long
    /// as the broker is away, that waits.
    ///
    /// # Errors
    /// When the log cannot take it. Then what it records must not happen.
    pub fn place(&self, message: &Message) -> Result<Placing, Error> {
        let Written { offset, .. } = self.write(message)?;
        let Some((shipper, bus)) = &self.shared.shipper else {
            return Ok(Box::pin(std::future::ready(Ok(Position { partition: 0, offset }))));
        };
        let partition = bus.partition(message.topic(), &message.key());
        Ok(shipper.placed(&self.shared.log, message.topic(), offset, partition))
    }

    fn write(&self, message: &Message) -> Result<Written, Error> {
        let Shared { log, proxy, durability, run, .. } = &*self.shared;
        let encoded = message.encode();
        let value;
        let sessions = match session_change(message) {
            Change::None => Sessions::Keep,
            Change::Close(session) => Sessions::Close(session),
            Change::Open(session) => {
                value = [run.as_slice(), &encoded].concat();
                Sessions::Open(session, &value)
            }
        };
        let seal = Seal { proxy, spool: log.spool() };
        let written = log.put(message.topic(), &message.key(), &encoded, Some(seal), sessions)?;
        if *durability == Durability::Disk {
            log.sync()?;
        }
        Ok(written)
    }

    /// Waits until everything appended before the call stands on the bus; at once where the local log is the bus. As
    /// long as the broker is away, it waits.
    ///
    /// # Errors
    /// When the log has failed, or what moves records to the bus has ended.
    #[must_use]
    pub fn flushed(&self) -> BoxFuture<'static, Result<(), Error>> {
        match &self.shared.shipper {
            None => Box::pin(std::future::ready(Ok(()))),
            Some((shipper, _)) => shipper.flushed(&self.shared.log),
        }
    }

    /// The `Opened` events of sessions that an earlier process opened and nobody has closed since.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn orphans(&self) -> Result<Vec<Event>, Error> {
        let mut orphans = Vec::new();
        for (session, value) in self.shared.log.sessions()? {
            let Some((run, encoded)) = value.split_first_chunk::<16>() else { continue };
            if *run == self.shared.run {
                continue;
            }
            match Envelope::decode(encoded) {
                Ok(Envelope { message: Message::Event(event), .. }) => orphans.push(event),
                other => {
                    let path = self.shared.log.path().to_owned();
                    let detail = format!("the open session {session} cannot be read: {other:?}");
                    return Err(Error::Broken { path, detail });
                }
            }
        }
        Ok(orphans)
    }

    /// Whether the log takes records now.
    ///
    /// # Errors
    /// While it does not, with the reason.
    pub fn health(&self) -> Result<(), Error> {
        self.shared.log.health()
    }
}

/// What a message does to the set of open sessions.
enum Change<'a> {
    None,
    Open(&'a str),
    Close(&'a str),
}

fn session_change(message: &Message) -> Change<'_> {
    match message {
        Message::Event(Event { session, kind: Kind::Opened, .. }) => Change::Open(session),
        Message::Event(Event { session, kind: Kind::Closed(_), .. }) => Change::Close(session),
        _ => Change::None,
    }
}
