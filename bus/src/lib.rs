//! The log between the parts: one trait, two implementations. Embedded (fjall) for one machine, Apache Kafka for more.
//!
//! DELIVERY: `Log::append` returns once the records are durable where the implementation says they are (embedded: in
//! the page cache, so that they survive the process; Kafka: acknowledged by all in-sync replicas). Records of one key
//! are read in the order they were appended. A reader resumes from any offset that is still held. Nothing is lost;
//! what a crash makes a writer append twice carries the same stamp, and [`Dedupe`] drops it.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod checkpoints;
pub mod config;
mod dedupe;
pub mod embedded;
mod error;
pub mod kafka;
mod membership;
mod pack;
mod partition;
mod signer;
mod spool;
mod writer;

pub use dedupe::Dedupe;
pub use error::Error;
pub use membership::Membership;
pub use partition::partition_of;
pub use signer::{FILE as CHAIN_KEY, Signer};
pub use writer::{Durability, Placing, Writer};

use bytes::Bytes;
use bytestring::ByteString;
use futures::future::BoxFuture;
use interdict_schemas::{Envelope, Message, Topic, wire};
use std::collections::BTreeMap;

/// A place in a topic. The offset of a partition's first record is 0; a compacted or trimmed topic has holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Partition of the topic.
    pub partition: u32,
    /// Offset of the record.
    pub offset: u64,
}

/// One record as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub position: Position,
    /// Its key.
    pub key: ByteString,
    /// An encoded [`interdict_schemas::Envelope`], not yet decoded.
    pub value: Bytes,
}

impl Record {
    /// What it says. Nothing where it says nothing, which is logged: it covers nobody, and no other build reads more in it.
    ///
    /// # Errors
    /// When it is of a newer version, or no record: that might say what must be known.
    pub fn envelope(&self) -> Result<Option<Envelope>, wire::Error> {
        match Envelope::decode(&self.value) {
            Err(error @ wire::Error::Missing(_)) => {
                tracing::error!(offset = self.position.offset, %error, "a record that says nothing; passed over");
                Ok(None)
            }
            decoded => decoded.map(Some),
        }
    }
}

/// From which offset on each partition is to be read; a partition that is left out is read from its start.
pub type From = BTreeMap<u32, u64>;

/// A message's bytes. What people and the detector write is few, and one record that cannot be read would stop those who
/// must know all of them: so it is read back first.
fn encoded(message: &Message) -> Result<Vec<u8>, Error> {
    let bytes = message.encode();
    if !matches!(message, Message::Event(_) | Message::Chunk(_)) {
        let topic = message.topic();
        Envelope::decode(&bytes).map_err(|error| match error {
            wire::Error::TooLarge(size) => Error::Record { topic, size },
            error => Error::Unreadable { topic, detail: error.to_string() },
        })?;
    }
    Ok(bytes)
}

/// A log of topics.
pub trait Log: Send + Sync + std::fmt::Debug + 'static {
    /// Appends messages without a stamp, in order; returns where each stands once all are durable.
    fn append<'a>(&'a self, messages: &'a [Message]) -> BoxFuture<'a, Result<Vec<Position>, Error>>;

    /// How many partitions a topic has.
    fn partitions(&self, topic: Topic) -> BoxFuture<'_, Result<u32, Error>>;

    /// One past the newest record of a partition, in offsets.
    fn end(&self, topic: Topic, partition: u32) -> BoxFuture<'_, Result<u64, Error>>;

    /// Reads all partitions of a topic.
    fn reader(&self, topic: Topic, from: From) -> BoxFuture<'_, Result<Box<dyn Reader>, Error>>;

    /// Says that `group` needs nothing before `offset` any more. An embedded log deletes what no group needs.
    fn commit<'a>(
        &'a self,
        group: &'a str,
        topic: Topic,
        partition: u32,
        offset: u64,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// What `group` committed last.
    fn committed<'a>(
        &'a self,
        group: &'a str,
        topic: Topic,
        partition: u32,
    ) -> BoxFuture<'a, Result<Option<u64>, Error>>;

    /// Joins `group` as one of the processes among which the topic's partitions are dealt out. A log that belongs to
    /// one process deals all of them to it.
    fn membership<'a>(&'a self, group: &'a str, topic: Topic) -> BoxFuture<'a, Result<Membership, Error>> {
        let _only_one = group;
        Box::pin(async move { Ok(Membership::of_all(self.partitions(topic).await?)) })
    }
}

/// Reads a topic. Dropping the future of `next` loses nothing (cancel safe).
pub trait Reader: Send {
    /// The next records, at least one and at most `most`; waits for them.
    fn next(&mut self, most: usize) -> BoxFuture<'_, Result<Vec<Record>, Error>>;

    /// The next offset to be read of a partition: everything before it has been returned by `next`.
    fn position(&self, partition: u32) -> u64;

    /// Reads no more of a partition until told otherwise, so that whoever must wait for another partition need not hold
    /// this one's records. What was fetched before may still come.
    ///
    /// # Errors
    /// When the client refuses.
    fn pause(&mut self, partition: u32, paused: bool) -> Result<(), Error> {
        let _only_one = (partition, paused);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_passed_over_and_what_may_say_more_is_not() {
        let read = |value: &'static [u8]| {
            let position = Position { partition: 0, offset: 0 };
            Record { position, key: ByteString::new(), value: value.into() }.envelope()
        };
        // A version (field 1) and nothing else.
        assert!(matches!(read(&[8, 1]), Ok(None)));
        assert!(matches!(read(&[8, 100]), Err(wire::Error::Version(100))));
        assert!(matches!(read(&[0xff]), Err(wire::Error::Malformed(_))));
    }
}
