//! A broker that goes away and returns: nothing lost, nothing twice. Ten seconds; a minute with INTERDICT_LONG=1,
//! during which the other tests run.

use crate::{
    bed::{connect, decode, opened, small},
    broker::Broker,
};
use interdict_bus::{Dedupe, Durability, From, Log, Writer, embedded::Embedded};
use interdict_schemas::{Message, Topic};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What a reader makes of everything on the bus: sequences in the order of each partition, copies dropped.
pub(crate) async fn admitted(log: &dyn Log, proxy: &str) -> (BTreeMap<String, Vec<u64>>, usize) {
    let mut reader = log.reader(Topic::Events, From::new()).await.expect("reader");
    let mut dedupe = Dedupe::default();
    let mut sequences: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut copies = 0;
    for partition in 0..log.partitions(Topic::Events).await.expect("partitions") {
        let end = log.end(Topic::Events, partition).await.expect("end");
        while reader.position(partition) < end {
            for record in reader.next(1000).await.expect("read") {
                let Some(stamp) = decode(&record).stamp.filter(|stamp| stamp.proxy == proxy) else { continue };
                if dedupe.admit(Topic::Events, record.position.partition, (&stamp).into()) {
                    sequences.entry(stamp.spool).or_default().push(stamp.sequence);
                } else {
                    copies += 1;
                }
            }
        }
    }
    sequences.values_mut().for_each(|sequences| sequences.sort_unstable());
    (sequences, copies)
}

fn write_until(writer: Writer, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut last = 0;
        while !stop.load(Ordering::Relaxed) {
            let message: Message = opened(&format!("root-{}", last % 17), &last.to_string());
            last = writer.append(&message).expect("the local log takes it, broker or not");
            // A rate at which the longest outage stays a matter of megabytes.
            std::thread::park_timeout(Duration::from_micros(500));
        }
        last
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broker_outage_loses_nothing_and_doubles_nothing() {
    let outage = Duration::from_secs(if std::env::var_os("INTERDICT_LONG").is_some() { 60 } else { 10 });
    let mut broker = tokio::task::spawn_blocking(Broker::start).await.expect("the broker starts");
    let bus = connect(broker.bootstrap()).await;
    let folder = tempfile::tempdir().expect("folder");
    let spool = Embedded::open(folder.path(), small()).expect("open");
    let writer = Writer::spooled(spool.clone(), bus.clone(), "gw-outage", Durability::Os).expect("writer");
    let stop = Arc::new(AtomicBool::new(false));
    let writing = write_until(writer.clone(), stop.clone());

    writer.flushed().await.expect("flushed");
    broker.freeze();
    tokio::time::sleep(outage / 4).await;
    broker.thaw();
    writer.flushed().await.expect("flushed after the freeze");

    broker.kill();
    let waiting = tokio::time::timeout(outage * 3 / 4, writer.flushed()).await;
    assert!(waiting.is_err(), "without a broker nothing is on the bus");
    writer.health().expect("the local log takes records all the same");
    let broker = tokio::task::spawn_blocking(move || {
        broker.restart();
        broker
    });
    let _broker = broker.await.expect("the broker returns");
    stop.store(true, Ordering::Relaxed);
    let last = writing.join().expect("writing");
    tokio::time::timeout(Duration::from_secs(120), writer.flushed()).await.expect("in time").expect("flushed");

    let (sequences, copies) = admitted(&*bus, "gw-outage").await;
    assert_eq!(sequences.len(), 1);
    let sequences = sequences.into_values().next().unwrap_or_default();
    assert_eq!(sequences, (1..=last).collect::<Vec<_>>(), "{copies} copies were dropped");
}
