//! What can go wrong with a log, whose fault it is and what to do about it.

use interdict_schemas::{Topic, topic::MAX_RECORD};
use std::path::PathBuf;

/// Why a log could not do what it was asked. Cloneable, so that everyone who waits for one failure hears of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The disk has no room. Nothing was written; it works again by itself once there is space.
    #[error("{}: the disk is full: {free} bytes are free, {needed} are needed; free some space", path.display())]
    Full {
        /// The local log.
        path: PathBuf,
        /// Free for this user, in bytes.
        free: u64,
        /// What must stay free, in bytes.
        needed: u64,
    },
    /// The local log failed and takes nothing more. What was acknowledged is on disk.
    #[error("{}: the log has failed: {detail}; see to the disk, then restart: what was acknowledged is kept", path.display())]
    Broken {
        /// The local log.
        path: PathBuf,
        /// In the storage engine's or system's words.
        detail: String,
    },
    /// The keys that sign the log's chains cannot be used.
    #[error("{}: {detail}", path.display())]
    Key {
        /// Their file.
        path: PathBuf,
        /// What is wrong and what to do.
        detail: String,
    },
    /// Another process has the local log open.
    #[error("{}: the log is held by {holder}; stop it, or give this one another data folder", path.display())]
    Held {
        /// The local log.
        path: PathBuf,
        /// `process 4711 (interdict)`, as far as known.
        holder: String,
    },
    /// The caller's record cannot be taken.
    #[error(
        "a record of {size} bytes for {topic} is too large: at most {MAX_RECORD} bytes; split it before it is written"
    )]
    Record {
        /// Where it should have gone.
        topic: Topic,
        /// Its size, in bytes.
        size: usize,
    },
    /// The caller's record is one that nobody could read.
    #[error("a record for {topic} that no reader could read: {detail}; fill it in before it is written")]
    Unreadable {
        /// Where it should have gone.
        topic: Topic,
        /// What is wrong with it.
        detail: String,
    },
    /// The brokers do not answer.
    #[error("no broker of {brokers} answers: {detail}; check [bus.kafka] brokers, the network and the broker")]
    Unreachable {
        /// As configured.
        brokers: String,
        /// In the client's words.
        detail: String,
    },
    /// The brokers answer and refuse, for good.
    #[error("the broker refuses {what}: {detail}")]
    Refused {
        /// What was asked.
        what: String,
        /// Why, and what to do.
        detail: String,
    },
    /// A topic exists and is not what it must be.
    #[error("topic {topic}: {detail}")]
    Topic {
        /// Which.
        topic: Topic,
        /// What is wrong and what to do.
        detail: String,
    },
    /// A setting cannot be used.
    #[error("{key}: {detail}")]
    Setting {
        /// The key, such as `bus.kafka.brokers`.
        key: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Records that a reader asked for were deleted before it read them.
    #[error(
        "{topic}/{partition}: the records from {offset} to {first} were deleted before they were read; they are lost to this reader: raise the topic's retention, then start it from {first}"
    )]
    Gone {
        /// Which topic.
        topic: Topic,
        /// Which partition.
        partition: u32,
        /// Asked for.
        offset: u64,
        /// The oldest that is held.
        first: u64,
    },
    /// The caller named a partition that is not there.
    #[error("topic {topic} has no partition {partition}")]
    Partition {
        /// Which topic.
        topic: Topic,
        /// Asked for.
        partition: u32,
    },
}

impl Error {
    /// Whether waiting helps: the disk may get space, the broker may come back.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Unreachable { .. })
    }
}
