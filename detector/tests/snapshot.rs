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

fn pack(frames: &[Frame]) -> Vec<u8> {
    let (mut packer, mut bytes) = Packer::new();
    frames.iter().for_each(|frame| bytes.extend(packer.pack(frame).expect("packed")));
    bytes.extend(packer.end().expect("an end"));
    bytes
}

fn restore(bytes: &[u8], at_once: usize) -> Result<Detector, Error> {
    let (mut unpacker, mut restoring) = (Unpacker::default(), Restoring::new(settings()));
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

        let mut restored = restore(&pack(&frames), at_once).expect("restored");
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

#[test]
fn what_was_changed_or_torn_is_not_used() {
    let bytes = pack(&WRITTEN.0);
    assert!(restore(&bytes, 4096).is_ok());
    let check = |bytes: &[u8], what: &str| assert!(restore(bytes, 4096).is_err(), "{what}");
    for at in (0..bytes.len()).step_by(bytes.len() / 97 + 1) {
        check(&bytes[..at], "torn");
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        check(&changed, "changed");
    }
    check(&[&bytes[..], b"x"].concat(), "longer");
    check(b"idstate0", "another version");
    check(b"", "empty");
    // A kind, a length, a packed length.
    let frame = |kind: u8, length: u32, packed: u32| {
        [b"idstate1".as_slice(), &[kind], &length.to_le_bytes(), &packed.to_le_bytes(), &[0; 64]].concat()
    };
    check(&frame(9, 10, 10), "an unknown kind");
    check(&frame(1, u32::MAX, u32::MAX), "too long");
    check(&frame(1, 60 << 20, 10), "too small for its length");
    check(&frame(1, 4, 10), "longer packed");
    check(&frame(1, 64, 10), "not packed at all");
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(1), ..ProptestConfig::with_cases(300) })]

    /// Whoever can write to the storage can make a digest that fits.
    #[test]
    fn made_up_bytes_with_a_good_digest_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..6)
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
        if let Ok(mut detector) = restore(&pack(&frames), 1 << 16) {
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
