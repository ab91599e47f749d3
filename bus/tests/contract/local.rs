//! What only the embedded log and the writer on it promise.

use crate::bed::{PATIENCE, closed, decode, opened, read, small, verdict};
use interdict_bus::{Durability, Error, From, Log, Writer, embedded::Embedded};
use interdict_schemas::Topic;
use std::time::{Duration, Instant};

#[tokio::test]
async fn second_opener_is_told_who_holds_the_log() {
    let folder = tempfile::tempdir().expect("folder");
    let _log = Embedded::open(folder.path(), small()).expect("open");
    let second = Embedded::open(folder.path(), small());
    let Err(error @ Error::Held { .. }) = second else { panic!("{second:?}") };
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
}

#[tokio::test]
async fn sequences_go_on_after_a_restart_and_count_per_topic() {
    let folder = tempfile::tempdir().expect("folder");
    let mut spools = Vec::new();
    for restart in 0..4 {
        let log = Embedded::open(folder.path(), small()).expect("open");
        let writer = Writer::embedded(log.clone(), "gw-1", Durability::Disk).expect("writer");
        for index in 1..=10 {
            assert_eq!(writer.append(&opened("dana", &index.to_string())), Ok(restart * 10 + index));
        }
        assert_eq!(writer.append(&verdict("same", "x")), Ok(restart + 1));
        // What carries no stamp takes no number.
        log.append(&[opened("dana", "unstamped")]).await.expect("append");
        let mut reader = log.reader(Topic::Events, From::new()).await.expect("reader");
        let first = read(&mut *reader, 1, 1, |_| true).await;
        let stamp = decode(&first[0]).stamp.expect("a stamp");
        assert_eq!((stamp.proxy.as_str(), stamp.sequence), ("gw-1", 1));
        spools.push(stamp.spool);
    }
    spools.dedup();
    assert_eq!(spools.len(), 1, "one log, one count");
}

#[tokio::test]
async fn sessions_that_nobody_closed_are_orphans_of_the_next_process() {
    let folder = tempfile::tempdir().expect("folder");
    let orphans = |writer: &Writer| -> Vec<String> {
        let mut ids: Vec<_> = writer.orphans().expect("orphans").into_iter().map(|event| event.session).collect();
        ids.sort();
        ids
    };
    let open = || {
        let log = Embedded::open(folder.path(), small()).expect("open");
        Writer::embedded(log, "gw", Durability::Os).expect("writer")
    };
    let writer = open();
    for id in ["a", "b", "c"] {
        writer.append(&opened("dana", id)).expect("append");
    }
    writer.append(&closed("dana", "b")).expect("append");
    assert!(orphans(&writer).is_empty(), "its own sessions live");
    drop(writer);
    let writer = open();
    writer.append(&opened("dana", "d")).expect("append");
    assert_eq!(orphans(&writer), ["session-a", "session-c"]);
    writer.append(&closed("dana", "a")).expect("append");
    assert_eq!(orphans(&writer), ["session-c"]);
}

#[tokio::test]
async fn what_every_group_has_read_is_deleted_and_the_rest_is_kept() {
    let folder = tempfile::tempdir().expect("folder");
    let log = Embedded::open(folder.path(), small()).expect("open");
    for index in 0..100 {
        log.append(&[opened("dana", &index.to_string())]).await.expect("append");
    }
    let first = async |log: &Embedded| {
        let mut reader = log.reader(Topic::Events, From::new()).await.expect("reader");
        read(&mut *reader, 1, 1, |_| true).await[0].position.offset
    };
    log.commit("collector", Topic::Events, 0, 60).await.expect("commit");
    assert_eq!(first(&log).await, 0, "the detector has not read it");
    log.commit("detector", Topic::Events, 0, 40).await.expect("commit");
    assert_eq!(first(&log).await, 40);
    log.commit("collector", Topic::Events, 0, 100).await.expect("commit");
    log.commit("detector", Topic::Events, 0, 100).await.expect("commit");
    drop(log);
    let log = Embedded::open(folder.path(), small()).expect("open");
    assert_eq!(log.end(Topic::Events, 0).await, Ok(100), "offsets go on, though everything was deleted");
    let appended = log.append(&[opened("dana", "new")]).await.expect("append");
    assert_eq!(appended[0].offset, 100);
    assert_eq!(first(&log).await, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reader_at_the_end_wakes_well_under_a_millisecond() {
    let bed = crate::bed::embedded().await;
    let mut reader = bed.log.reader(Topic::Events, From::new()).await.expect("reader");
    let (times, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    let reading = tokio::spawn(async move {
        for _ in 0..200 {
            let records = tokio::time::timeout(PATIENCE, reader.next(10)).await.expect("in time").expect("read");
            times.send((records.len(), Instant::now())).expect("the test listens");
        }
    });
    let mut waits = Vec::new();
    for index in 0..200 {
        let message = [opened("dana", &index.to_string())];
        bed.log.append(&message).await.expect("append");
        let appended = Instant::now();
        let (_, woken) = arrivals.recv().await.expect("woken");
        waits.push(woken.saturating_duration_since(appended));
    }
    reading.await.expect("reading");
    waits.sort();
    println!("append to wake: median {:?}, p99 {:?}", waits[100], waits[197]);
    assert!(waits[100] < Duration::from_millis(1), "median {:?}", waits[100]);
}
