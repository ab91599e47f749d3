//! Sessions as they were.

use crate::fixture::{Lake, session, story};
use interdict_queries::Error;
use interdict_queries::replay::{self, Entry, Frames, Pace, Transcript, Version};
use interdict_schemas::{Protocol, Stream};
use serde_json::{Value, json};

async fn recorded() -> Lake {
    let mut lake = Lake::new();
    let shell = session("s1", &["user:dana"], "bastion", Protocol::Ssh, 0);
    let header = br#"{"version":3,"term":{"cols":120,"rows":40,"type":"xterm"},"env":{"SHELL":"/bin/sh"}}"#;
    lake.write([
        shell.opened(),
        shell.chunk(0, 0, Stream::Header, header),
        shell.chunk(1, 100, Stream::Output, b"caf\xc3"),
        shell.chunk(2, 350, Stream::Output, b"\xa9 $ "),
        shell.chunk(3, 400, Stream::Input, b"ls\r"),
        // The clock was set back.
        shell.chunk(4, 300, Stream::Resize, b"100x30"),
        shell.chunk(5, 5_400, Stream::Output, b"\x1b]52;c;eA==\x07bye\xff"),
        shell.chunk(6, 5_500, Stream::Exit, b"7"),
        shell.closed(6),
    ])
    .await;
    lake
}

async fn export(lake: &Lake, version: Version) -> Vec<Value> {
    let snapshot = lake.engine().snapshot().await.expect("snapshot");
    let frames = Frames::open(&snapshot, "s1").await.expect("opens");
    let mut out = Vec::new();
    replay::export(frames, version, &mut out).await.expect("exports");
    let text = String::from_utf8(out).expect("utf-8");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

#[tokio::test]
async fn export_reads_back_as_asciicast() {
    let lake = recorded().await;
    let began = 1_772_438_400;
    assert_eq!(
        export(&lake, Version::V3).await,
        [
            json!({"version": 3, "term": {"cols": 120, "rows": 40, "type": "xterm"}, "timestamp": began,
               "env": {"SHELL": "/bin/sh"}}),
            json!([0.1, "o", "caf"]),
            json!([0.25, "o", "é $ "]),
            json!([0.05, "i", "ls\r"]),
            json!([0.0, "r", "100x30"]),
            json!([5.0, "o", "\u{1b}]52;c;eA==\u{7}bye\u{fffd}"]),
            json!([0.1, "x", "7"]),
        ]
    );
    assert_eq!(
        export(&lake, Version::V2).await,
        [
            json!({"version": 2, "width": 120, "height": 40, "timestamp": began, "env": {"SHELL": "/bin/sh"}}),
            json!([0.1, "o", "caf"]),
            json!([0.35, "o", "é $ "]),
            json!([0.4, "i", "ls\r"]),
            json!([0.4, "r", "100x30"]),
            json!([5.4, "o", "\u{1b}]52;c;eA==\u{7}bye\u{fffd}"]),
        ]
    );
}

#[tokio::test]
async fn playing_draws_and_does_nothing_else() {
    let lake = recorded().await;
    let snapshot = lake.engine().snapshot().await.expect("snapshot");
    let frames = Frames::open(&snapshot, "s1").await.expect("opens");
    let mut out = Vec::new();
    let pace = Pace { speed: 0.0, ..Pace::default() };
    let exit = replay::play(frames, pace, &mut out).await.expect("plays");
    assert_eq!(exit.as_deref(), Some("7"));
    let shown = String::from_utf8(out).expect("utf-8");
    assert!(shown.starts_with("café $ bye\u{fffd}\u{1b}[?25h"), "{shown:?}");
    assert!(!shown.contains("]52"), "{shown:?}");
}

#[tokio::test]
async fn transcript_joins_actions_with_what_came_of_them() {
    let lake = story().await;
    let snapshot = lake.engine().snapshot().await.expect("snapshot");
    let mut transcript = Transcript::open(&snapshot, "s2").await.expect("opens");
    let mut entries = Vec::new();
    while let Some(entry) = transcript.next().await.expect("reads") {
        entries.push(match entry {
            Entry::Opened(_) => "opened".to_owned(),
            Entry::Refused(_) => "refused".to_owned(),
            Entry::Closed(_) => "closed".to_owned(),
            Entry::Action { action, decision, outcome, disclosures, .. } => {
                let rows = outcome.map(|outcome| outcome.rows);
                format!("{} {} {rows:?} {}", action.id, decision.effect, disclosures.len())
            }
        });
    }
    assert_eq!(entries, ["opened", "a1 allow Some(3) 2", "a2 deny None 0", "closed"]);
    let mut out = Vec::new();
    let transcript = Transcript::open(&snapshot, "s2").await.expect("opens");
    replay::print(transcript, &mut out).await.expect("prints");
    let text = String::from_utf8(out).expect("utf-8");
    for expected in [
        "opened   user:dana -> agent:plan on cmdb (postgres) as app",
        "statement select host from hosts where note = '\\u{1b}[2J'",
        "ok 00000, 3 rows, 200 bytes, 1.500 ms",
        "disclosed host_name bastion.example (bastion)",
        "denied: only reads",
        "closed   client  (2 actions, 1 denied)",
    ] {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[tokio::test]
async fn session_without_what_is_asked_is_named() {
    let lake = story().await;
    let snapshot = lake.engine().snapshot().await.expect("snapshot");
    let unknown = Frames::open(&snapshot, "' or 1=1 --").await.err().expect("refused");
    assert!(matches!(unknown, Error::NoSession { .. }), "{unknown}");
    let unrecorded = Frames::open(&snapshot, "s2").await.err().expect("refused");
    assert!(matches!(unrecorded, Error::NoRecording { .. }), "{unrecorded}");
    let unknown = Transcript::open(&snapshot, "s9").await.err().expect("refused");
    assert!(unknown.to_string().contains("s9"), "{unknown}");
}

#[tokio::test]
async fn what_came_before_is_shown_all_the_same() {
    let lake = recorded().await;
    let snapshot = lake.engine().snapshot().await.expect("snapshot");
    let frames = Frames::open(&snapshot, "s1").await.expect("opens");
    let pace = Pace { from: std::time::Duration::from_secs(60), ..Pace::default() };
    let mut out = Vec::new();
    replay::play(frames, pace, &mut out).await.expect("plays");
    let text = String::from_utf8(out).expect("utf-8");
    assert!(text.starts_with("café $ ") && text.contains("bye"), "{text:?}");
}

#[tokio::test]
async fn sessions_of_an_alert_and_their_beginnings_are_known() {
    let lake = story().await;
    let snapshot = lake.engine().snapshot().await.expect("snapshot");
    assert_eq!(replay::sessions_of(&snapshot, "f-1").await.expect("known"), ["s1"]);
    let error = replay::sessions_of(&snapshot, "f-9").await.expect_err("unknown");
    assert!(error.to_string().contains("no alert f-9"), "{error}");
    let began = replay::began(&snapshot, "s2").await.expect("known");
    assert_eq!(began, crate::fixture::MORNING.plus_seconds(2 * 86_400));
    let later = Transcript::open(&snapshot, "s2").await.expect("opens").since(began.plus_seconds(2));
    let mut out = Vec::new();
    replay::print(later, &mut out).await.expect("prints");
    let text = String::from_utf8(out).expect("utf-8");
    assert!(text.contains("drop table hosts") && !text.contains("select host"), "{text}");
    assert!(matches!(replay::began(&snapshot, "none").await, Err(Error::NoSession { .. })));
}
