//! Other systems' logs mean what their golden says, whatever stands between the good lines; reading again gives the same;
//! nothing in a file makes a reader panic.

use interdict_queries::import::{self, ALL, Error, Events, Options, Tally};
use interdict_schemas::{Event, Kind};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

pub(crate) fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples")
}

pub(crate) struct Read {
    pub(crate) events: Vec<Event>,
    pub(crate) faults: Vec<Error>,
    pub(crate) tally: Tally,
}

pub(crate) fn read(files: &[&Path], options: Options) -> Read {
    let mut events = Events::new(files.iter().map(|file| file.to_path_buf()).collect(), options);
    let mut read = Read { events: Vec::new(), faults: Vec::new(), tally: Tally::default() };
    for event in events.by_ref() {
        match event {
            Ok(event) => read.events.push(event),
            Err(error) => read.faults.push(error),
        }
    }
    read.tally = events.tally().clone();
    read
}

/// The sample's year, since a checked out file's own is any.
pub(crate) fn options(format: Option<&str>) -> Options {
    Options { format: format.map(|name| import::find(name).expect("a format")), year: Some(2025) }
}

fn describe(event: &Event) -> String {
    let kind = match &event.kind {
        Kind::Opened => "opened".to_owned(),
        Kind::Refused(refused) => format!("refused {} {:?}", refused.reason, refused.detail),
        Kind::Closed(closed) => {
            format!("closed, opened {}, {}/{} bytes", closed.opened, closed.bytes_in, closed.bytes_out)
        }
        Kind::Acted { action, decision, outcome } => {
            let outcome = outcome.as_ref().map_or_else(String::new, |outcome| {
                format!(
                    ", {} {} {}us {}/{} bytes",
                    outcome.status, outcome.code, outcome.duration_us, outcome.bytes_in, outcome.bytes_out
                )
            });
            let reason = if decision.reason.is_empty() { String::new() } else { format!(" {:?}", decision.reason) };
            let database = action.database.as_ref().map_or_else(String::new, |name| format!(" in {name}"));
            format!(
                "{} {} {:?} on {:?}{database}: {}{reason}{outcome}",
                action.class, action.verb, action.text, action.objects, decision.effect
            )
        }
        Kind::Resulted { .. } => "resulted".to_owned(),
    };
    let (source, target) = (&event.source, &event.target);
    let mut from = source.host.clone().unwrap_or_default();
    if let Some(address) = source.address {
        write!(from, "[{address}]:{}", source.port).expect("memory");
    }
    let mut to = target.name.clone();
    if let Some(alias) = &target.alias {
        write!(to, " as {alias}").expect("memory");
    }
    if target.host.as_ref().is_some_and(|host| *host != target.name) {
        write!(to, " host {}", target.host.as_deref().unwrap_or_default()).expect("memory");
    }
    let account = &event.account;
    let credential = account.credential.as_ref().map_or_else(String::new, |credential| format!(" by {credential}"));
    let learnt: String = event
        .disclosures
        .iter()
        .map(|learnt| {
            format!("\n    taught {} {} {}", learnt.kind, learnt.value, learnt.target.as_deref().unwrap_or(""))
        })
        .collect();
    format!(
        "{} {} ({}) {:?}\n    from {from} to {to}:{} over {} as {:?}{credential} in {}\n    {kind}{learnt}\n",
        event.time,
        event.identity,
        event.identity.issuer,
        event.identity.groups,
        target.port,
        target.protocol,
        account.name,
        event.session,
    )
}

/// Compares with the golden beside the sample, or writes it when `INTERDICT_BLESS` is set.
fn check(sample: &str, format: &str) {
    let path = samples().join(sample);
    let found = read(&[&path], options(None));
    let mut text: String = found.events.iter().map(describe).collect();
    let place = format!("{}:", path.display());
    for fault in &found.faults {
        writeln!(text, "{}", fault.to_string().replace(&place, "line ")).expect("memory");
    }
    writeln!(text, "{}", found.tally).expect("memory");
    let golden = samples().join(format!("{sample}.golden"));
    if std::env::var_os("INTERDICT_BLESS").is_some() {
        std::fs::write(&golden, &text).expect("golden file is writable");
    }
    assert_eq!(text, std::fs::read_to_string(&golden).expect("golden"), "{sample}");
    // The format by name says the same, and reading again gives the same ids.
    let named = read(&[&path], options(Some(format)));
    assert_eq!(named.events, found.events, "{sample}");
    let mut ids: Vec<_> = found.events.iter().map(|event| &event.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), found.events.len(), "{sample}: ids are unique");
}

