//! A lake on a real S3-compatible server: commits by conditional puts, collectors that die and take over, compaction,
//! retention. The credential that reaches the server stands in no output.

use crate::memory::{Memory, Shared};
use crate::say::{self, NOON};
use crate::server::{BUCKET, SECRET, Server};
use crate::{collect, lake, patient_at};
use interdict_collector::Lake;
use interdict_collector::maintain::{Hold, HoldKind, Keeper};
use interdict_schemas::lake::Table;
use object_store::{ObjectStore as _, PutMode, PutOptions};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Not a test of its own: it needs the environment by which the storage is told where the server is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the test of this file runs it, with the server's address"]
async fn child() {
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(std::io::stderr).init();
    let url = format!("s3://{BUCKET}/some/lake");
    let lake = Lake::parse(Path::new(&url), Path::new("")).expect("a place");
    let log = Shared(Arc::new(Memory::new(2)));
    let fill = |sequences: std::ops::RangeInclusive<u64>| {
        for sequence in sequences {
            let root = format!("root-{}", sequence % 3);
            let time = NOON.plus_seconds(-86_400 * 20 * i64::try_from(sequence % 2).expect("small"));
            log.0.stamped((sequence % 2) as u32, &say::event(&root, sequence, time), "s", sequence);
        }
    };
    fill(1..=30);
    // One that dies somewhere in its work.
    let dying =
        tokio::spawn(interdict_collector::run(patient_at(&url, 4), Arc::new(log.clone()), CancellationToken::new()));
    while lake::rows_of(&lake, Table::Events).await == 0 {
        assert!(!dying.is_finished(), "{:?}", dying.await);
        tokio::task::yield_now().await;
    }
    dying.abort();
    let _ = dying.await;
    fill(25..=40);
    collect(patient_at(&url, 5), log.clone()).await.expect("collected");
    let sequences = async || {
        let rows = lake::events_of(&lake).await.into_iter();
        let mut all: Vec<u64> = rows.map(|row| row.place.stamp.expect("stamped").sequence).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(sequences().await, (1..=40).collect::<Vec<_>>());
    // The promise that all rests on.
    let store = deltalake::logstore::store_for(lake.url(), std::iter::empty::<(String, String)>()).expect("a store");
    let put = async || store.put_opts(&"once".into(), "1".into(), PutOptions::from(PutMode::Create)).await;
    put().await.expect("the first");
    assert!(matches!(put().await, Err(object_store::Error::AlreadyExists { .. })), "the second is refused");
    let keeper = async |table| Keeper::open(&lake, table).await.expect("opens").expect("is there");
    let done = keeper(Table::Events).await.compact(2).await.expect("compacted");
    assert_eq!((done.made, done.rows), (2, 40));
    let (kind, text) = (HoldKind::Identity, |text: &str| text.to_owned());
    let hold = Hold { kind, value: text("root-1"), reason: text("r"), by: text("erin"), since: text("now") };
    hold.place(&lake).await.expect("placed");
    let done = keeper(Table::Events).await.retain(10, NOON).await.expect("retained");
    assert_eq!((done.rows, done.held), (13, 7));
    keeper(Table::Events).await.vacuum(false).await.expect("vacuumed");
    fill(41..=44);
    collect(patient_at(&url, 5), log).await.expect("collected");
    assert_eq!(sequences().await.len(), 31);
    // What is printed of places and failures.
    let nowhere = collect(patient_at("s3://no-such-bucket/lake", 5), Shared(Arc::new(Memory::new(1)))).await;
    let error = nowhere.expect_err("there is no such bucket");
    println!("{lake:?} {} {:?} {error} {error:?}", lake.display(), patient_at(&url, 5));
}

#[test]
fn a_lake_on_s3_is_written_once_and_its_credential_is_printed_nowhere() {
    let server = Server::start();
    let done = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "s3::child", "--nocapture", "--ignored"])
        .envs(server.environment())
        .output()
        .expect("child");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{said}");
    assert!(said.contains(BUCKET) && !said.contains(SECRET), "{said}");
}
