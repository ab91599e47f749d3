//! Holds on who is no root: a delegate's sessions are kept whole, in each table, also where a row names the session alone.

use crate::maintain::{keeper, place};
use crate::memory::{Memory, Shared};
use crate::say::{self, NOON};
use crate::{collect, lake, patient};
use interdict_collector::Lake;
use interdict_collector::maintain::{Hold, HoldKind};
use interdict_schemas::lake::{Located, Table};
use interdict_schemas::{Chunk, Hop, Identity, Message, Principal, PrincipalKind, Scope, Time};
use std::path::Path;
use std::sync::Arc;

/// Forty days ago: past its time.
const OLD: Time = NOON.plus_seconds(-40 * 86_400);

/// A session of ada, who is the root of all; in some an agent acts for her, in some it acts through another.
fn session(log: &Shared, name: &str, delegates: &[&str]) {
    let who = |id: &&str| Principal { id: (*id).into(), kind: PrincipalKind::Agent };
    let chain: Vec<_> = ["ada"].iter().chain(delegates).map(who).collect();
    for number in 0..6 {
        let Message::Event(mut event) = say::event("ada", number, OLD) else { unreachable!("an event") };
        event.session = name.into();
        event.id = format!("{name}-{number}");
        event.identity = Identity::new("https://issuer.example", chain.clone()).expect("a chain");
        log.0.put(Message::Event(event.clone()).topic(), 0, Message::Event(event).encode());
    }
    let Message::Chunk(chunk) = say::chunk(name, 0) else { unreachable!("a chunk") };
    say(log, Message::Chunk(Chunk { time: OLD, root: "ada".into(), ..chunk }));
    // What is said of it: an alert with it as its one hop, what a person answered, and what was stopped for it.
    let id = format!("alert on {name}");
    let Message::Alert(mut alert) = say::alert(&id) else { unreachable!("an alert") };
    (alert.time, alert.root, alert.actor) = (OLD, "ada".into(), "ada".into());
    alert.chain = vec![Hop {
        time: OLD,
        session: name.into(),
        actor: (*delegates.last().unwrap_or(&"ada")).into(),
        source: "laptop".into(),
        target: "orders-db".into(),
        protocol: "postgres".into(),
        account: "app".into(),
        cause: String::new(),
        evidence: String::new(),
        events: Vec::new(),
    }];
    say(log, Message::Alert(alert));
    let Message::Resolution(mut resolution) = say::resolution(&id) else { unreachable!("a resolution") };
    (resolution.time, resolution.root) = (OLD, "ada".into());
    say(log, Message::Resolution(resolution));
    let Message::Verdict(mut verdict) = say::verdict(&format!("verdict on {name}"), NOON) else {
        unreachable!("a verdict")
    };
    (verdict.time, verdict.alert) = (OLD, Some(id));
    verdict.scope = Scope { session: Some(name.into()), ..Scope::default() };
    say(log, Message::Verdict(verdict));
}

fn say(log: &Shared, message: Message) {
    log.0.put(message.topic(), 0, message.encode());
}

async fn hold(lake: &Lake, value: &str) {
    let (value, reason, by) = (value.into(), "case 7".into(), "erin".into());
    let since = "2026-03-02T12:00:00Z".into();
    Hold { kind: HoldKind::Identity, value, reason, by, since }.place(lake).await.expect("placed");
}

/// A lake of three sessions of ada: by herself, with `planner` between her and `shell`, and with `shell` as the actor.
async fn filled(folder: &Path) -> Lake {
    let log = Shared(Arc::new(Memory::new(1)));
    session(&log, "alone", &[]);
    session(&log, "through", &["planner", "shell"]);
    session(&log, "by shell", &["shell"]);
    collect(patient(folder, 1_000), log).await.expect("collected");
    place(folder)
}

fn sessions<T>(rows: Vec<Located<T>>, of: impl Fn(&T) -> &String) -> Vec<String> {
    let mut all: Vec<String> = rows.iter().map(|row| of(&row.value).clone()).collect();
    all.sort();
    all.dedup();
    all
}

/// What is left of each table that names sessions or what was said of them.
async fn check(folder: &Path, expected: &[&str]) {
    assert_eq!(sessions(lake::events(folder).await, |event| &event.session), expected, "events");
    assert_eq!(sessions(lake::chunks(folder).await, |chunk| &chunk.session), expected, "recordings");
    let prefixed = |words: &str| expected.iter().map(|name| format!("{words} {name}")).collect::<Vec<_>>();
    assert_eq!(sessions(lake::alerts(folder).await, |alert| &alert.id), prefixed("alert on"));
    assert_eq!(sessions(lake::verdicts(folder).await, |verdict| &verdict.id), prefixed("verdict on"));
    // Each has six events, of which three open it and two disclose two things.
    for (table, rows) in [(Table::Sessions, 3), (Table::Disclosures, 4), (Table::Resolutions, 1)] {
        assert_eq!(lake::rows(folder, table).await, rows * expected.len(), "{}", table.name());
    }
}

const THESE: [Table; 7] = [
    Table::Events,
    Table::Sessions,
    Table::Disclosures,
    Table::Recordings,
    Table::Alerts,
    Table::Verdicts,
    Table::Resolutions,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegate_that_is_held_keeps_its_sessions_whole_in_whatever_order_tables_are_seen_to() {
    for (held, expected) in [("planner", &["through"][..]), ("shell", &["by shell", "through"]), ("nobody", &[])] {
        for reversed in [false, true] {
            let folder = tempfile::tempdir().expect("folder");
            let lake = filled(folder.path()).await;
            check(folder.path(), &["alone", "by shell", "through"]).await;
            hold(&lake, held).await;
            let mut tables = THESE;
            if reversed {
                tables.reverse();
            }
            for table in tables {
                keeper(&lake, table).await.retain(30, NOON).await.expect("retained");
            }
            check(folder.path(), expected).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_took_part_is_read_out_of_whichever_table_still_says_so() {
    for gone in [&[Table::Sessions][..], &[Table::Events], &[Table::Events, Table::Sessions, Table::Disclosures]] {
        let folder = tempfile::tempdir().expect("folder");
        let lake = filled(folder.path()).await;
        for table in gone {
            keeper(&lake, *table).await.retain(30, NOON).await.expect("retained");
        }
        hold(&lake, "shell").await;
        let done = keeper(&lake, Table::Recordings).await.retain(30, NOON).await.expect("retained");
        assert_eq!((done.rows, done.held), (1, 2), "without {gone:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_is_kept_whole_while_nobody_can_say_who_took_part() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = filled(folder.path()).await;
    hold(&lake, "shell").await;
    let day = std::fs::read_dir(folder.path().join("sessions")).expect("folder");
    let day =
        day.map(|entry| entry.expect("entry").path()).find(|path| !path.ends_with("_delta_log")).expect("a day");
    std::fs::rename(&day, folder.path().join("away")).expect("moved");
    let done = keeper(&lake, Table::Recordings).await.retain(30, NOON).await.expect("goes on");
    assert_eq!((done.rows, done.held), (0, 3));
    std::fs::rename(folder.path().join("away"), &day).expect("moved");
    let done = keeper(&lake, Table::Recordings).await.retain(30, NOON).await.expect("retained");
    assert_eq!((done.rows, done.held), (1, 2));
}
