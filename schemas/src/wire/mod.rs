//! The protobuf form of every message. Only this file sees the generated types; what decodes is valid.

mod action;
mod alert;
mod checkpoint;
mod chunk;
mod enums;
mod event;
mod identity;
mod resolution;
mod verdict;

use crate::topic::{MAX_RECORD, VERSION};
use crate::{Digest, Envelope, Judged, Message, Stamp, Time};
use prost::Message as _;

#[expect(unreachable_pub, clippy::all, reason = "generated")]
mod pb {
    include!(concat!(env!("OUT_DIR"), "/interdict.v1.rs"));
}

/// Why bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Larger than any record may be.
    #[error("record of {0} bytes is larger than the {MAX_RECORD} allowed")]
    TooLarge(usize),
    /// Not protobuf.
    #[error("record is not a protobuf envelope: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// Written by a newer interdict.
    #[error("record has version {0}, this build reads up to {VERSION}; upgrade it")]
    Version(u32),
    /// A field without which the message means nothing.
    #[error("record lacks a valid `{0}`")]
    Missing(&'static str),
}

type Result<T> = std::result::Result<T, Error>;

pub(crate) fn encode(message: &Message) -> Vec<u8> {
    let body = match message {
        Message::Event(event) => pb::envelope::Body::Event(event.into()),
        Message::Chunk(chunk) => pb::envelope::Body::Chunk(chunk.into()),
        Message::Alert(alert) => pb::envelope::Body::Alert(alert.into()),
        Message::Verdict(verdict) => pb::envelope::Body::Verdict(verdict.into()),
        Message::Judged(judged) => pb::envelope::Body::Judged(pb::Judged {
            partition: judged.partition,
            offset: judged.offset,
            time_us: judged.time.0,
        }),
        Message::Resolution(resolution) => pb::envelope::Body::Resolution(resolution.into()),
        Message::Checkpoint(checkpoint) => pb::envelope::Body::Checkpoint(checkpoint.into()),
    };
    pb::Envelope { version: VERSION, stamp: None, body: Some(body) }.encode_to_vec()
}

pub(crate) fn stamp(encoded: &mut Vec<u8>, stamp: &Stamp) {
    let only = pb::Envelope {
        version: 0,
        stamp: Some(pb::Stamp {
            proxy: stamp.proxy.clone(),
            spool: stamp.spool.clone(),
            sequence: stamp.sequence,
            previous: stamp.previous.map(|previous| previous.0.to_vec()).unwrap_or_default(),
        }),
        body: None,
    };
    #[expect(clippy::expect_used, reason = "a Vec always has room")]
    only.encode(encoded).expect("a Vec grows");
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Envelope> {
    if bytes.len() > MAX_RECORD {
        return Err(Error::TooLarge(bytes.len()));
    }
    let envelope = pb::Envelope::decode(bytes)?;
    if envelope.version == 0 || envelope.version > VERSION {
        return Err(Error::Version(envelope.version));
    }
    let stamp = envelope.stamp.map(read_stamp).transpose()?;
    let message = match envelope.body.ok_or(Error::Missing("body"))? {
        pb::envelope::Body::Event(event) => Message::Event(event.try_into()?),
        pb::envelope::Body::Chunk(chunk) => Message::Chunk(chunk.try_into()?),
        pb::envelope::Body::Alert(alert) => Message::Alert(alert.try_into()?),
        pb::envelope::Body::Verdict(verdict) => Message::Verdict(verdict.try_into()?),
        pb::envelope::Body::Judged(judged) => {
            Message::Judged(Judged { partition: judged.partition, offset: judged.offset, time: Time(judged.time_us) })
        }
        pb::envelope::Body::Resolution(resolution) => Message::Resolution(resolution.try_into()?),
        pb::envelope::Body::Checkpoint(checkpoint) => Message::Checkpoint(checkpoint.try_into()?),
    };
    Ok(Envelope { stamp, message })
}

fn read_stamp(stamp: pb::Stamp) -> Result<Stamp> {
    let pb::Stamp { proxy, spool, sequence, previous } = stamp;
    let previous = if previous.is_empty() { None } else { Some(digest(&previous, "stamp.previous")?) };
    Ok(Stamp { proxy, spool, sequence, previous })
}

fn digest(bytes: &[u8], field: &'static str) -> Result<Digest> {
    Digest::read(bytes).ok_or(Error::Missing(field))
}

/// An empty string on the wire is an absent one.
fn text(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

fn option(value: String) -> Option<String> {
    (!value.is_empty()).then_some(value)
}

fn present(value: String, field: &'static str) -> Result<String> {
    if value.is_empty() { Err(Error::Missing(field)) } else { Ok(value) }
}