#[test]
fn every_format_means_what_its_golden_says() {
    for (sample, format) in [
        ("ocsf.jsonl", "ocsf"),
        ("zeek.jsonl", "zeek"),
        ("conn.log", "zeek"),
        ("headless.log", "zeek"),
        ("lanl-auth.txt", "lanl-auth"),
        ("lanl-redteam.txt", "lanl-redteam"),
        ("cloudtrail.json", "cloudtrail"),
        ("cloudtrail-bad.jsonl", "cloudtrail"),
        ("kubernetes.jsonl", "kubernetes"),
        ("auth.log", "sshd"),
        ("auth-iso.log", "sshd"),
        ("teleport.jsonl", "teleport"),
    ] {
        check(sample, format);
    }
}

pub(crate) fn sample(name: &str) -> Vec<u8> {
    std::fs::read(samples().join(name)).expect("sample")
}

#[test]
fn file_of_which_nothing_can_be_read_is_named_with_what_it_looks_like() {
    let samples_of = [
        ("ocsf.jsonl", "ocsf"),
        ("zeek.jsonl", "zeek"),
        ("conn.log", "zeek"),
        ("lanl-auth.txt", "lanl-auth"),
        ("cloudtrail.json", "cloudtrail"),
        ("kubernetes.jsonl", "kubernetes"),
        ("auth.log", "sshd"),
        ("teleport.jsonl", "teleport"),
    ];
    let good = samples().join("auth-iso.log");
    for (sample, own) in samples_of {
        let path = samples().join(sample);
        assert_eq!(read(&[&path], options(Some(own))).tally.foreign, 0, "{sample}");
        // A line of Los Alamos' logins that is cut short is one of its red team's.
        let is_other = |format: &&str| *format != own && (own, *format) != ("lanl-auth", "lanl-redteam");
        for format in ALL.iter().map(|format| format.name()).filter(is_other) {
            let found = read(&[&path], options(Some(format)));
            assert_eq!((found.events.len(), found.tally.foreign), (0, 1), "{sample} as {format}");
            let words = found.faults.last().expect("an error").to_string();
            let expected = format!("{sample}: nothing in it could be read as {format}; it looks like {own}: leave");
            assert!(words.contains(&expected), "{words}");
        }
        // It costs no other file.
        if own != "sshd" {
            let found = read(&[&path, &good], options(Some("sshd")));
            assert_eq!((found.events.len(), found.tally.foreign), (read(&[&good], options(None)).events.len(), 1));
        }
    }
    // Sound, and of no use here.
    let folder = tempfile::tempdir().expect("folder");
    let check = |name: &str, text: &str, format: Option<&str>, expected: Option<&str>| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("writes");
        let found = read(&[&path], options(format));
        let words = found.faults.last().map(ToString::to_string);
        assert_eq!(found.tally.foreign, u64::from(expected.is_some()), "{words:?}");
        assert!(expected.is_none_or(|expected| words.is_some_and(|words| words.contains(expected))), "{name}");
    };
    let dns = "{\"_path\":\"dns\",\"ts\":1.0,\"uid\":\"C1\"}\n";
    check("dns.log", dns, None, None);
    check("dns.log", dns, Some("zeek"), None);
    check("cron.log", "Mar  2 10:00:00 web-1 CRON[9]: (root) CMD (true)\n", Some("sshd"), None);
    check("empty.log", "\n\n", Some("zeek"), None);
    check("diary.txt", "dear \u{1b}diary\n", Some("zeek"), Some("and begins with `dear \\u{1b}diary`"));
    let broken = "{\"_path\":\"ssh\",\"ts\":1.0,\"uid\":\"C1\"}\n";
    check("ssh.log", broken, None, Some("it looks like it, and every record is wrong"));
}

#[test]
fn records_of_one_audit_id_that_were_received_at_different_times_are_two() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("audit.log");
    let text = String::from_utf8(sample("kubernetes.jsonl")).expect("text");
    let first = text.lines().find(|line| line.contains("\"auditID\"") && line.contains("ResponseComplete"));
    let mut record: serde_json::Value = serde_json::from_str(first.expect("a record")).expect("JSON");
    let mut lines = vec![record.to_string(), record.to_string()];
    record["requestReceivedTimestamp"] = "2026-03-02T09:59:59.000001Z".into();
    lines.push(record.to_string());
    std::fs::write(&path, lines.join("\n")).expect("writes");
    let ids: Vec<_> = read(&[&path], options(None)).events.into_iter().map(|event| event.id).collect();
    // The same once more is the same.
    assert_eq!(ids.len(), 3);
    let different: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(different.len(), 2, "{ids:?}");
}

#[test]
fn file_of_no_known_format_is_refused_with_what_there_is() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "dear diary\n").expect("writes");
    let found = read(&[&path], options(None));
    let words = found.faults[0].to_string();
    assert!(words.contains("notes.txt: the format is not recognised") && words.contains("lanl-auth"), "{words}");
}

