//! What only Kafka can show of groups and of partitions that are paused: who is dealt what, where a proxy's record comes
//! to stand, and that a pause loses nothing.

use crate::bed::{
    PARTITIONS, PATIENCE, connect, ends, event_id, opened, read, settings, shared_broker, small, unique,
};
use futures::future::join_all;
use interdict_bus::{Durability, From, Log, Membership, Reader, Writer, embedded::Embedded, partition_of};
use interdict_schemas::Topic;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Waits until each member is dealt as many partitions as `shares` says, none to two.
async fn dealt(members: &mut [&mut Membership], shares: &[usize]) -> Vec<BTreeSet<u32>> {
    let deal = async {
        let mut own = vec![BTreeSet::new(); members.len()];
        loop {
            let changes = members.iter_mut().map(|member| Box::pin(member.changed()));
            let (change, at, _) = futures::future::select_all(changes).await;
            own[at] = change;
            let all: BTreeSet<u32> = own.iter().flatten().copied().collect();
            let counts: Vec<usize> = own.iter().map(BTreeSet::len).collect();
            if all.len() == PARTITIONS as usize && counts == shares {
                return own;
            }
        }
    };
    tokio::time::timeout(PATIENCE, deal).await.expect("dealt in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_are_dealt_out_and_dealt_anew_when_a_member_leaves() {
    let bootstrap = shared_broker().await.bootstrap();
    let (one, other) = (connect(bootstrap.clone()).await, connect(bootstrap).await);
    let group = unique("group");
    let mut first = one.membership(&group, Topic::Events).await.expect("a place");
    dealt(&mut [&mut first], &[4]).await;
    // A member commits, and whoever is outside sees it.
    one.commit(&group, Topic::Events, 0, 0).await.expect("committed");
    assert_eq!(other.committed(&group, Topic::Events, 0).await, Ok(Some(0)));
    let mut second = other.membership(&group, Topic::Events).await.expect("a place");
    dealt(&mut [&mut first, &mut second], &[2, 2]).await;
    let left = Instant::now();
    drop(first);
    dealt(&mut [&mut second], &[4]).await;
    let took = left.elapsed();
    assert!(took < Duration::from_secs(5), "who leaves is not waited for: {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_placed_record_stands_where_it_is_said_or_before() {
    let bus = connect(shared_broker().await.bootstrap()).await;
    let from = ends(&*bus, Topic::Events).await;
    let folder = tempfile::tempdir().expect("folder");
    let spool = Embedded::open(folder.path(), small()).expect("open");
    let writer = Writer::spooled(spool, bus.clone(), &unique("gw-place"), Durability::Os).expect("writer");
    let keys: Vec<String> = (0..40).map(|key| unique(&format!("place-{key}"))).collect();
    let placings: Vec<_> = keys.iter().map(|key| writer.place(&opened(key, key)).expect("placed")).collect();
    let placed = tokio::time::timeout(PATIENCE, join_all(placings)).await.expect("in time");
    let mut reader = bus.reader(Topic::Events, from).await.expect("reader");
    for record in read(&mut *reader, keys.len(), 64, |record| keys.iter().any(|key| record.key == *key)).await {
        let at = keys.iter().position(|key| record.key == *key).expect("a key");
        let said = placed[at].clone().expect("on the bus");
        assert_eq!(said.partition, record.position.partition);
        assert!(said.offset >= record.position.offset, "{said:?} is before {:?}", record.position);
        assert!(said.offset < bus.end(Topic::Events, said.partition).await.expect("end"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_loses_nothing_and_keeps_the_order() {
    const EACH: usize = 3000;
    let bus = connect(shared_broker().await.bootstrap()).await;
    let from = ends(&*bus, Topic::Events).await;
    // One key for each of two partitions.
    let key = |partition: u32| {
        (0..).map(|_| unique("pause")).find(|key| partition_of(key, PARTITIONS) == partition).expect("a key")
    };
    let keys = [key(0), key(1)];
    for chunk in (0..EACH).collect::<Vec<_>>().chunks(500) {
        let messages = chunk.iter().flat_map(|index| keys.iter().map(move |key| opened(key, &format!("{index:05}"))));
        bus.append(&messages.collect::<Vec<_>>()).await.expect("append");
    }
    let mut reader: Box<dyn Reader> = bus.reader(Topic::Events, From::clone(&from)).await.expect("reader");
    let mut got = [Vec::new(), Vec::new()];
    let mut turn = 0;
    while got.iter().any(|got| got.len() < EACH) {
        // Whoever is ahead by some hundreds waits for the other.
        turn += 1;
        if turn % 3 == 0 {
            for at in [0, 1] {
                let paused = got[at].len() > got[1 - at].len() + 200;
                reader.pause(u32::try_from(at).expect("two"), paused).expect("paused");
            }
        }
        let next = tokio::time::timeout(PATIENCE, reader.next(64)).await.expect("in time").expect("records");
        for record in next {
            if let Some(at) = keys.iter().position(|key| record.key == *key) {
                got[at].push(event_id(&record));
            }
        }
    }
    let expected: Vec<String> = (0..EACH).map(|index| format!("{index:05}")).collect();
    assert_eq!(got, [expected.clone(), expected]);
}

#[tokio::test]
async fn a_session_timeout_that_brokers_refuse_is_named() {
    let mut settings = settings("127.0.0.1:1".into());
    settings.session_timeout = Duration::from_secs(2);
    let error = interdict_bus::kafka::Kafka::connect(settings).await.expect_err("too short");
    assert!(error.to_string().contains("session_timeout_s"), "{error}");
}
