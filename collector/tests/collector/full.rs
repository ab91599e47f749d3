//! A full disk below the lake: nothing is lost, the error says what to do, and collecting goes on when there is room.

use crate::memory::{Memory, Shared};
use crate::say::{self, NOON};
use crate::{collect, lake, patient, until_rows};
use interdict_schemas::lake::{Place, Table};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A file system of its own.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// Mounts it. A test of a full disk that has no disk to fill tells nothing, so it fails instead of being passed over.
    fn mount(mebibytes: u32) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "interdict-test"]).arg(folder.path());
        let done = command.output().expect("mount is installed");
        let words = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(
            done.status.success(),
            "this test mounts a small tmpfs, which only root may (CAP_SYS_ADMIN): run it as root, or in \
             `unshare --user --map-root-user --mount`: {words}"
        );
        Self(folder)
    }

    /// Fills it to the last byte; remove the file to make room.
    fn fill(&self) -> std::path::PathBuf {
        let path = self.0.path().join("ballast");
        let mut file = fs::File::create(&path).expect("a file");
        for block in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![7; block]).is_ok() {}
        }
        path
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn fill(log: &Shared, sequences: std::ops::RangeInclusive<u64>) {
    for sequence in sequences {
        log.0.stamped(0, &say::event(&format!("root-{}", sequence % 3), sequence, NOON), "s", sequence);
    }
}

async fn sequences(folder: &Path) -> Vec<u64> {
    let number = |place: &Place| place.stamp.as_ref().expect("stamped").sequence;
    let mut all: Vec<u64> = lake::events(folder).await.iter().map(|row| number(&row.place)).collect();
    all.sort_unstable();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_says_what_to_do_and_is_over_when_there_is_room() {
    let disk = Tmpfs::mount(16);
    let folder = disk.0.path().join("lake");
    fs::create_dir(&folder).expect("folder");
    let log = Shared(Arc::new(Memory::new(1)));
    fill(&log, 1..=20);
    collect(patient(&folder, 5), log.clone()).await.expect("collected");
    assert_eq!(sequences(&folder).await, (1..=20).collect::<Vec<_>>());

    let ballast = disk.fill();
    fill(&log, 21..=60);
    let error = collect(patient(&folder, 5), log.clone()).await.expect_err("there is no room");
    assert!(!error.is_permanent());
    let words = error.to_string();
    for expected in ["disk is full", "make room", "lake.path", "nothing is lost"] {
        assert!(words.contains(expected), "{words}");
    }
    // What stood stands, and whatever was half written is no part of it.
    let before = sequences(&folder).await;
    assert_eq!(before, (1..=before.len() as u64).collect::<Vec<_>>());
    assert!((20..60).contains(&before.len()), "{}", before.len());

    // A collector that runs meanwhile goes on by itself.
    let stop = CancellationToken::new();
    let running = tokio::spawn(interdict_collector::run(patient(&folder, 5), Arc::new(log.clone()), stop.clone()));
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert!(!running.is_finished(), "a full disk ends no collector");
    assert_eq!(sequences(&folder).await.len(), before.len());
    fs::remove_file(ballast).expect("room is made");
    until_rows(&folder, Table::Events, 60).await;
    fill(&log, 61..=70);
    until_rows(&folder, Table::Events, 70).await;
    stop.cancel();
    running.await.expect("joined").expect("ends well");
    assert_eq!(sequences(&folder).await, (1..=70).collect::<Vec<_>>());
}
