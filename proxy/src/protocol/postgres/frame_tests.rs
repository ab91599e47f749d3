//! Claims about frames: the same message from bytes cut at every place, and no panic from any bytes.

use super::*;
use crate::protocol::postgres::{lane::Lane, message, reply};
use bytes::BytesMut;
use proptest::prelude::*;

/// Reads `bytes` cut at every place, and expects the same as from the whole.
fn check<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Result<Option<T>, Error>,
    expected: T,
) {
    for split in 0..bytes.len() {
        assert_eq!(read(&bytes[..split]), Ok(None), "a prefix of {split} bytes asks for more");
    }
    assert_eq!(read(bytes), Ok(Some(expected)));
}

fn packet(write: impl FnOnce(&mut BytesMut)) -> BytesMut {
    let mut out = BytesMut::new();
    write(&mut out);
    out
}

#[test]
fn startup_packets_come_back_as_they_were_written() {
    let pairs = [("user", "ana"), ("database", "orders"), ("options", "")];
    let parameters = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let bytes = packet(|out| reply::startup(out, pairs));
    check(&bytes, startup, (Startup::Session { minor: 0, parameters }, bytes.len()));
    let bytes = packet(reply::tls);
    check(&bytes, startup, (Startup::Tls, 8));
    check(&[0, 0, 0, 8, 4, 210, 22, 48], startup, (Startup::Gss, 8));
    let key = CancelKey { process: 7, secret: vec![1, 2, 3, 4] };
    let bytes = packet(|out| reply::cancel(out, &key));
    check(&bytes, startup, (Startup::Cancel(key), 16));
}

#[test]
fn startup_packets_out_of_bounds_are_refused_by_their_length_alone() {
    for (bytes, expected) in [
        (&[0, 0, 0, 7][..], Error::Length { kind: '\0', length: 7 }),
        (&[0xff, 0xff, 0xff, 0xff], Error::Length { kind: '\0', length: -1 }),
        (&[0, 0, 0x27, 0x11], Error::Long { kind: '\0', length: 10_001, limit: MAX_STARTUP }),
        (b"GET ", Error::Long { kind: '\0', length: 0x4745_5420, limit: MAX_STARTUP }),
        (&[0, 0, 0, 8, 0, 2, 0, 0], Error::Version { major: 2, minor: 0 }),
        (&[0, 0, 0, 9, 0, 3, 0, 0, b'u'], Error::Malformed { kind: '\0' }),
        (&[0, 0, 0, 10, 0, 3, 0, 0, 0, 0], Error::Malformed { kind: '\0' }),
        (&[0, 0, 0, 12, 4, 210, 22, 46, 0, 0, 0, 1], Error::Malformed { kind: '\0' }),
    ] {
        assert_eq!(startup(bytes), Err(expected));
    }
}

#[test]
fn messages_come_back_as_they_were_written() {
    let refusal = reply::Refusal::new("42501", "no").detail("why");
    let bytes = packet(|out| reply::error(out, reply::Severity::Error, &refusal));
    let read =
        |bytes: &[u8]| Ok(message(bytes, 1_000)?.map(|(header, body)| (header.kind, message::report(b'E', body))));
    let report = message::Report { severity: "ERROR".into(), code: "42501".into(), message: "no".into() };
    check(&bytes, read, (b'E', Ok(report)));
    let bytes = packet(reply::failing_parse);
    let read = |bytes: &[u8]| {
        Ok(message(bytes, 1_000)?.map(|(_, body)| message::parse(body).map(|parse| parse.name.to_vec())))
    };
    check(&bytes, read, Ok(b"interdict".to_vec()));
}

#[test]
fn messages_out_of_bounds_are_refused_by_their_header_alone() {
    assert_eq!(header(b"Q\0\0\0\x03"), Err(Error::Length { kind: 'Q', length: 3 }));
    assert_eq!(header(b"Q\x80\0\0\0"), Err(Error::Length { kind: 'Q', length: i64::from(i32::MIN) }));
    assert_eq!(header(b"Q\x40\0\0\0"), Err(Error::Length { kind: 'Q', length: 0x4000_0000 }));
    assert_eq!(message(b"Q\0\0\0\x64", 100), Err(Error::Long { kind: 'Q', length: 101, limit: 100 }));
    assert_eq!(message(b"Q\0\0\0\x63", 100), Ok(None));
}

#[test]
fn bodies_that_contradict_themselves_are_refused() {
    let malformed = |kind| Err(Error::Malformed { kind });
    assert_eq!(message::query(b"select 1").map(drop), malformed('Q'));
    assert_eq!(message::query(b"a\0b\0").map(drop), malformed('Q'));
    assert_eq!(message::parse(b"\0a\0\0\x01").map(drop), malformed('P'));
    assert_eq!(message::bind(b"\0\0\0\0\0\x01\0\0\0\x05ab\0\0").map(drop), malformed('B'));
    assert_eq!(message::bind(b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0").map(drop), malformed('B'));
    assert_eq!(message::execute(b"\0\0\0\0").map(drop), malformed('E'));
    assert_eq!(message::named(b'D', b"X\0").map(drop), malformed('D'));
    assert_eq!(message::report(b'E', b"SERROR\0").map(drop), malformed('E'));
    assert_eq!(message::ready(b"X").map(drop), malformed('Z'));
}

#[test]
fn parameters_of_a_bind_are_found() {
    let body = b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\x01\0\0";
    let bind = message::bind(body).unwrap();
    assert_eq!((bind.portal, bind.statement), (&b"p"[..], &b"s"[..]));
    assert_eq!(bind.parameters, b"\0\x01\0\x01\0\x02\0\0\0\x02ab\xff\xff\xff\xff");
    assert_eq!(message::bind(b"\0\0\0\0\0\0\0\0").unwrap().parameters, b"");
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (startup(&bytes), header(&bytes), message(&bytes, 100));
        let _ = (message::query(&bytes), message::parse(&bytes), message::bind(&bytes), message::execute(&bytes));
        let _ = (message::named(b'D', &bytes), message::report(b'E', &bytes), message::tag(&bytes));
        let _ = (message::parameter(&bytes), message::ready(&bytes), message::function(&bytes));
    }

    #[test]
    fn lanes_forward_what_they_were_given(bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 1..8), step in 1usize..9) {
        let mut bytes = BytesMut::new();
        for body in &bodies {
            reply::sasl(&mut bytes, body);
        }
        let (mut lane, mut out) = (Lane::new(BytesMut::new()), Vec::new());
        for piece in bytes.chunks(step) {
            lane.space().unwrap().extend_from_slice(piece);
            while let Ok(Some((header, _))) = message(lane.rest(), 1_000) {
                lane.accept(header.total);
            }
            lane.release(0);
            let written = lane.ready().len().min(step);
            out.extend_from_slice(&lane.ready()[..written]);
            lane.written(written);
        }
        out.extend_from_slice(lane.ready());
        prop_assert_eq!(&out[..], &bytes[..]);
    }
}
