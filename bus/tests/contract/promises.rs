//! What every log promises, as functions of any log; main.rs runs each on all of them.

use crate::bed::{PATIENCE, decode, ends, event_id, opened, read, unique, verdict};
use futures::FutureExt;
use interdict_bus::{Error, From, Log, partition_of};
use interdict_schemas::{Message, Topic};
use std::collections::BTreeMap;

pub(crate) async fn records_of_a_key_are_read_in_the_order_appended(log: &dyn Log) {
    let from = ends(log, Topic::Events).await;
    let keys: Vec<String> = (0..7).map(|key| unique(&format!("order-{key}"))).collect();
    let messages: Vec<Message> =
        (0..700).map(|index| opened(&keys[index % keys.len()], &format!("{index:04}"))).collect();
    let mut positions = Vec::new();
    for batch in messages.chunks(97) {
        positions.extend(log.append(batch).await.expect("append"));
    }
    let mut reader = log.reader(Topic::Events, from).await.expect("reader");
    let records = read(&mut *reader, messages.len(), 64, |record| keys.iter().any(|key| record.key == *key)).await;
    let mut by_key: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for record in &records {
        let id = event_id(record);
        let index: usize = id.parse().expect("a number");
        assert_eq!(record.position, positions[index], "{id} is where the append said");
        by_key.entry(&record.key).or_default().push(id);
    }
    let partitions = log.partitions(Topic::Events).await.expect("partitions");
    for (key, ids) in by_key {
        assert_eq!(ids.len(), 100);
        assert!(ids.is_sorted(), "{key}: {ids:?}");
        assert!(
            records
                .iter()
                .all(|record| record.key != key || record.position.partition == partition_of(key, partitions)),
            "a key has one partition, and everybody knows which"
        );
    }
}

pub(crate) async fn reader_resumes_from_any_offset(log: &dyn Log) {
    let key = unique("resume");
    let partition = partition_of(&key, log.partitions(Topic::Events).await.expect("partitions"));
    let messages: Vec<Message> = (0..50).map(|index| opened(&key, &index.to_string())).collect();
    let mut from = ends(log, Topic::Events).await;
    let positions = log.append(&messages).await.expect("append");
    for start in [0, 1, 25, 49] {
        from.insert(partition, positions[start].offset);
        let mut reader = log.reader(Topic::Events, from.clone()).await.expect("reader");
        assert_eq!(reader.position(partition), positions[start].offset);
        let records = read(&mut *reader, 50 - start, 10, |record| record.key == key).await;
        let ids: Vec<String> = records.iter().map(event_id).collect();
        assert_eq!(ids, (start..50).map(|index| index.to_string()).collect::<Vec<_>>());
        let last = records.last().expect("read").position.offset;
        assert!(reader.position(partition) > last, "the position is past what was read");
    }
}

pub(crate) async fn late_reader_sees_everything(log: &dyn Log) {
    let key = unique("late");
    let messages: Vec<Message> = (0..300).map(|index| opened(&key, &index.to_string())).collect();
    log.append(&messages).await.expect("append");
    let mut reader = log.reader(Topic::Events, From::new()).await.expect("reader");
    let records = read(&mut *reader, 300, 1000, |record| record.key == key).await;
    let ids: Vec<String> = records.iter().map(event_id).collect();
    assert_eq!(ids, (0..300).map(|index| index.to_string()).collect::<Vec<_>>());
}

pub(crate) async fn position_reaches_the_end(log: &dyn Log) {
    log.append(&[verdict(&unique("end"), "x")]).await.expect("append");
    let end = log.end(Topic::Verdicts, 0).await.expect("end");
    let mut reader = log.reader(Topic::Verdicts, From::new()).await.expect("reader");
    while reader.position(0) < end {
        tokio::time::timeout(PATIENCE, reader.next(100)).await.expect("in time").expect("read");
    }
}

pub(crate) async fn waiting_reader_is_woken_and_a_dropped_wait_loses_nothing(log: &dyn Log) {
    let key = unique("wake");
    let mut reader = log.reader(Topic::Events, ends(log, Topic::Events).await).await.expect("reader");
    for index in 0..20 {
        // A wait is begun, and dropped, before the record is there and after.
        let begun = reader.next(10).now_or_never();
        assert!(begun.is_none_or(|records| records.expect("read").iter().all(|record| record.key != key)));
        let message = [opened(&key, &index.to_string())];
        let (records, appended) =
            tokio::join!(read(&mut *reader, 1, 10, |record| record.key == key), log.append(&message));
        appended.expect("append");
        assert_eq!(records.iter().map(event_id).collect::<Vec<_>>(), [index.to_string()]);
    }
}

