//! What is read and written without copying, against the code that `prost` generates from the contract: the same bytes,
//! the same meaning, the same refusals, whatever was done to the bytes.

#[path = "../../tests/strategy/mod.rs"]
mod strategy;

use super::{About, Error, Memo, Outline, encode, pb, stamp};
use crate::{Envelope, EnvelopeRef, Message, Stamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message as _;

/// A record as a writer makes it.
fn record() -> impl Strategy<Value = Vec<u8>> {
    (strategy::message(), strategy::stamp()).prop_map(|(message, place)| {
        let mut bytes = encode(&message);
        if let Some(place) = &place {
            stamp(&mut bytes, place);
        }
        bytes
    })
}

/// What may happen to bytes: some are changed, some are cut out, some come again elsewhere.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), prop_oneof![any::<u8>(), 0..0x30_u8]);
    let piece = (any::<Index>(), any::<Index>(), any::<Index>());
    let parts = (vec(record(), 1..3), vec(change, 0..4), vec(piece, 0..3), prop::option::of(any::<Index>()));
    parts.prop_map(|(records, changes, pieces, end)| {
        // Records one after another are one record, whose parts are merged.
        let mut bytes = records.concat();
        for (from, length, to) in pieces {
            let from = from.index(bytes.len());
            let piece = bytes[from..from + length.index(bytes.len() - from + 1)].to_vec();
            let to = to.index(bytes.len());
            bytes.splice(to..to, piece);
        }
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(end) = end {
            bytes.truncate(end.index(bytes.len() + 1));
        }
        bytes
    })
}

fn decode(bytes: &[u8]) -> Result<EnvelopeRef<'_>, Error> {
    super::decode(bytes, &mut Memo::default())
}

fn told(read: Result<EnvelopeRef<'_>, Error>) -> Result<Envelope, String> {
    read.map(Into::into).map_err(|error| error.to_string())
}

proptest! {
    #[test]
    fn what_is_written_is_what_the_contract_says(bytes in record()) {
        let read = pb::Envelope::decode(bytes.as_slice()).expect("the contract's");
        // The stamp comes last and the contract has it second: compare without.
        let unstamped = pb::Envelope { stamp: None, ..read.clone() }.encode_to_vec();
        prop_assert_eq!(&bytes[..unstamped.len()], unstamped.as_slice());
        let stamp = pb::Envelope { version: 0, body: None, ..read }.encode_to_vec();
        prop_assert_eq!(&bytes[unstamped.len()..], stamp.as_slice());
    }

    #[test]
    fn what_is_read_is_what_the_contract_says(bytes in damaged()) {
        match pb::Envelope::decode(bytes.as_slice()) {
            Err(_) => prop_assert!(matches!(decode(&bytes), Err(Error::Malformed(_)))),
            Ok(read) => {
                // Each field once and in order, nothing unknown.
                let plain = read.encode_to_vec();
                prop_assert_eq!(told(decode(&bytes)), told(decode(&plain)));
                prop_assert!(!matches!(decode(&bytes), Err(Error::Malformed(_))));
            }
        }
    }

    #[test]
    fn what_can_be_read_is_what_its_outline_says(bytes in damaged()) {
        let Ok(Envelope { stamp, message }) = decode(&bytes).map(Into::into) else { return Ok(()) };
        let outline = Outline::read(&bytes).expect("an outline");
        prop_assert_eq!(outline.topic(), message.topic());
        prop_assert_eq!(outline.stamp.map(Stamp::from), stamp);
        match (outline.about, message) {
            (About::Other(other), message) => prop_assert_eq!(other, message),
            (About::Event { time, root, is_of_session, discloses }, Message::Event(event)) => {
                prop_assert_eq!((time, root), (event.time, &*event.identity.root().id));
                let name = event.kind.name();
                prop_assert_eq!(is_of_session, matches!(name, "opened" | "refused" | "closed"));
                prop_assert_eq!(discloses, !event.disclosures.is_empty());
            }
            (about, message) => prop_assert!(false, "{about:?} of {message:?}"),
        }
    }

    #[test]
    fn what_was_read_before_changes_nothing(records in vec(damaged(), 1..6), order in vec(any::<Index>(), 1..12)) {
        let mut memo = Memo::default();
        for at in order {
            let bytes = &records[at.index(records.len())];
            prop_assert_eq!(told(super::decode(bytes, &mut memo)), told(decode(bytes)));
        }
    }
}

#[test]
fn fields_that_nobody_knows_are_passed_over_as_deeply_as_the_contract_has_it() {
    for depth in 95..105 {
        for inside in [false, true] {
            let mut field = [vec![0xa3, 0x06]; 1].concat().repeat(depth);
            field.extend([0x08, 0x01]);
            field.extend([0xa4, 0x06].repeat(depth));
            let bytes = if inside {
                let length = u8::try_from(field.len() & 0x7f).expect("small") | 0x80;
                let rest = u8::try_from(field.len() >> 7).expect("small");
                [vec![0x52, length, rest], field].concat()
            } else {
                field
            };
            let theirs = pb::Envelope::decode(bytes.as_slice()).is_err();
            assert_eq!(matches!(decode(&bytes), Err(Error::Malformed(_))), theirs, "{depth} {inside}");
        }
    }
}
