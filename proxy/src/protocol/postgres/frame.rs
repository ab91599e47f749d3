//! Bytes <-> messages of the PostgreSQL frontend/backend protocol 3 (PostgreSQL manual, chapter "Frontend/Backend
//! Protocol"). Owns lengths, bounds and strings. Refuses anything longer than it may be, and never looks past the
//! bytes it was given: whoever calls with a prefix is told that more is needed.

use thiserror::Error;

/// Type byte and length of every message but the first.
pub(super) const HEADER: usize = 5;
/// A startup packet; PostgreSQL itself takes no longer one.
pub(super) const MAX_STARTUP: usize = 10_000;
/// A password message; a token with a long delegation chain fits.
pub(super) const MAX_PASSWORD: usize = 64 * 1024;
/// A message that is understood before it is forwarded: Query, Parse, Bind and the like.
pub(super) const MAX_REQUEST: usize = 64 * 1024 * 1024;
/// An answer that is understood before it is forwarded: errors, notices, command tags.
pub(super) const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// PostgreSQL's own bound on what streams through (rows, COPY data).
const MAX_STREAMED: usize = 0x3fff_ffff;

/// What is wrong with a peer's bytes.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum Error {
    /// A length that no message can have.
    #[error("a message of type {kind:?} gives its length as {length}, which it cannot be")]
    Length {
        /// The type byte; a NUL for the startup packet.
        kind: char,
        /// What it gives.
        length: i64,
    },
    /// Longer than is buffered.
    #[error("a message of type {kind:?} has {length} bytes; at most {limit} are taken")]
    Long {
        /// The type byte; a NUL for the startup packet.
        kind: char,
        /// Its length.
        length: usize,
        /// The bound.
        limit: usize,
    },
    /// A message that ends inside one of its fields, or goes on after the last.
    #[error("a message of type {kind:?} does not hold what its type says")]
    Malformed {
        /// The type byte; a NUL for the startup packet.
        kind: char,
    },
    /// Not a startup packet of protocol 3.
    #[error("protocol version {major}.{minor} is not spoken here; use 3.0")]
    Version {
        /// The first half of the version word.
        major: u16,
        /// The second half.
        minor: u16,
    },
}

/// Type and length of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// The type byte.
    pub(super) kind: u8,
    /// Bytes of the whole message, the header included.
    pub(super) total: usize,
}

/// Reads the header of the next message; `None` if more bytes are needed.
///
/// # Errors
/// When the length is impossible.
pub(super) fn header(bytes: &[u8]) -> Result<Option<Header>, Error> {
    let Some(&[kind, a, b, c, d]) = bytes.first_chunk::<HEADER>() else { return Ok(None) };
    let length = i32::from_be_bytes([a, b, c, d]);
    match usize::try_from(length) {
        Ok(length @ 4..=MAX_STREAMED) => Ok(Some(Header { kind, total: length + 1 })),
        _ => Err(Error::Length { kind: kind.into(), length: length.into() }),
    }
}

/// The next message if all of it is there: its header and its body. `None` if more bytes are needed.
///
/// # Errors
/// When the length is impossible, or above `limit`.
pub(super) fn message(bytes: &[u8], limit: usize) -> Result<Option<(Header, &[u8])>, Error> {
    let Some(header) = header(bytes)? else { return Ok(None) };
    if header.total > limit {
        return Err(Error::Long { kind: header.kind.into(), length: header.total, limit });
    }
    Ok(bytes.get(HEADER..header.total).map(|body| (header, body)))
}

/// Who a CancelRequest is about, and the proof that it may be sent.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct CancelKey {
    /// The process, by the number that BackendKeyData gave.
    pub(super) process: u32,
    /// 4 bytes in protocol 3.0, up to 256 in 3.2.
    pub(super) secret: Vec<u8>,
}

impl std::fmt::Debug for CancelKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CancelKey").field("process", &self.process).finish_non_exhaustive()
    }
}

