//! The chain that each log's records form, so that whoever changes, removes or adds one is found out. Pure: hashing
//! and the words that are signed; keys and signatures are their holders' business.
//!
//! What is hashed is the record's encoded envelope without its stamp, byte for byte as it went onto the wire. Protobuf
//! as interdict writes it has one form for one message (fields in order, no maps, defaults left out), so a row of the
//! lake, read back and encoded again, gives the same bytes. Every hash is SHA-256, begins with a word for its purpose,
//! and states lengths before what has no fixed length, so that no two inputs read alike.

use crate::{Time, Topic};
use sha2::{Digest as _, Sha256};
use std::ops::Range;

const GENESIS: &[u8] = b"interdict.chain.v1\0";
const RECORD: &[u8] = b"interdict.record.v1\0";
const LINK: &[u8] = b"interdict.link.v1\0";
const CHECKPOINT: &[u8] = b"interdict.checkpoint.v1\0";
const CASE: &[u8] = b"interdict.case.v1\0";

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest in these bytes, if they are 32.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// What the first record of a chain has before it. `before` is the number of the record before: 0, or that of the last
/// one which a build wrote that knew no chains.
#[must_use]
pub fn genesis(spool: &str, topic: Topic, before: u64) -> Digest {
    let mut hash = Sha256::new_with_prefix(GENESIS);
    text(&mut hash, spool);
    text(&mut hash, topic.name());
    hash.update(before.to_be_bytes());
    Digest(hash.finalize().into())
}

/// What is signed of a case: its list, byte for byte.
#[must_use]
pub fn case(list: &[u8]) -> Vec<u8> {
    [CASE, &(list.len() as u64).to_be_bytes(), list].concat()
}

/// The digest of an encoded message without its stamp.
#[must_use]
pub fn record(encoded: &[u8]) -> Digest {
    let mut hash = Sha256::new_with_prefix(RECORD);
    hash.update((encoded.len() as u64).to_be_bytes());
    hash.update(encoded);
    Digest(hash.finalize().into())
}

/// Room for encoded messages, one after the other, with what is hashed before each: whoever hashes millions does it in
/// one piece, which takes a seventh less than in three.
#[derive(Debug, Default)]
pub(crate) struct Body(Vec<u8>);

impl Body {
    const LENGTH: Range<usize> = RECORD.len()..RECORD.len() + size_of::<u64>();

    /// Where the next message is to be appended.
    pub(crate) fn begin(&mut self) -> &mut Vec<u8> {
        self.0.clear();
        self.0.extend_from_slice(RECORD);
        self.0.extend_from_slice(&0_u64.to_be_bytes());
        &mut self.0
    }

    /// What [`record`] makes of the message that was appended.
    pub(crate) fn digest(&mut self) -> Digest {
        let length = self.0.len().saturating_sub(Self::LENGTH.end) as u64;
        if let Some(place) = self.0.get_mut(Self::LENGTH) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        Digest(Sha256::digest(&self.0).into())
    }
}

/// The chain's head once the record with this number is its last.
#[must_use]
pub fn link(previous: &Digest, sequence: u64, proxy: &str, record: &Digest) -> Digest {
    let mut hash = Sha256::new_with_prefix(LINK);
    hash.update(previous.0);
    hash.update(sequence.to_be_bytes());
    text(&mut hash, proxy);
    hash.update(record.0);
    Digest(hash.finalize().into())
}

fn text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

/// A proxy's signed word on how a chain stands. Ed25519.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The proxy's configured name.
    pub proxy: String,
    /// The log whose chain it is.
    pub spool: String,
    /// The topic whose chain it is.
    pub chain: Topic,
    /// The number of the last record that it covers.
    pub sequence: u64,
    /// The chain's head there.
    pub head: Digest,
    /// When it was signed.
    pub time: Time,
    /// The public key that signed.
    pub key: [u8; 32],
    /// The public key that signs from here on, said by the one before it.
    pub successor: Option<[u8; 32]>,
    /// Over [`Checkpoint::signed`].
    pub signature: [u8; 64],
}

impl Checkpoint {
    /// What is signed: everything but the signature.
    #[must_use]
    pub fn signed(&self) -> Vec<u8> {
        let mut bytes = CHECKPOINT.to_vec();
        for text in [&self.proxy, &self.spool, self.chain.name()] {
            bytes.extend((text.len() as u64).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.head.0);
        bytes.extend(self.time.0.to_be_bytes());
        bytes.extend(self.key);
        bytes.push(u8::from(self.successor.is_some()));
        bytes.extend(self.successor.unwrap_or_default());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Chains that stand in lakes must verify for ever: these values never change.
    #[test]
    fn hashes_never_change() {
        let start = genesis("01SPOOL", Topic::Events, 0);
        let body = record(b"abc");
        let head = link(&start, 1, "gw-1", &body);
        let found = [start, body, head].map(|digest| digest.to_string());
        assert_eq!(
            found,
            [
                "948f003cc1d92b63235c32e5d88a5389799548ebcf543a3b503e80a57319f82d",
                "c948d959a41091bf65dc10a549db510e724b43620239ad83e54d167e270cef0c",
                "9b1b807599617315132ef3ab7b43f697464c5c39a72636817e079b3b10b7d70f",
            ]
        );
    }

    proptest! {
        #[test]
        fn in_one_piece_or_in_three(messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..4)) {
            let mut body = Body::default();
            for message in messages {
                body.begin().extend(&message);
                prop_assert_eq!(body.digest(), record(&message));
            }
        }

        #[test]
        fn whatever_differs_changes_the_head(
            previous: [u8; 32], sequence: u64, proxy in "\\PC{0,6}", body: [u8; 32],
            other: [u8; 32], another: u64, else_where in "\\PC{0,6}",
        ) {
            let head = link(&Digest(previous), sequence, &proxy, &Digest(body));
            prop_assert_eq!(link(&Digest(other), sequence, &proxy, &Digest(body)) == head, other == previous);
            prop_assert_eq!(link(&Digest(previous), another, &proxy, &Digest(body)) == head, another == sequence);
            prop_assert_eq!(link(&Digest(previous), sequence, &else_where, &Digest(body)) == head, else_where == proxy);
            prop_assert_eq!(link(&Digest(previous), sequence, &proxy, &Digest(other)) == head, other == body);
        }
    }
}
