//! Events from files as they come, however they come.

use interdict_queries::forensics::Findings;
use interdict_queries::import::{Error, Events, Options};
use interdict_schemas::{Message, ocsf};
use std::io::Write;
use std::path::{Path, PathBuf};

fn sample() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/golden/ocsf/6005_query.json");
    let value: serde_json::Value = serde_json::from_slice(&std::fs::read(path).expect("sample")).expect("JSON");
    value.to_string()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).expect("compresses");
    out.finish().expect("compresses")
}

fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("writes");
    path
}

#[test]
fn files_are_read_whatever_their_compression() {
    let folder = tempfile::tempdir().expect("folder");
    let lines = format!("{0}\n{0}\r\n\n{0}", sample());
    let members = [gzip(lines.as_bytes()), gzip(lines.as_bytes())].concat();
    let zst = zstd::encode_all(lines.as_bytes(), 3).expect("compresses");
    for (name, bytes, events) in [
        ("plain.jsonl", lines.clone().into_bytes(), 3),
        // The two members meet in the middle of a line.
        ("two.jsonl.gz", gzip(format!("{lines}\n{lines}").as_bytes()), 6),
        ("members.gz", [members, gzip(b"\n")].concat(), 4),
        ("zstd.jsonl.zst", zst, 3),
        ("empty.jsonl", Vec::new(), 0),
    ] {
        let mut read = Events::new(vec![file(folder.path(), name, &bytes)], Options::default());
        let found = read.by_ref().filter(Result::is_ok).count();
        assert_eq!(found, events, "{name}");
        assert_eq!(read.tally().events, events as u64, "{name}");
        assert_eq!(Some(read.progress().read()), read.progress().size(), "{name}");
    }
}

#[test]
fn line_that_is_no_event_is_named_and_passed_over() {
    let folder = tempfile::tempdir().expect("folder");
    let sample = sample();
    let long = "x".repeat(ocsf::MAX_LINE + 10);
    let lines =
        format!("{sample}\nnot json\n{{\"class_uid\": 1007}}\n\n{long}\n{sample}\n{{\"class_uid\": 3002}}\n{long}");
    let path = file(folder.path(), "mixed.jsonl", lines.as_bytes());
    let mut read = Events::new(vec![path.clone()], Options::default());
    let faults: Vec<String> = read.by_ref().filter_map(Result::err).map(|error| error.to_string()).collect();
    let name = path.display();
    assert_eq!(faults.len(), 4, "{faults:?}");
    for (fault, start) in faults.iter().zip([
        format!("{name}:2: not JSON"),
        format!("{name}:5: line of 1048587 bytes is longer"),
        format!("{name}:7: activity_id is missing"),
        format!("{name}:8: line of 10485"),
    ]) {
        assert!(fault.starts_with(&start), "{fault} does not begin with {start}");
    }
    let tally = read.tally();
    assert_eq!((tally.lines, tally.events, tally.faults()), (8, 2, 4));
    let skipped: Vec<_> = tally.skipped.iter().map(|(reason, count)| (*reason, *count)).collect();
    assert_eq!(skipped, [("blank", 1), ("class", 1), ("json", 1), ("long", 2), ("missing", 1)]);
}

#[test]
fn file_that_cannot_be_read_on_ends_the_reading() {
    let folder = tempfile::tempdir().expect("folder");
    let lines = format!("{}\n", sample()).repeat(2_000);
    let whole = gzip(lines.as_bytes());
    let cut = file(folder.path(), "cut.gz", &whole[..whole.len() / 2]);
    let good = file(folder.path(), "good.jsonl", lines.as_bytes());
    let mut read = Events::new(vec![cut, good], Options::default());
    let last = read.by_ref().last().expect("an item").expect_err("an error");
    assert!(matches!(last, Error::Read { .. }), "{last}");
    assert!(!last.is_skipped());
    assert!(read.next().is_none());
    let missing = Events::new(vec![folder.path().join("none.jsonl")], Options::default()).next().expect("an item");
    let error = missing.expect_err("not there");
    assert!(error.to_string().contains("none.jsonl cannot be opened"), "{error}");
    let garbage = file(folder.path(), "garbage.zst", b"not zstd at all");
    let error = Events::new(vec![garbage], Options::default()).next().expect("an item").expect_err("garbage");
    assert!(matches!(error, Error::Read { .. }), "{error}");
}

#[test]
fn findings_stand_under_their_name_only_when_complete() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("alerts.jsonl");
    let Message::Alert(alert) = crate::fixture::alert("f-1", 1) else { panic!("an alert") };
    let mut findings = Findings::create(&path).expect("creates");
    findings.write(&alert, None).expect("writes");
    assert!(!path.exists());
    drop(findings);
    assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 0, "nothing is left behind");
    let mut findings = Findings::create(&path).expect("creates");
    findings.write(&alert, None).expect("writes");
    assert_eq!(findings.finish().expect("finishes"), 1);
    let text = std::fs::read_to_string(&path).expect("reads");
    let finding: serde_json::Value = serde_json::from_str(text.trim_end()).expect("one line");
    assert_eq!(finding["finding_info"]["uid"], "f-1");
    assert!(Findings::create(&folder.path().join("no/such/folder.jsonl")).is_err());
}

/// `INTERDICT_EVENTS=events.jsonl cargo test -p interdict-queries --test all -- --ignored --nocapture`
#[test]
#[ignore = "needs a generated set, named in INTERDICT_EVENTS"]
fn generated_set_is_read_whole() {
    let path = std::env::var_os("INTERDICT_EVENTS").expect("INTERDICT_EVENTS names the file");
    let start = std::time::Instant::now();
    let mut read = Events::new(vec![path.into()], Options::default());
    let faults: Vec<_> = read.by_ref().filter_map(Result::err).take(3).collect();
    let (tally, seconds) = (read.tally(), start.elapsed().as_secs_f64());
    println!("{tally:?}, {:.0} lines/s", tally.lines as f64 / seconds);
    assert!(faults.is_empty() && tally.skipped.is_empty(), "{faults:?}");
}
