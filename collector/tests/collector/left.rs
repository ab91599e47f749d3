//! Files that are not what was written: maintenance leaves them for a proof to find, and sees to all others.

use crate::maintain::{keeper, place};
use crate::memory::{Memory, Shared};
use crate::say::{self, NOON};
use crate::{collect, lake, patient};
use interdict_collector::maintain::{Hold, HoldKind, Keeper};
use interdict_schemas::lake::Table;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DAY: i64 = 86_400;

/// Two days of ten small files in each table.
async fn lake(folder: &Path) {
    let log = Shared(Arc::new(Memory::new(1)));
    for sequence in 1..=80 {
        let root = ["ada", "mia"][(sequence / 2 % 2) as usize];
        let time = NOON.plus_seconds(if sequence > 40 { 0 } else { -DAY });
        log.0.stamped(0, &say::event(root, sequence, time), "s", sequence);
    }
    collect(patient(folder, 4), log).await.expect("collected");
}

/// The files of a table on its first day, in order.
fn first_day(folder: &Path, table: Table) -> Vec<PathBuf> {
    let below = |folder: &Path| {
        let found = std::fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry").path());
        let mut found: Vec<_> = found.filter(|path| !path.ends_with("_delta_log")).collect();
        found.sort();
        found
    };
    below(&below(&folder.join(table.name()))[0])
}

fn name(file: &Path) -> String {
    let day = file.parent().and_then(Path::file_name).expect("a day").to_string_lossy().into_owned();
    format!("{day}/{}", file.file_name().expect("a name").to_string_lossy())
}

/// Changes one byte that Parquet's own reader does not mind: of the version in its last words.
fn change(file: &Path) {
    let mut bytes = std::fs::read(file).expect("reads");
    let written_by = b"interdict ";
    let at = bytes.windows(written_by.len()).rposition(|window| window == written_by).expect("who wrote it");
    bytes[at] ^= 0x20;
    std::fs::write(file, bytes).expect("writes");
}

/// Takes the digests out of a table's log, as a build without them would have written it.
fn forget_digests(folder: &Path, table: Table) {
    lake::rewrite_adds(folder, table, |add| add["tags"] = serde_json::Value::Null);
}

/// What stands in the table, by file.
async fn standing(folder: &Path, table: Table) -> BTreeMap<String, String> {
    let delta = crate::lake::open(folder, table).await.expect("a table");
    let uris = delta.get_file_uris().expect("files");
    uris.map(|uri| (uri[uri.find("date=").expect("a day")..].to_owned(), uri)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_is_left_and_all_else_is_compacted() {
    let folder = tempfile::tempdir().expect("folder");
    lake(folder.path()).await;
    let place = place(folder.path());
    let mut bad = first_day(folder.path(), Table::Sessions);
    assert!(bad.len() >= 10, "{bad:?}");
    bad.truncate(4);
    change(&bad[0]);
    std::fs::write(&bad[1], b"PAR1 no more").expect("writes");
    std::fs::remove_file(&bad[2]).expect("removed");
    let good = std::fs::read(&bad[3]).expect("reads");
    std::fs::write(&bad[3], &good[..good.len() / 2]).expect("writes");

    let before = keeper(&place, Table::Sessions).await.status().expect("status");
    let done = keeper(&place, Table::Sessions).await.compact(2).await.expect("goes on");
    assert_eq!((done.left.files, done.made, done.taken), (4, 2, before.files - 4), "both days: {done:?}");
    let names: Vec<String> = bad.iter().map(|file| name(file)).collect();
    let told: Vec<(&String, &String)> = done.left.named.iter().collect();
    assert!(told.iter().map(|(file, _)| *file).eq(&names), "{told:?}");
    for ((_, reason), words) in told.iter().zip(["has digest", "has digest", "is gone", "has digest"]) {
        assert!(reason.starts_with(words), "{reason}");
    }
    let after = keeper(&place, Table::Sessions).await.status().expect("status");
    assert_eq!((after.rows, after.files), (before.rows, 6), "no row is gone, and none has a new digest");
    let files = standing(folder.path(), Table::Sessions).await;
    assert!(names.iter().all(|name| files.contains_key(name)), "they stand as they stood: {files:?}");

    // It is told until it is mended, and found again by whoever compacts.
    assert_eq!(keeper(&place, Table::Sessions).await.left().await.expect("left").named, done.left.named);
    let again = keeper(&place, Table::Sessions).await.compact(2).await.expect("goes on");
    assert_eq!((again.left, again.taken), (done.left, 0), "one good file is no work");
    std::fs::write(&bad[3], &good).expect("mended");
    let left = keeper(&place, Table::Sessions).await.left().await.expect("left");
    assert!(left.files == 3 && !left.named.contains_key(&names[3]), "{left:?}");
    let mended = keeper(&place, Table::Sessions).await.compact(2).await.expect("goes on");
    assert_eq!((mended.left.files, mended.taken), (3, 2), "{mended:?}");
    // Nothing is said of tables where all is well.
    let done = keeper(&place, Table::Disclosures).await.compact(2).await.expect("compacted");
    assert_eq!((done.left.files, done.made), (0, 2));
    assert_eq!(keeper(&place, Table::Disclosures).await.left().await.expect("left").files, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_without_digests_are_taken_and_what_cannot_be_read_of_them_is_left() {
    let folder = tempfile::tempdir().expect("folder");
    lake(folder.path()).await;
    let place = place(folder.path());
    forget_digests(folder.path(), Table::Sessions);
    let files = first_day(folder.path(), Table::Sessions);
    change(&files[0]);
    std::fs::write(&files[1], b"PAR1 no more").expect("writes");
    let done = keeper(&place, Table::Sessions).await.compact(2).await.expect("goes on");
    let (file, reason) = done.left.named.first_key_value().expect("one is left");
    assert_eq!((done.left.files, file, done.made), (1, &name(&files[1]), 2));
    assert!(reason.starts_with("cannot be read"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_beside_a_hold_leaves_what_was_changed() {
    let folder = tempfile::tempdir().expect("folder");
    lake(folder.path()).await;
    let place = place(folder.path());
    let hold = Hold {
        kind: HoldKind::Session,
        value: "session of mia".into(),
        reason: "case 7".into(),
        by: "erin".into(),
        since: "2026-03-02T12:00:00Z".into(),
    };
    hold.place(&place).await.expect("placed");
    let files = first_day(folder.path(), Table::Disclosures);
    change(&files[0]);
    std::fs::remove_file(&files[1]).expect("removed");
    let mut table: Keeper = keeper(&place, Table::Disclosures).await;
    let done = table.retain(1, NOON.plus_seconds(DAY)).await.expect("goes on");
    assert_eq!(done.left.named.keys().cloned().collect::<Vec<_>>(), [name(&files[0]), name(&files[1])]);
    assert!(done.rows > 0 && done.held > 0, "{done:?}");
    let standing = standing(folder.path(), Table::Disclosures).await;
    assert!(standing.contains_key(&name(&files[0])) && standing.contains_key(&name(&files[1])), "{standing:?}");
}