/// The first packet of a connection, which has no type byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Startup {
    /// TLS is asked for.
    Tls,
    /// GSSAPI encryption is asked for.
    Gss,
    /// A running statement is to be cancelled.
    Cancel(CancelKey),
    /// A session is to begin.
    Session {
        /// Minor version of protocol 3.
        minor: u16,
        /// Names and values as sent.
        parameters: Vec<(String, String)>,
    },
}

const CODE_MAJOR: u16 = 1234;
const CODE_CANCEL: u16 = 5678;
const CODE_TLS: u16 = 5679;
const CODE_GSS: u16 = 5680;
/// The longest secret that protocol 3.2 allows.
const MAX_SECRET: usize = 256;

/// Reads the startup packet at the front of `bytes`; `None` if more are needed. Also says how long it is.
///
/// # Errors
/// When it is too long, malformed or of another protocol version.
pub(super) fn startup(bytes: &[u8]) -> Result<Option<(Startup, usize)>, Error> {
    let Some(&length) = bytes.first_chunk::<4>() else { return Ok(None) };
    let length = i32::from_be_bytes(length);
    let total = match usize::try_from(length) {
        Ok(total @ 8..) => total,
        _ => return Err(Error::Length { kind: '\0', length: length.into() }),
    };
    if total > MAX_STARTUP {
        return Err(Error::Long { kind: '\0', length: total, limit: MAX_STARTUP });
    }
    let Some(body) = bytes.get(4..total) else { return Ok(None) };
    let mut body = Fields::new(0, body);
    let (major, minor) = (body.u16()?, body.u16()?);
    let packet = match (major, minor) {
        (CODE_MAJOR, CODE_TLS) => Startup::Tls,
        (CODE_MAJOR, CODE_GSS) => Startup::Gss,
        (CODE_MAJOR, CODE_CANCEL) => {
            let process = body.u32()?;
            let secret = body.rest();
            if !(4..=MAX_SECRET).contains(&secret.len()) {
                return Err(Error::Malformed { kind: '\0' });
            }
            return Ok(Some((Startup::Cancel(CancelKey { process, secret: secret.to_vec() }), total)));
        }
        (3, _) => {
            let mut parameters = Vec::new();
            loop {
                let name = body.text()?;
                if name.is_empty() {
                    break;
                }
                parameters.push((name.to_owned(), body.text()?.to_owned()));
            }
            Startup::Session { minor, parameters }
        }
        _ => return Err(Error::Version { major, minor }),
    };
    body.end()?;
    Ok(Some((packet, total)))
}

/// The fields of one message's body, read from its front.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    kind: char,
    bytes: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The body of a message of type `kind`.
    pub(super) fn new(kind: u8, bytes: &'a [u8]) -> Self {
        Self { kind: kind.into(), bytes }
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Error::Malformed { kind: self.kind })?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or(Error::Malformed { kind: self.kind })?;
        self.bytes = rest;
        Ok(*taken)
    }

    /// One byte.
    pub(super) fn u8(&mut self) -> Result<u8, Error> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// Two bytes.
    pub(super) fn u16(&mut self) -> Result<u16, Error> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// Four bytes.
    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// A length: `None` for -1, which stands for NULL.
    pub(super) fn length(&mut self) -> Result<Option<usize>, Error> {
        match i32::from_be_bytes(self.array()?) {
            -1 => Ok(None),
            length => usize::try_from(length).map(Some).map_err(|_| Error::Malformed { kind: self.kind }),
        }
    }

    /// Bytes up to a NUL, which is taken too.
    pub(super) fn string(&mut self) -> Result<&'a [u8], Error> {
        let end = self.bytes.iter().position(|&byte| byte == 0).ok_or(Error::Malformed { kind: self.kind })?;
        let string = self.take(end)?;
        self.take(1)?;
        Ok(string)
    }

    /// A string in UTF-8.
    pub(super) fn text(&mut self) -> Result<&'a str, Error> {
        let kind = self.kind;
        std::str::from_utf8(self.string()?).map_err(|_| Error::Malformed { kind })
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }

    /// How much is left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len()
    }

    /// That nothing is left.
    pub(super) fn end(&self) -> Result<(), Error> {
        if self.bytes.is_empty() { Ok(()) } else { Err(Error::Malformed { kind: self.kind }) }
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
