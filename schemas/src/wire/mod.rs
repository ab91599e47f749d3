//! The protobuf form of every message; what decodes is valid. Nearly every record is an event, so events and stamps are
//! read and written without copying (`layout.rs`); the others by the generated types, which only this folder sees.

mod alert;
mod checkpoint;
mod chunk;
mod enums;
mod event;
mod field;
mod layout;
mod outline;
mod resolution;
mod verdict;
mod written;

use crate::borrowed::{EnvelopeRef, EventRef, MessageRef, StampRef};
use crate::topic::{MAX_RECORD, VERSION};
use crate::{Digest, Judged, Message, Stamp, Time};
pub(crate) use event::Memo;
use field::{Fault, Field as _, Form, Input, put_message};
pub use outline::{About, Outline};
use prost::Message as _;
use std::marker::PhantomData;
pub(crate) use written::Written;

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
    Malformed(String),
    /// Written by a newer interdict.
    #[error("record has version {0}, this build reads up to {VERSION}; upgrade it")]
    Version(u32),
    /// A field without which the message means nothing.
    #[error("record lacks a valid `{0}`")]
    Missing(&'static str),
}

impl From<prost::DecodeError> for Error {
    fn from(error: prost::DecodeError) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Malformed(fault.to_string())
    }
}

type Result<T> = std::result::Result<T, Error>;

/// Numbers of the envelope's fields.
const VERSION_FIELD: u32 = 1;
const STAMP_FIELD: u32 = 2;
const EVENT_FIELD: u32 = 10;
const CHUNK_FIELD: u32 = 11;
const LAST_FIELD: u32 = 16;

pub(crate) fn encode(message: &Message) -> Vec<u8> {
    let body = match message {
        Message::Event(event) => {
            let mut bytes = Vec::new();
            encode_event(&event.into(), &mut Written::default(), &mut bytes);
            return bytes;
        }
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

/// Appends what [`encode`] makes of an event, beside others of which most says the same.
pub(crate) fn encode_event<'a>(event: &EventRef<'a>, written: &mut Written<'a>, out: &mut Vec<u8>) {
    let event = written.layout(event);
    VERSION.write(VERSION_FIELD, out);
    put_message(EVENT_FIELD, &event, out);
}

pub(crate) fn stamp(encoded: &mut Vec<u8>, stamp: &Stamp) {
    let previous = stamp.previous.as_ref().map_or(&[][..], |previous| &previous.0);
    let (proxy, spool, sequence) = (stamp.proxy.as_str(), stamp.spool.as_str(), stamp.sequence);
    let stamp = layout::Stamp { proxy, spool, sequence, previous, borrows: PhantomData };
    put_message(STAMP_FIELD, &stamp, encoded);
}

/// An envelope whose event was read as an `E`, and whose other bodies were not read.
struct Opened<'a, E> {
    version: u32,
    stamp: Option<layout::Stamp<'a>>,
    event: Option<E>,
    has_others: bool,
}

impl<'a, E> Opened<'a, E> {
    /// `accept` reads a piece of the event; of several bodies the last one counts, and `displaced` is shown an event that
    /// another one came after.
    fn read(
        bytes: &'a [u8],
        mut accept: impl FnMut(&mut Option<E>, Form, &mut Input<'a>) -> std::result::Result<(), Fault>,
        mut displaced: impl FnMut(E) -> std::result::Result<(), Fault>,
    ) -> Result<Self> {
        checked(bytes)?;
        let mut opened = Self { version: 0, stamp: None, event: None, has_others: false };
        let mut input = Input::new(bytes);
        while !input.is_empty() {
            match input.key()? {
                (VERSION_FIELD, form) => opened.version.accept(form, &mut input)?,
                (STAMP_FIELD, form) => opened.stamp.accept(form, &mut input)?,
                (EVENT_FIELD, form) => accept(&mut opened.event, form, &mut input)?,
                (number @ CHUNK_FIELD..=LAST_FIELD, form) => {
                    opened.event.take().map_or(Ok(()), &mut displaced)?;
                    opened.has_others = true;
                    input.skip(number, form)?;
                }
                (number, form) => input.skip(number, form)?,
            }
        }
        Ok(opened)
    }
}

pub(crate) fn decode<'a>(bytes: &'a [u8], memo: &mut Memo<'a>) -> Result<EnvelopeRef<'a>> {
    // Each body must be one, also if it does not count.
    let displaced = |event| event::Parts::read(&event, memo).map(|_| ());
    let Opened { version, stamp, event, has_others } = Opened::read(bytes, Option::accept, displaced)?;
    let parts = event.as_ref().map(|event| event::Parts::read(event, memo)).transpose()?;
    let others = if has_others { pb::Envelope::decode(bytes)?.body } else { None };
    known(version)?;
    let stamp = stamp.map(read_stamp).transpose()?;
    let message = match (event, parts) {
        (Some(event), Some(parts)) => MessageRef::Event(parts.of(event)?),
        _ => MessageRef::Other(other(others.ok_or(Error::Missing("body"))?)?),
    };
    Ok(EnvelopeRef { stamp, message })
}

/// No record is larger.
const fn checked(bytes: &[u8]) -> Result<()> {
    if bytes.len() > MAX_RECORD { Err(Error::TooLarge(bytes.len())) } else { Ok(()) }
}

/// A version that this build reads.
const fn known(version: u32) -> Result<()> {
    if version == 0 || version > VERSION { Err(Error::Version(version)) } else { Ok(()) }
}

fn other(body: pb::envelope::Body) -> Result<Message> {
    Ok(match body {
        // It was read above; the last body is another one.
        pb::envelope::Body::Event(_) => return Err(Error::Missing("body")),
        pb::envelope::Body::Chunk(chunk) => Message::Chunk(chunk.try_into()?),
        pb::envelope::Body::Alert(alert) => Message::Alert(alert.try_into()?),
        pb::envelope::Body::Verdict(verdict) => Message::Verdict(verdict.try_into()?),
        pb::envelope::Body::Judged(judged) => {
            Message::Judged(Judged { partition: judged.partition, offset: judged.offset, time: Time(judged.time_us) })
        }
        pb::envelope::Body::Resolution(resolution) => Message::Resolution(resolution.try_into()?),
        pb::envelope::Body::Checkpoint(checkpoint) => Message::Checkpoint(checkpoint.try_into()?),
    })
}

fn read_stamp(stamp: layout::Stamp<'_>) -> Result<StampRef<'_>> {
    let layout::Stamp { proxy, spool, sequence, previous, .. } = stamp;
    let previous = if previous.is_empty() { None } else { Some(digest(previous, "stamp.previous")?) };
    Ok(StampRef { proxy, spool, sequence, previous })
}

fn digest(bytes: &[u8], field: &'static str) -> Result<Digest> {
    Digest::read(bytes).ok_or(Error::Missing(field))
}

/// An empty string on the wire is an absent one.
fn text(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

fn option<T: AsRef<str>>(value: T) -> Option<T> {
    (!value.as_ref().is_empty()).then_some(value)
}

fn present<T: AsRef<str>>(value: T, field: &'static str) -> Result<T> {
    option(value).ok_or(Error::Missing(field))
}

#[cfg(test)]
mod tests;
