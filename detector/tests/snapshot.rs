//! Snapshots: whoever goes on from one says what everybody says who folded everything; bytes that are none do no harm.

use interdict_detector::simulation::Plan;
use interdict_detector::snapshot::{Error, Frame, Kind, Packer, Unpacker};
use interdict_detector::{Detector, Output, Restoring, Settings};
use interdict_schemas::Event;
use proptest::prelude::*;
use std::sync::LazyLock;

fn events(seed: u64) -> Vec<Event> {
    let plan = Plan { seed, days: 12, identities: 40, sessions_per_day: 120, attacks: 14, ..Plan::default() };
    plan.stream().collect()
}

fn settings() -> Settings {
    Settings { learning_days: 2, ..Settings::default() }
}

fn fold(detector: &mut Detector, events: &[Event]) -> Vec<Output> {
    events.iter().flat_map(|event| detector.observe(event)).collect()
}

/// A snapshot of these frames.
pub(crate) fn pack(frames: &[Frame]) -> Vec<u8> {
    let (mut packer, mut bytes) = Packer::new();
    frames.iter().for_each(|frame| bytes.extend(packer.pack(frame).expect("packed")));
    bytes.extend(packer.end().expect("an end"));
    bytes
}

/// The detector that a snapshot holds, which is read so many bytes at once.
pub(crate) fn restore(settings: Settings, bytes: &[u8], at_once: usize) -> Result<Detector, Error> {
    let (mut unpacker, mut restoring) = (Unpacker::default(), Restoring::new(settings));
    for part in bytes.chunks(at_once.max(1)) {
        unpacker.feed(part);
        while let Some(frame) = unpacker.frame()? {
            if frame.kind != Kind::End {
                restoring.take(frame)?;
            }
        }
    }
    unpacker.end()?;
    restoring.end()
}

/// Writes the state as it is now while it folds on; gives it with how many events were folded meanwhile.
fn write(detector: &mut Detector, events: &[Event], things: u32, said: &mut Vec<Output>) -> (Vec<Frame>, usize) {
    let mut frames = detector.begin_writing().expect("begun");
    for (folded, event) in events.iter().enumerate() {
        let (slice, is_last) = detector.write_slice(things).expect("a slice");
        frames.extend(slice);
        if is_last {
            return (frames, folded);
        }
        said.extend(detector.observe(event));
    }
    panic!("the writing did not end");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn going_on_from_a_snapshot_says_what_folding_everything_says(
        seed in 1u64..1000, at in 0.0..0.9f64, things in 1u32..40, at_once in 1usize..5000
    ) {
        let events = events(seed);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
        let at = (events.len() as f64 * at) as usize;
        let (before, after) = events.split_at(at);
        let mut whole = Detector::new(settings());
        fold(&mut whole, before);
        let mut said = Vec::new();
        let (frames, folded) = write(&mut whole, after, things, &mut said);
        said.extend(fold(&mut whole, &after[folded..]));

        let mut restored = restore(settings(), &pack(&frames), at_once).expect("restored");
        prop_assert_eq!(fold(&mut restored, after), said);
        prop_assert_eq!(restored.counts(), whole.counts());
        prop_assert_eq!(Sizes::of(&restored), Sizes::of(&whole));
    }
}

/// What is remembered, but for the bytes, which depend on how it came to be there.
#[derive(Debug, PartialEq, Eq)]
struct Sizes([usize; 6]);

impl Sizes {
    fn of(detector: &Detector) -> Self {
        let size = detector.size();
        Self([size.actors, size.edges, size.places, size.sessions, size.hops, size.alerts])
    }
}

/// A state in which there is something of everything, with what follows it.
static WRITTEN: LazyLock<(Vec<Frame>, Vec<Event>)> = LazyLock::new(|| {
    let events = events(7);
    let (before, after) = events.split_at(events.len() * 2 / 3);
    let mut detector = Detector::new(settings());
    assert!(!fold(&mut detector, before).is_empty(), "nothing was said");
    let (frames, _) = write(&mut detector, after, 64, &mut Vec::new());
    (frames, after.to_vec())
});