pub(crate) async fn commits_are_kept_per_group_and_partition(log: &dyn Log) {
    let (one, other) = (unique("one"), unique("other"));
    let topic = Topic::Alerts;
    assert_eq!(log.committed(&one, topic, 0).await, Ok(None));
    log.commit(&one, topic, 0, 7).await.expect("commit");
    log.commit(&one, topic, 0, 9).await.expect("commit");
    log.commit(&other, topic, 0, 3).await.expect("commit");
    assert_eq!(log.committed(&one, topic, 0).await, Ok(Some(9)));
    assert_eq!(log.committed(&other, topic, 0).await, Ok(Some(3)));
}

pub(crate) async fn unknown_partition_is_named(log: &dyn Log) {
    let partition = log.partitions(Topic::Verdicts).await.expect("partitions");
    let expected = Error::Partition { topic: Topic::Verdicts, partition };
    assert_eq!(log.end(Topic::Verdicts, partition).await, Err(expected.clone()));
    assert_eq!(log.commit("g", Topic::Verdicts, partition, 1).await, Err(expected.clone()));
    let reader = log.reader(Topic::Verdicts, From::from([(partition, 0)])).await;
    assert_eq!(reader.err(), Some(expected));
}

pub(crate) async fn record_too_large_is_refused_and_the_log_goes_on(log: &dyn Log) {
    let id = unique("large");
    let large = verdict(&id, &"x".repeat(1 << 20));
    assert!(matches!(log.append(&[large]).await, Err(Error::Record { topic: Topic::Verdicts, .. })));
    let nearly = verdict(&id, &"x".repeat((1 << 20) - 1024));
    log.append(&[nearly]).await.expect("a record just below the bound is taken");
    // It covers nobody, and whoever must know all verdicts could not read it.
    let mut nobody = verdict(&id, "nobody");
    if let Message::Verdict(verdict) = &mut nobody {
        verdict.scope.root = Some(String::new());
    }
    assert!(matches!(log.append(&[nobody]).await, Err(Error::Unreadable { topic: Topic::Verdicts, .. })));
    log.append(&[verdict(&id, "somebody")]).await.expect("the log goes on");
}

/// Until compaction ran, older records of a key are seen too; the newest of each key always is, and order is kept.
pub(crate) async fn verdicts_are_compacted_to_the_newest_of_each_key(log: &dyn Log) {
    let ids: Vec<String> = (0..5).map(|key| unique(&format!("compact-{key}"))).collect();
    // Text that does not compress, so that segments fill.
    let mut state = 1_u64;
    let padding: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'A' + u8::try_from(state >> 59).unwrap_or(0))
    })
    .take(20_000)
    .collect();
    let appended = 60 * ids.len();
    for round in 0..60 {
        let reasons: Vec<Message> = ids.iter().map(|id| verdict(id, &format!("{round} {padding}"))).collect();
        log.append(&reasons).await.expect("append");
    }
    let end = log.end(Topic::Verdicts, 0).await.expect("end");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let mut reader = log.reader(Topic::Verdicts, From::new()).await.expect("reader");
        let mut rounds: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        while reader.position(0) < end {
            for record in reader.next(100).await.expect("read") {
                if let Message::Verdict(verdict) = decode(&record).message
                    && ids.contains(&verdict.id)
                {
                    let round = verdict.reason.split(' ').next().and_then(|round| round.parse().ok());
                    rounds.entry(verdict.id).or_default().push(round.expect("a round"));
                }
            }
        }
        let seen: usize = rounds.values().map(Vec::len).sum();
        for id in &ids {
            let rounds = rounds.get(id).expect("the newest of each key is kept");
            assert!(rounds.is_sorted() && rounds.last() == Some(&59), "{rounds:?}");
        }
        if seen < appended / 2 {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{seen} of {appended} records are still there");
        // Rolls the segment, so that what is in it can be compacted.
        log.append(&[verdict(&ids[0], &format!("59 {padding}"))]).await.expect("append");
    }
}
