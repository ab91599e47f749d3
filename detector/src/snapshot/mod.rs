//! The fold's state in bytes, so that a restart need not fold the past again: pieces in order, each packed by itself, with
//! a digest at the end. Pure: where it is kept is `store.rs`, what is in it `detector/state.rs`.
//!
//! FORMAT: magic; then frames of kind (1 byte), length and packed length (4 bytes each, little endian), and zstd, or the
//! bytes as they are where both lengths are the same; the last one holds the SHA-256 of all before it.
//!
//! THREAT: bytes that were read back may be torn, of another version, or made up. Whatever they are, reading ends with
//! an error and not with a panic, and takes memory in proportion to their number: a frame has at most [`LONGEST`] bytes and
//! [`RATIO`] times those it is packed in.

pub(crate) mod store;
pub(crate) mod text;

use deltalake::logstore::object_store;
use sha2::{Digest, Sha256};

/// What a snapshot begins with. Another form of the state is another number.
const MAGIC: &[u8; 8] = b"idstate9";
/// Bytes of one frame.
pub const LONGEST: usize = 64 << 20;
const RATIO: usize = 256;
const HEAD: usize = 9;
const LEVEL: i32 = 1;

/// Why a snapshot cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another version, or no snapshot at all.
    #[error("it is no snapshot of this version")]
    Version,
    /// Other settings.
    #[error("it was made with other settings, detections or another version of interdict")]
    Settings,
    /// The log ends before what it covers.
    #[error("it is of another log: partition {partition} ends at {end}, before {offset}")]
    Log {
        /// The partition.
        partition: u32,
        /// Where it ends.
        end: u64,
        /// What is covered.
        offset: u64,
    },
    /// Its end is missing.
    #[error("it ends too early")]
    Torn,
    /// It was changed.
    #[error("its digest is wrong")]
    Digest,
    /// A piece that makes no sense.
    #[error("something in it cannot be read: {0}")]
    Frame(&'static str),
    /// A piece that cannot be decoded.
    #[error("something in it cannot be read: {0}")]
    Postcard(#[from] postcard::Error),
    /// A piece that cannot be unpacked.
    #[error("zstd: {0}")]
    Zstd(#[from] std::io::Error),
    /// The storage failed.
    #[error("{0}")]
    Store(#[from] object_store::Error),
    /// The place cannot be used.
    #[error("{0}")]
    Place(String),
}

/// What is in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What the snapshot covers.
    Head,
    /// All that is not of the other kinds.
    Rest,
    /// Actors, each after its number.
    Actors,
    /// Places, each after its number.
    Places,
    /// Sessions, each after its number.
    Sessions,
    /// The end, with the digest.
    End,
}

impl Kind {
    const ALL: [Self; 6] = [Self::Head, Self::Rest, Self::Actors, Self::Places, Self::Sessions, Self::End];
}

/// A piece of a snapshot.
#[derive(Debug)]
pub struct Frame {
    /// What it holds.
    pub kind: Kind,
    /// Its bytes, unpacked.
    pub bytes: Vec<u8>,
}

/// Packs frames.
#[derive(Debug)]
pub struct Packer(Sha256);

impl Packer {
    /// One for a new snapshot, and what that begins with.
    #[must_use]
    pub fn new() -> (Self, Vec<u8>) {
        (Self(Sha256::new_with_prefix(MAGIC)), MAGIC.to_vec())
    }

    /// A frame as it is written.
    ///
    /// # Errors
    /// When it is too long.
    pub fn pack(&mut self, frame: &Frame) -> Result<Vec<u8>, Error> {
        let length = frame.bytes.len();
        if length > LONGEST {
            return Err(Error::Frame("a piece is too long"));
        }
        let mut packed = zstd::bulk::compress(&frame.bytes, LEVEL)?;
        if packed.len() >= length || length > packed.len() * RATIO {
            packed.clone_from(&frame.bytes);
        }
        let mut bytes = Vec::with_capacity(HEAD + packed.len());
        bytes.push(frame.kind as u8);
        for length in [length, packed.len()] {
            bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        }
        bytes.append(&mut packed);
        self.0.update(&bytes);
        Ok(bytes)
    }

    /// The last frame.
    ///
    /// # Errors
    /// Never, as it is short.
    pub fn end(mut self) -> Result<Vec<u8>, Error> {
        let digest = self.0.clone().finalize().to_vec();
        self.pack(&Frame { kind: Kind::End, bytes: digest })
    }
}

/// Unpacks frames from bytes that come in parts.
#[derive(Debug, Default)]
pub struct Unpacker {
    waiting: Vec<u8>,
    digest: Sha256,
    has_begun: bool,
    has_ended: bool,
}

impl Unpacker {
    /// Takes bytes in.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The next frame, if all of it is there; none after the last one.
    ///
    /// # Errors
    /// When what is there is no snapshot, or was changed.
    pub fn frame(&mut self) -> Result<Option<Frame>, Error> {
        if !self.has_begun {
            let Some(magic) = self.waiting.get(..MAGIC.len()) else { return Ok(None) };
            if magic != MAGIC {
                return Err(Error::Version);
            }
            self.take(MAGIC.len());
            self.has_begun = true;
        }
        if self.has_ended {
            return if self.waiting.is_empty() { Ok(None) } else { Err(Error::Frame("more follows its end")) };
        }
        let Some((kind, rest)) = self.waiting.split_first() else { return Ok(None) };
        let (Some(length), Some(packed)) = (number(rest, 0), number(rest, 4)) else { return Ok(None) };
        let kind = *Kind::ALL.get(usize::from(*kind)).ok_or(Error::Frame("an unknown kind"))?;
        if length > LONGEST || packed > length || length > packed.saturating_mul(RATIO) {
            return Err(Error::Frame("an impossible length"));
        }
        let Some(body) = self.waiting.get(HEAD..HEAD + packed) else { return Ok(None) };
        let bytes = if packed == length { body.to_vec() } else { zstd::bulk::decompress(body, length)? };
        if bytes.len() != length {
            return Err(Error::Frame("a wrong length"));
        }
        if kind == Kind::End {
            if *self.digest.clone().finalize() != *bytes {
                return Err(Error::Digest);
            }
            self.has_ended = true;
        }
        self.take(HEAD + packed);
        Ok(Some(Frame { kind, bytes }))
    }

    /// Whether the end was there.
    ///
    /// # Errors
    /// When it was not, or more follows.
    pub fn end(&self) -> Result<(), Error> {
        if self.has_ended && self.waiting.is_empty() { Ok(()) } else { Err(Error::Torn) }
    }

    fn take(&mut self, length: usize) {
        let taken: Vec<u8> = self.waiting.drain(..length.min(self.waiting.len())).collect();
        self.digest.update(&taken);
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}