/// Why bytes are not used.
fn refused(bytes: &[u8]) -> Error {
    restore(settings(), bytes, 4096).map(drop).expect_err("refused")
}

#[test]
fn what_was_changed_or_torn_is_not_used() {
    let check = |bytes: &[u8], is_expected: fn(&Error) -> bool| {
        let error = refused(bytes);
        assert!(is_expected(&error), "{error:?}");
    };
    let bytes = pack(&WRITTEN.0);
    assert!(restore(settings(), &bytes, 4096).is_ok());
    for at in (0..bytes.len()).step_by(bytes.len() / 97 + 1) {
        check(&bytes[..at], |error| matches!(error, Error::Torn));
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        // What was hit decides who sees it; the digest does if nobody else.
        check(&changed, |_| true);
    }
    check(b"", |error| matches!(error, Error::Torn));
    check(&[&bytes[..], b"x"].concat(), |error| matches!(error, Error::Frame("more follows its end")));
    let with_last_changed = |mut bytes: Vec<u8>| {
        *bytes.last_mut().expect("a byte") ^= 1;
        bytes
    };
    check(&with_last_changed(bytes), |error| matches!(error, Error::Digest));
    check(&with_last_changed(Packer::new().1), |error| matches!(error, Error::Version));
}

#[test]
fn a_frame_that_cannot_be_is_refused_by_the_guard_that_is_there_for_it() {
    let magic = Packer::new().1;
    let frame = |kind: u8, length: u32, packed: u32, body: &[u8]| {
        [magic.as_slice(), &[kind], &length.to_le_bytes(), &packed.to_le_bytes(), body].concat()
    };
    let check = |bytes: &[u8], expected: &str| {
        let error = refused(bytes);
        assert!(matches!(error, Error::Frame(why) if why == expected), "{error:?} is not {expected}");
    };
    let rest = Kind::Rest as u8;
    let zeros = [0; 64];
    check(&frame(9, 10, 10, &zeros), "an unknown kind");
    check(&frame(rest, u32::MAX, u32::MAX, &zeros), "an impossible length");
    // Too small for its length; then longer packed than unpacked.
    check(&frame(rest, 60 << 20, 10, &zeros), "an impossible length");
    check(&frame(rest, 4, 10, &zeros), "an impossible length");
    // What zstd packed, behind its kind and its lengths; with its own length, and with others.
    let packed = Packer::new().0.pack(&Frame { kind: Kind::Rest, bytes: vec![7; 1000] }).expect("packed");
    let body = &packed[9..];
    let of_length = |length: u32| frame(rest, length, u32::try_from(body.len()).expect("short"), body);
    assert!(matches!(refused(&of_length(1000)), Error::Torn));
    check(&of_length(1001), "a wrong length");
    for bytes in [of_length(999), frame(rest, 64, 10, &zeros)] {
        let error = refused(&bytes);
        assert!(matches!(error, Error::Zstd(_)), "{error:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..ProptestConfig::with_cases(300)
    })]

    /// Whoever can write to the storage can make a digest that fits.
    #[test]
    fn made_up_bytes_with_a_good_digest_do_no_harm(
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()),
            1..6
        )
    ) {
        let (frames, after) = &*WRITTEN;
        let mut frames: Vec<_> =
            frames.iter().map(|frame| Frame { kind: frame.kind, bytes: frame.bytes.clone() }).collect();
        for (frame, at, to) in changes {
            let frame = frame.get_mut(&mut frames);
            if !frame.bytes.is_empty() {
                let at = at.index(frame.bytes.len());
                frame.bytes[at] = to;
            }
        }
        if let Ok(mut detector) = restore(settings(), &pack(&frames), 1 << 16) {
            fold(&mut detector, &after[..200]);
        }
    }
}

#[test]
fn other_settings_have_another_fingerprint() {
    let of = |settings: Settings| Restoring::new(settings).fingerprint();
    assert_eq!(of(settings()), of(settings()));
    assert_ne!(of(settings()), of(Settings::default()));
    assert_ne!(of(Settings { alert_nats: 2.6, ..settings() }), of(settings()));
    assert_eq!(of(settings()), Detector::new(settings()).fingerprint());
}
