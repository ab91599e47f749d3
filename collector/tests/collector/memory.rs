//! A log in memory whose every record a test decides: several partitions, copies, garbage, commits that never return.

use futures::future::BoxFuture;
use interdict_bus::{Error, From, Log, Position, Reader, Record};
use interdict_schemas::{Message, Stamp, Topic, topic};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

#[derive(Debug)]
pub(crate) struct Memory {
    partitions: u32,
    records: Mutex<BTreeMap<(Topic, u32), Vec<Record>>>,
    committed: Mutex<BTreeMap<(String, Topic, u32), u64>>,
    grown: watch::Sender<u64>,
    /// How often `commit` was called.
    pub(crate) commits: watch::Sender<u64>,
    /// Whether a commit hangs, as if the process died just before it.
    pub(crate) hanging: bool,
}

impl Memory {
    pub(crate) fn new(partitions: u32) -> Self {
        Self {
            partitions,
            records: Mutex::default(),
            committed: Mutex::default(),
            grown: watch::Sender::new(0),
            commits: watch::Sender::new(0),
            hanging: false,
        }
    }

    /// The same records, on a log that hangs at commits.
    pub(crate) fn hanging(&self) -> Self {
        let records = Mutex::new(self.records.lock().expect("lock").clone());
        Self { records, hanging: true, ..Self::new(self.partitions) }
    }

    /// The same records, on a log that was told nothing.
    pub(crate) fn copied(&self) -> Self {
        Self { records: Mutex::new(self.records.lock().expect("lock").clone()), ..Self::new(self.partitions) }
    }

    /// Returns once the reader said that it has everything.
    pub(crate) async fn until_told(&self) {
        let mut commits = self.commits.subscribe();
        loop {
            commits.mark_unchanged();
            let all: Vec<_> = self.records.lock().expect("lock").keys().copied().collect();
            if all.into_iter().all(|(topic, at)| self.told(topic, at) == Some(self.held(topic, at))) {
                return;
            }
            commits.changed().await.expect("the log lives");
        }
    }

    pub(crate) fn put(&self, topic: Topic, partition: u32, value: Vec<u8>) {
        let mut records = self.records.lock().expect("lock");
        let records = records.entry((topic, partition)).or_default();
        let position = Position { partition, offset: records.len() as u64 };
        records.push(Record { position, key: Default::default(), value: value.into() });
        self.grown.send_modify(|grown| *grown += 1);
    }

    pub(crate) fn stamped(&self, partition: u32, message: &Message, spool: &str, sequence: u64) {
        let mut bytes = message.encode();
        topic::stamp(&mut bytes, &Stamp { proxy: "gw-1".into(), spool: spool.into(), sequence, previous: None });
        self.put(message.topic(), partition, bytes);
    }

    pub(crate) fn told(&self, topic: Topic, partition: u32) -> Option<u64> {
        self.committed.lock().expect("lock").get(&("collector".to_owned(), topic, partition)).copied()
    }

    /// Makes what stands before an offset unreadable.
    pub(crate) fn lose(&self, topic: Topic, partition: u32, offset: usize) {
        let mut records = self.records.lock().expect("lock");
        let all = records.get_mut(&(topic, partition)).into_iter().flatten();
        all.take(offset).for_each(|record| record.value = b"gone".as_slice().into());
    }

    fn held(&self, topic: Topic, partition: u32) -> u64 {
        self.records.lock().expect("lock").get(&(topic, partition)).map_or(0, |records| records.len() as u64)
    }
}

/// The log as its reader sees it.
#[derive(Debug, Clone)]
pub(crate) struct Shared(pub(crate) Arc<Memory>);

struct Tape {
    log: Arc<Memory>,
    topic: Topic,
    next: From,
}

impl Reader for Tape {
    fn next(&mut self, most: usize) -> BoxFuture<'_, Result<Vec<Record>, Error>> {
        Box::pin(async move {
            let mut grown = self.log.grown.subscribe();
            loop {
                grown.mark_unchanged();
                for (partition, next) in &mut self.next {
                    let records = self.log.records.lock().expect("lock");
                    let all = records.get(&(self.topic, *partition)).map_or(&[][..], Vec::as_slice);
                    let found: Vec<Record> =
                        all.get(*next as usize..).unwrap_or_default().iter().take(most).cloned().collect();
                    if !found.is_empty() {
                        *next += found.len() as u64;
                        return Ok(found);
                    }
                }
                grown.changed().await.expect("the log lives");
            }
        })
    }

    fn position(&self, partition: u32) -> u64 {
        self.next.get(&partition).copied().unwrap_or(0)
    }
}

impl Log for Shared {
    fn append<'a>(&'a self, messages: &'a [Message]) -> BoxFuture<'a, Result<Vec<Position>, Error>> {
        Box::pin(async move {
            let positions = messages.iter().map(|message| {
                let offset = self.0.held(message.topic(), 0);
                self.0.put(message.topic(), 0, message.encode());
                Position { partition: 0, offset }
            });
            Ok(positions.collect())
        })
    }

    fn partitions(&self, topic: Topic) -> BoxFuture<'_, Result<u32, Error>> {
        Box::pin(async move { Ok(if topic == Topic::Verdicts { 1 } else { self.0.partitions }) })
    }

    fn end(&self, topic: Topic, partition: u32) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move { Ok(self.0.held(topic, partition)) })
    }

    fn reader(&self, topic: Topic, from: From) -> BoxFuture<'_, Result<Box<dyn Reader>, Error>> {
        Box::pin(async move {
            let mut next: From = (0..self.0.partitions).map(|partition| (partition, 0)).collect();
            next.extend(from);
            Ok(Box::new(Tape { log: Arc::clone(&self.0), topic, next }) as Box<dyn Reader>)
        })
    }

    fn commit<'a>(
        &'a self,
        group: &'a str,
        topic: Topic,
        partition: u32,
        offset: u64,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            if !self.0.hanging {
                self.0.committed.lock().expect("lock").insert((group.to_owned(), topic, partition), offset);
            }
            self.0.commits.send_modify(|commits| *commits += 1);
            if self.0.hanging {
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    }

    fn committed<'a>(
        &'a self,
        group: &'a str,
        topic: Topic,
        partition: u32,
    ) -> BoxFuture<'a, Result<Option<u64>, Error>> {
        Box::pin(async move {
            Ok(self.0.committed.lock().expect("lock").get(&(group.to_owned(), topic, partition)).copied())
        })
    }
}
