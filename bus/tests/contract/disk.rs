//! A full disk: a clear error, no harm to what is there, and the log goes on by itself.

use crate::bed::{event_id, opened, read};
use interdict_bus::{
    Durability, Error, From, Log, Writer,
    embedded::{Embedded, Settings},
};
use interdict_schemas::Topic;
use std::{path::Path, process::Command};

/// A file system of its own, if this user may mount one.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn mount(mebibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("folder");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "interdict-test"]).arg(folder.path());
        command.output().is_ok_and(|output| output.status.success()).then(|| Self(folder))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Fills a file until the disk takes no more, or `bytes` are written.
fn fill(path: &Path, bytes: usize) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).expect("a file");
    let block = vec![7; 1 << 16];
    for _ in 0..bytes.div_ceil(block.len()) {
        if file.write_all(&block).is_err() {
            break;
        }
    }
}

async fn ids(log: &Embedded, count: usize) -> Vec<String> {
    let mut reader = log.reader(Topic::Events, From::new()).await.expect("reader");
    read(&mut *reader, count, 1000, |_| true).await.iter().map(event_id).collect()
}

#[tokio::test]
async fn disk_below_its_reserve_refuses_and_says_what_is_needed() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Embedded::open(folder.path(), Settings { reserve: 1 << 60, ..Settings::default() }).expect("open");
    for error in [log.health(), log.append(&[opened("dana", "1")]).await.map(drop)] {
        let Err(error @ Error::Full { .. }) = &error else { panic!("{error:?}") };
        let text = error.to_string();
        assert!(text.contains(&folder.path().display().to_string()) && text.contains("bytes are free"), "{text}");
        assert!(error.is_transient());
    }
    assert!(Writer::embedded(log, "gw", Durability::Os).is_err_and(|error| matches!(error, Error::Full { .. })));
}

#[tokio::test]
async fn log_goes_on_by_itself_when_space_returns() {
    let Some(disk) = Tmpfs::mount(64) else {
        println!("mounting a tmpfs is not permitted here: only the reserve was tested");
        return;
    };
    let settings = Settings { reserve: 16 << 20, ..Settings::default() };
    let log = Embedded::open(&disk.0.path().join("log"), settings).expect("open");
    let writer = Writer::embedded(log.clone(), "gw", Durability::Os).expect("writer");
    let mut written = Vec::new();
    let mut append = |count: usize| {
        for _ in 0..count {
            let id = written.len().to_string();
            writer.append(&opened("dana", &id))?;
            written.push(id);
        }
        Ok::<_, Error>(())
    };
    append(1000).expect("there is space");
    let ballast = disk.0.path().join("ballast");
    fill(&ballast, 50 << 20);
    let full = append(1_000_000);
    assert!(matches!(full, Err(Error::Full { .. })), "{full:?}");
    assert!(matches!(writer.health(), Err(Error::Full { .. })));
    std::fs::remove_file(&ballast).expect("remove");
    writer.health().expect("healthy again");
    append(1000).expect("it goes on");
    assert_eq!(ids(&log, written.len()).await, written);
}

#[tokio::test]
async fn disk_that_fails_in_the_middle_of_a_write_loses_nothing_acknowledged() {
    let Some(disk) = Tmpfs::mount(64) else {
        println!("mounting a tmpfs is not permitted here: only the reserve was tested");
        return;
    };
    let path = disk.0.path().join("log");
    let settings = Settings { reserve: 0, ..Settings::default() };
    let log = Embedded::open(&path, settings.clone()).expect("open");
    let writer = Writer::embedded(log.clone(), "gw", Durability::Os).expect("writer");
    let ballast = disk.0.path().join("ballast");
    let mut written: Vec<String> = Vec::new();
    let failure = loop {
        if written.len() == 1000 {
            fill(&ballast, 1 << 30);
        }
        let id = written.len().to_string();
        match writer.append(&opened("dana", &id)) {
            Ok(_) => written.push(id),
            // The reserve of nothing notices a disk with nothing; the store notices when a page is missing.
            Err(Error::Full { .. }) if writer.health().is_err() => {
                break Error::Full { path: path.clone(), free: 0, needed: 0 };
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(failure, Error::Full { .. } | Error::Broken { .. }), "{failure}");
    drop(writer);
    drop(log);
    std::fs::remove_file(&ballast).expect("remove");
    let log = Embedded::open(&path, settings).expect("open again");
    assert_eq!(ids(&log, written.len()).await, written);
    log.append(&[opened("dana", "after")]).await.expect("it takes records again");
}
