//! The wire contract: every sample under `golden/` decodes for ever into what stands beside it, everything that can be
//! said survives the wire, and bytes that nobody wrote are refused without a panic.
//!
//! A sample is `v<version>-<kind>.bin`; what it means is `v<version>-<kind>.txt`. Samples are only ever added: when a
//! kind or a version is new, run the tests once with `INTERDICT_GOLDEN=add`, which writes what is missing and never
//! changes what is there.

mod sample;
mod strategy;

use interdict_schemas::topic::{MAX_RECORD, VERSION, stamp};
use interdict_schemas::{Envelope, Stamp};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

#[test]
fn every_sample_decodes_for_ever() {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder()).expect("golden/ stands") {
        let path = entry.expect("entry").path();
        if path.extension().is_none_or(|extension| extension != "bin") {
            continue;
        }
        let meaning = std::fs::read_to_string(path.with_extension("txt")).expect("what the sample means");
        let envelope = Envelope::decode(&std::fs::read(&path).expect("sample")).expect("the sample decodes");
        assert_eq!(format!("{envelope:#?}\n"), meaning, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= sample::all().len(), "{seen} samples under golden/; run once with INTERDICT_GOLDEN=add");
}

#[test]
fn every_kind_has_a_sample_of_this_version_and_encodes_to_it() {
    let add = std::env::var("INTERDICT_GOLDEN").is_ok_and(|value| value == "add");
    for (kind, envelope) in sample::all() {
        let mut bytes = envelope.message.encode();
        if let Some(place) = &envelope.stamp {
            stamp(&mut bytes, place);
        }
        let path = folder().join(format!("v{VERSION}-{kind}.bin"));
        if add && !path.exists() {
            std::fs::write(&path, &bytes).expect("write the sample");
            std::fs::write(path.with_extension("txt"), format!("{envelope:#?}\n")).expect("write its meaning");
        }
        let golden = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(bytes, golden, "{kind} is written differently now; that needs a new version");
    }
}

#[test]
fn a_newer_version_is_refused_with_advice() {
    let mut bytes = sample::all().remove(0).1.message.encode();
    // Field 1 of the envelope is the version; the last one on the wire counts.
    bytes.extend([0x08, 0x7f]);
    let error = Envelope::decode(&bytes).expect_err("version 127 is not known").to_string();
    assert_eq!(error, "record has version 127, this build reads up to 1; upgrade it");
}

#[test]
fn an_oversized_record_is_refused_unread() {
    let error = Envelope::decode(&vec![0; MAX_RECORD + 1]).expect_err("too large").to_string();
    assert!(error.contains("larger than"), "{error}");
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(message in strategy::message(), place in strategy::stamp()) {
        let mut bytes = message.encode();
        if let Some(place) = &place {
            stamp(&mut bytes, place);
        }
        let envelope = Envelope::decode(&bytes).expect("decodes");
        prop_assert_eq!(envelope, Envelope { stamp: place, message });
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = Envelope::decode(&bytes);
    }

    #[test]
    fn damaged_records_never_panic(
        message in strategy::message(),
        cut in any::<prop::sample::Index>(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = message.encode();
        stamp(&mut bytes, &Stamp { proxy: "gw-1".into(), spool: "spool".into(), sequence: 1, previous: None });
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let _ = Envelope::decode(&bytes);
    }
}
