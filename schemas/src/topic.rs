//! Topics, their keys, and the envelope that every record travels in. Encoding and decoding are versioned; every
//! version ever written decodes for ever (see `golden/`).

use crate::borrowed::EnvelopeRef;
use crate::{Alert, Checkpoint, Chunk, Digest, Event, Resolution, Time, Verdict, wire};

/// The version written today.
pub const VERSION: u32 = 1;

/// The largest record accepted from a topic, in bytes. Whoever writes must stay below it.
pub const MAX_RECORD: usize = 1 << 20;

/// A topic of the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Events, keyed by root identity, so that one partition holds everything that a root does; among them, under the
    /// same key, what people say of the root's alerts.
    Events,
    /// Recording chunks, keyed by session; among them the signed checkpoints of the logs' chains, keyed by log.
    Recordings,
    /// Alerts, keyed by root identity.
    Alerts,
    /// Verdicts, keyed by verdict id, and judged marks, keyed by partition; compacted. One partition: whoever has
    /// read a mark has read every verdict that came before it.
    Verdicts,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 4] = [Self::Events, Self::Recordings, Self::Alerts, Self::Verdicts];

    /// The name on the bus.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "interdict.events",
            Self::Recordings => "interdict.recordings",
            Self::Alerts => "interdict.alerts",
            Self::Verdicts => "interdict.verdicts",
        }
    }

    /// Whether only the newest record of each key is kept.
    #[must_use]
    pub const fn is_compacted(self) -> bool {
        matches!(self, Self::Verdicts)
    }
}

impl Topic {
    /// The topic of this name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }
}

impl std::fmt::Display for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A record's place in its writer's gapless count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The proxy's configured name.
    pub proxy: String,
    /// The write-ahead log's own id: a new log starts a new count.
    pub spool: String,
    /// 1, 2, 3, ... per spool and topic.
    pub sequence: u64,
    /// The head of the chain before this record; absent where a build wrote it that knew no chains. See [`crate::chain`].
    pub previous: Option<Digest>,
}

/// How far the detector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// Partition of the events topic.
    pub partition: u32,
    /// Every event before this offset has been judged.
    pub offset: u64,
    /// Time of the newest event judged.
    pub time: Time,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every message is an event; boxing it would cost each one")]
pub enum Message {
    /// On `Topic::Events`.
    Event(Event),
    /// On `Topic::Recordings`.
    Chunk(Chunk),
    /// On `Topic::Alerts`.
    Alert(Alert),
    /// On `Topic::Verdicts`.
    Verdict(Verdict),
    /// On `Topic::Verdicts`.
    Judged(Judged),
    /// On `Topic::Events`.
    Resolution(Resolution),
    /// On `Topic::Recordings`.
    Checkpoint(Checkpoint),
}

impl Message {
    /// The topic it belongs on.
    #[must_use]
    pub const fn topic(&self) -> Topic {
        match self {
            Self::Event(_) | Self::Resolution(_) => Topic::Events,
            Self::Chunk(_) | Self::Checkpoint(_) => Topic::Recordings,
            Self::Alert(_) => Topic::Alerts,
            Self::Verdict(_) | Self::Judged(_) => Topic::Verdicts,
        }
    }

    /// When what it says was.
    #[must_use]
    pub const fn time(&self) -> Time {
        match self {
            Self::Event(event) => event.time,
            Self::Chunk(chunk) => chunk.time,
            Self::Alert(alert) => alert.time,
            Self::Verdict(verdict) => verdict.time,
            Self::Judged(judged) => judged.time,
            Self::Resolution(resolution) => resolution.time,
            Self::Checkpoint(checkpoint) => checkpoint.time,
        }
    }

    /// Its key there.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Event(event) => event.identity.root().id.clone(),
            Self::Chunk(chunk) => chunk.session.clone(),
            Self::Alert(alert) => alert.root.clone(),
            Self::Verdict(verdict) => format!("verdict/{}", verdict.id),
            Self::Judged(judged) => format!("judged/{}", judged.partition),
            Self::Resolution(resolution) => resolution.root.clone(),
            Self::Checkpoint(checkpoint) => checkpoint.spool.clone(),
        }
    }

    /// The message as bytes without a stamp; [`stamp`] adds one.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(self)
    }
}

/// A decoded record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Absent on what no proxy wrote.
    pub stamp: Option<Stamp>,
    /// What it says.
    pub message: Message,
}

impl Envelope {
    /// Reads one record's value.
    ///
    /// # Errors
    /// When the bytes are too many, are not an envelope, are of a version this build does not know, or lack a field
    /// without which they mean nothing.
    pub fn decode(bytes: &[u8]) -> Result<Self, wire::Error> {
        EnvelopeRef::decode(bytes).map(Into::into)
    }
}

/// Appends a stamp to an encoded message. Protobuf fields may come in any order, so the message can be encoded
/// before its place in the log is known.
pub fn stamp(encoded: &mut Vec<u8>, stamp: &Stamp) {
    wire::stamp(encoded, stamp);
}
