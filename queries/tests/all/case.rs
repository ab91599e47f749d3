//! Cases: all about an alert in one archive, and every change of it found.

use crate::broken::{Damage, skipping};
use crate::fixture::{Lake, alert, pair, session, story, verdict};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use interdict_queries::Error;
use interdict_queries::case::{Case, Checked, Seal, check, export};
use interdict_queries::verify::Options;
use interdict_schemas::{Alert, Message, Protocol, Stream};
use std::collections::BTreeMap;
use std::path::Path;

struct Key(Ed25519KeyPair);

impl Seal for Key {
    fn key(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().expect("32 bytes")
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).as_ref().try_into().expect("64 bytes")
    }
}

async fn made(lake: &Lake, alert: &str) -> Result<(Case, Vec<u8>), Error> {
    let snapshot = lake.engine().snapshot().await.expect("reads");
    export(&snapshot, alert, Options::default(), &Key(pair(7)), lake.path(), Vec::new()).await
}

/// The files of an archive, as tar unpacks them.
fn unpacked(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("case.tar");
    std::fs::write(&file, archive).expect("writes");
    let into = folder.path().join("into");
    std::fs::create_dir(&into).expect("folder");
    let done = std::process::Command::new("tar").arg("-xf").arg(&file).arg("-C").arg(&into).status().expect("tar");
    assert!(done.success());
    let (mut found, mut folders) = (BTreeMap::new(), vec![into.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&into).expect("below").to_string_lossy().into_owned();
            found.insert(name, std::fs::read(&path).expect("file"));
        }
    }
    found
}

fn faults(archive: &[u8]) -> Vec<String> {
    check(archive, Some(Key(pair(7)).key())).expect("reads").faults
}

/// An alert whose chain is one session of a terminal, one of requests, and one of which nothing is left.
async fn chained() -> Lake {
    let mut lake = Lake::chained();
    let (key, ssh) = (pair(7), session("s1", &["user:dana"], "bastion", Protocol::Ssh, 0));
    let web = session("s/../2", &["user:dana"], "shop", Protocol::Http, 60);
    let before = lake.checkpoint(&key, None);
    lake.put(&[before], &interdict_schemas::lake::Table::ALL).await;
    lake.write([
        ssh.opened(),
        ssh.chunk(0, 10, Stream::Output, b"hello\r\n"),
        ssh.acted("a1", 1, "cat hosts", None),
        ssh.resulted("a1", 2, &[("shop.example", "shop")]),
        web.opened(),
        web.acted("a2", 1, "GET /orders", None),
        web.resulted("a2", 2, &[]),
        web.closed(9),
        ssh.closed(80),
        session("s9", &["svc:other"], "shop", Protocol::Http, 5).opened(),
        alert("f-1", 1),
        verdict("v-1", false),
    ])
    .await;
    let Message::Alert(first) = alert("f-1", 2) else { panic!("an alert") };
    let hop = first.chain[0].clone();
    let more = ["s/../2", "gone"].map(|session| interdict_schemas::Hop {
        session: session.into(),
        time: hop.time.plus_seconds(60),
        ..hop.clone()
    });
    lake.write([Message::Alert(Alert { chain: [vec![hop.clone()], more.to_vec()].concat(), ..first })]).await;
    let after = lake.checkpoint(&key, None);
    lake.put(&[after], &interdict_schemas::lake::Table::ALL).await;
    lake
}

#[tokio::test]
async fn a_case_has_everything_about_its_alert_and_nothing_else() {
    let lake = chained().await;
    let (case, archive) = made(&lake, "f-1").await.expect("made");
    assert_eq!((case.sessions, case.absent, case.whole), (3, 1, true));
    let files = unpacked(&archive);
    assert_eq!(case.files + 2, files.len());
    let names: Vec<_> = files.keys().map(String::as_str).filter(|name| !name.ends_with(".parquet")).collect();
    assert_eq!(
        names,
        [
            "alerts.jsonl",
            "checkpoints.jsonl",
            "disclosures.jsonl",
            "events.jsonl",
            "manifest.json",
            "manifest.sig",
            "recordings.jsonl",
            "resolutions.jsonl",
            "sessions.jsonl",
            "sessions/001/terminal.cast",
            "sessions/001/transcript.jsonl",
            "sessions/002/requests.har",
            "sessions/002/transcript.jsonl",
            "verdicts.jsonl",
            "verify.json",
        ]
    );
    let text = |name: &str| String::from_utf8(files[name].clone()).expect("text");
    let lines = |name: &str| text(&format!("{name}.jsonl")).lines().count();
    let counts = ["alerts", "verdicts", "sessions", "events", "disclosures", "recordings", "checkpoints"].map(lines);
    assert_eq!(counts, [2, 1, 4, 8, 1, 1, 2]);
    assert!(!text("events.jsonl").contains("s9"));
    assert!(text("sessions/001/terminal.cast").contains("hello"));
    assert!(text("verify.json").contains("\"events\""));
    let parquet =
        parquet::file::reader::SerializedFileReader::new(bytes::Bytes::from(files["events.parquet"].clone()));
    let parquet = parquet.expect("parquet");
    assert_eq!(parquet::file::reader::FileReader::metadata(&parquet).file_metadata().num_rows(), 8);
    let found = check(&archive[..], None).expect("reads");
    assert_eq!(found, Checked { alert: "f-1".into(), key: found.key.clone(), files: case.files, faults: Vec::new() });
    assert!(matches!(made(&lake, "none").await, Err(Error::NoAlert { .. })));
}