#[test]
fn year_of_syslog_is_the_files_or_the_one_that_was_given() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("auth.log");
    let line =
        |date: &str| format!("{date} 10:00:00 h sshd[1]: Accepted password for ana from 10.0.0.1 port 1 ssh2\n");
    std::fs::write(&path, [line("Nov 30"), line("Dec 31"), line("Jan  1"), line("Feb  2")].concat()).expect("writes");
    // Changed on 2024-02-10.
    let changed = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_707_559_200);
    std::fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(changed)).expect("changed");
    let years = |options| -> Vec<String> {
        read(&[&path], options).events.iter().map(|event| event.time.to_string()[..4].to_owned()).collect()
    };
    assert_eq!(years(Options::default()), ["2023", "2023", "2024", "2024"]);
    assert_eq!(years(Options { year: Some(2019), ..Options::default() }), ["2019", "2019", "2020", "2020"]);
}

#[test]
fn what_a_file_means_does_not_depend_on_those_beside_it_but_for_who() {
    let names = ["zeek.jsonl", "cloudtrail.json", "auth-iso.log", "kubernetes.jsonl"];
    let paths: Vec<_> = names.iter().map(|name| samples().join(name)).collect();
    let alone: Vec<Event> = paths.iter().flat_map(|path| read(&[path], options(None)).events).collect();
    let paths: Vec<_> = paths.iter().map(PathBuf::as_path).collect();
    assert_eq!(read(&paths, options(None)).events, alone);
}

#[test]
fn role_assumed_in_one_file_is_known_in_the_next() {
    let folder = tempfile::tempdir().expect("folder");
    let trail: serde_json::Value = serde_json::from_slice(&sample("cloudtrail.json")).expect("JSON");
    let records = trail["Records"].as_array().expect("records");
    let (first, second) = (folder.path().join("1.json"), folder.path().join("2.json"));
    std::fs::write(&first, serde_json::json!({ "Records": [records[2]] }).to_string()).expect("writes");
    std::fs::write(&second, serde_json::json!({ "Records": [records[0]] }).to_string()).expect("writes");
    let found = read(&[&first, &second], options(None));
    let last = found.events.last().expect("an event");
    assert_eq!(
        last.identity.to_string(),
        "arn:aws:iam::111122223333:user/ana -> arn:aws:sts::111122223333:assumed-role/reader/job"
    );
    let alone = read(&[&second], options(None));
    assert_eq!(alone.events[0].identity.root().id, "arn:aws:iam::111122223333:role/reader");
    assert_eq!(alone.events[0].id, last.id);
}

/// Bytes as they come, or a sample with a piece of it replaced.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let damaged = (
        prop::sample::select(vec![
            "zeek.jsonl",
            "conn.log",
            "lanl-auth.txt",
            "cloudtrail.json",
            "kubernetes.jsonl",
            "auth.log",
            "teleport.jsonl",
            "ocsf.jsonl",
        ]),
        any::<prop::sample::Index>(),
        prop::collection::vec(any::<u8>(), 0..8),
        0..64_usize,
    )
        .prop_map(|(name, at, bytes, length)| {
            let mut text = sample(name);
            let at = at.index(text.len());
            text.splice(at..(at + length).min(text.len()), bytes);
            text
        });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..512), damaged]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_make_any_reader_panic(bytes in hostile()) {
        let folder = tempfile::tempdir().expect("folder");
        for name in ["any.log", "any.tar"] {
            let path = folder.path().join(name);
            std::fs::write(&path, &bytes).expect("writes");
            read(&[&path], options(None));
            for format in ALL {
                read(&[&path], options(Some(format.name())));
            }
        }
    }
}

/// `INTERDICT_CORPUS=folder make corpus`
#[test]
#[ignore = "needs recordings, in the folder that INTERDICT_CORPUS names"]
fn corpus_of_real_recordings_is_read() {
    let corpus = std::env::var_os("INTERDICT_CORPUS").expect("INTERDICT_CORPUS names the folder of the recordings");
    let corpus = PathBuf::from(corpus);
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in ["lanl", "cloudtrail", "zeek-apt29", "zeek-wrccdc"] {
        let entries = std::fs::read_dir(corpus.join(folder)).expect("a folder of the corpus");
        files.extend(entries.map(|entry| entry.expect("entry").path()));
    }
    files.sort();
    for file in files {
        let found = read(&[&file], Options::default());
        let mut kinds = std::collections::BTreeMap::<_, u64>::new();
        for event in &found.events {
            *kinds.entry((event.target.protocol.name(), event.kind.name())).or_default() += 1;
        }
        let chained = found.events.iter().filter(|event| event.identity.chain().len() > 1).count();
        println!("{}: {}; {chained} delegated; {kinds:?}", file.display(), found.tally);
        found.faults.iter().take(3).for_each(|fault| println!("    {fault}"));
        let is_no_log = matches!(found.faults.first(), Some(Error::Unknown { .. }));
        assert!(is_no_log || found.tally.lines > 0, "{}", file.display());
    }
}