#[tokio::test]
async fn a_changed_byte_is_found_wherever_it_is() {
    let (_, archive) = made(&story().await, "f-1").await.expect("made");
    assert_eq!(faults(&archive), Vec::<String>::new());
    // There is no byte of it that could be another.
    for at in (0..archive.len()).step_by(97).chain(0..512) {
        let mut changed = archive.clone();
        changed[at] ^= 0x20;
        let found = check(&changed[..], Some(Key(pair(7)).key()));
        assert!(found.is_ok_and(|found| !found.faults.is_empty()), "byte {at} of {}", archive.len());
    }
    for end in [0, 100, 512, archive.len() / 2, archive.len() - 1024] {
        assert!(check(&archive[..end], None).is_ok_and(|found| !found.faults.is_empty()), "cut at {end}");
    }
    let packed = zstd::encode_all(&archive[..], 1).expect("packs");
    assert_eq!(faults(&packed), Vec::<String>::new());
    assert!(check(&packed[..packed.len() - 9], None).is_ok_and(|found| !found.faults.is_empty()));
}

#[tokio::test]
async fn whose_key_signed_is_told_and_asked_for() {
    let (_, archive) = made(&story().await, "f-1").await.expect("made");
    let other = Key(pair(8)).key();
    let told = check(&archive[..], Some(other)).expect("reads").faults;
    assert!(told.len() == 1 && told[0].contains("not with the one that was given"), "{told:?}");
    // Signed anew by somebody else, with that key in the list: whole, and not of the key that is asked for.
    let snapshot = story().await;
    let state = snapshot.engine().snapshot().await.expect("reads");
    let (_, forged) =
        export(&state, "f-1", Options::default(), &Key(pair(8)), Path::new(snapshot.path()), Vec::new())
            .await
            .expect("made");
    assert_eq!(check(&forged[..], None).expect("reads").faults, Vec::<String>::new());
    assert_eq!(faults(&forged).len(), 1);
}

#[tokio::test]
async fn what_somebody_put_in_is_found() {
    let (_, archive) = made(&story().await, "f-1").await.expect("made");
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("case.tar");
    std::fs::write(&file, &archive).expect("writes");
    std::fs::write(folder.path().join("more.txt"), "more").expect("writes");
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).expect("link");
    for (name, expected) in [("more.txt", "was put in"), ("link", "no plain file")] {
        let copy = folder.path().join(format!("{name}.tar"));
        std::fs::copy(&file, &copy).expect("copies");
        let mut tar = std::process::Command::new("tar");
        tar.args(["--format=ustar", "-rf"]).arg(&copy).arg("-C").arg(folder.path()).arg(name);
        assert!(tar.status().expect("tar").success());
        let found = faults(&std::fs::read(&copy).expect("reads"));
        assert!(found.iter().any(|fault| fault.contains(expected)), "{name}: {found:?}");
    }
}

#[tokio::test]
async fn a_case_says_which_files_it_is_without() {
    let lake = story().await;
    let broken = Damage::Page.to(lake.path(), "2026-03-02");
    assert!(matches!(made(&lake, "f-1").await, Err(Error::File { file, .. }) if file == broken));
    let snapshot = skipping(&lake).snapshot().await.expect("reads");
    let made = export(&snapshot, "f-1", Options::default(), &Key(pair(7)), lake.path(), Vec::new()).await;
    let (case, archive) = made.expect("made");
    assert!(!case.whole);
    assert_eq!(faults(&archive), Vec::<String>::new());
    let manifest: serde_json::Value = serde_json::from_slice(&unpacked(&archive)["manifest.json"]).expect("JSON");
    let left_out = manifest["left_out"].as_object().expect("files");
    assert_eq!(left_out.keys().collect::<Vec<_>>(), [&broken]);
}

#[tokio::test]
async fn whoever_chooses_an_id_chooses_no_path() {
    let mut lake = story().await;
    let id = "../../../tmp/x\u{1b}[2J'; drop table events; --";
    let Message::Alert(mut hostile) = alert(id, 1) else { panic!("an alert") };
    hostile.chain[0].session = "/etc/cron.d/../x'\"\n".into();
    lake.write([Message::Alert(hostile)]).await;
    let (case, archive) = made(&lake, id).await.expect("made");
    assert_eq!((case.sessions, case.absent), (1, 1));
    for name in unpacked(&archive).keys() {
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./_-".contains(&byte)), "{name}");
    }
    let found = check(&archive[..], None).expect("reads");
    assert_eq!((found.alert.as_str(), found.faults), (id, Vec::new()));
}
