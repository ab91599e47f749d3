//! The log on Apache Kafka, for more than one machine.
//!
//! DELIVERY: `append` returns once all replicas in sync have the records; while the broker is away it waits, however
//! long (bound it with a timeout: the records may still arrive). Records of one key go to one partition in order. A
//! reader that asks for records which retention has deleted gets [`Error::Gone`], never a silent jump. Commits go to
//! Kafka's groups `interdict-<group>`: as a member where this process is one, else from outside.

mod context;
mod group;
mod headers;
mod producer;
mod reader;
mod settings;
mod topics;

use crate::{Error, From, Log, Membership, Position, Reader, partition_of};
use context::{Context, fault};
use futures::future::BoxFuture;
use group::Group;
use interdict_schemas::{Message, Topic, topic::MAX_RECORD};
pub(crate) use producer::{Producer, Sending};
use rdkafka::{Offset, TopicPartitionList, admin::AdminClient, error::KafkaError, types::RDKafkaErrorCode};
pub use settings::Settings;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

/// How long until the brokers are asked again while they settle who answers.
const SETTLE_PAUSE: Duration = Duration::from_millis(100);
/// Between two attempts to hand a record to a producer whose queue is full.
const QUEUE_PAUSE: Duration = Duration::from_millis(5);

/// The log on Kafka.
pub struct Kafka {
    asker: Arc<Asker>,
    producer: RwLock<Arc<Producer>>,
    groups: Mutex<HashMap<String, Group>>,
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kafka").field("asker", &self.asker).finish_non_exhaustive()
    }
}

/// Asks the brokers questions, on connections that no reader blocks.
struct Asker {
    settings: Settings,
    admin: Arc<AdminClient<Context>>,
}

impl std::fmt::Debug for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asker").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Asker {
    fn partitions(&self, topic: Topic) -> u32 {
        topics::partitions(topic, self.settings.partitions)
    }

    fn fault(&self, what: &str, error: &KafkaError) -> Error {
        fault(&self.settings.brokers, what, error)
    }

    /// The oldest offset held, and one past the newest.
    async fn bounds(&self, topic: Topic, partition: u32) -> Result<(u64, u64), Error> {
        let number = self.number(topic, partition)?;
        let (admin, timeout) = (self.admin.clone(), self.settings.timeout);
        let ask = move || admin.inner().fetch_watermarks(topic.name(), number, timeout);
        let (first, end) = self.ask("a partition's end", ask).await?;
        Ok((u64::try_from(first).unwrap_or_default(), u64::try_from(end).unwrap_or_default()))
    }

    /// Runs a call of librdkafka that blocks, again and again while the brokers settle who answers: a topic that was
    /// just made has no leader yet, a group no coordinator.
    async fn ask<T, F>(&self, what: &str, call: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn() -> Result<T, KafkaError> + Clone + Send + 'static,
    {
        let deadline = Instant::now() + self.settings.timeout;
        loop {
            match blocking(call.clone()).await? {
                Err(error) if is_settling(&error) && Instant::now() < deadline => {
                    tokio::time::sleep(SETTLE_PAUSE).await
                }
                answer => return answer.map_err(|error| self.fault(what, &error)),
            }
        }
    }

    fn number(&self, topic: Topic, partition: u32) -> Result<i32, Error> {
        i32::try_from(partition)
            .ok()
            .filter(|_| partition < self.partitions(topic))
            .ok_or(Error::Partition { topic, partition })
    }
}

impl Kafka {
    /// Connects, makes the topics that are missing and verifies the others.
    ///
    /// # Errors
    /// When no broker answers in time, it refuses, a setting cannot be used, or a topic is not what it must be.
    pub async fn connect(settings: Settings) -> Result<Arc<Self>, Error> {
        settings.check()?;
        let admin: AdminClient<Context> = settings
            .client()
            .create_with_context(Context)
            .map_err(|error| fault(&settings.brokers, "a client", &error))?;
        let asker = Arc::new(Asker { admin: Arc::new(admin), settings });
        topics::ensure(&asker.admin, &asker.settings).await?;
        let producer = RwLock::new(Arc::new(Producer::new(&asker.settings)?));
        Ok(Arc::new(Self { asker, producer, groups: Mutex::default() }))
    }

    /// The partition of a key.
    pub(crate) fn partition(&self, topic: Topic, key: &str) -> u32 {
        partition_of(key, self.asker.partitions(topic))
    }

    pub(crate) fn producer(&self) -> Arc<Producer> {
        self.producer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// After a record was not delivered: whoever comes next gets a new producer, because an idempotent one may not go
    /// on after a gap.
    pub(crate) fn failed(&self, producer: &Arc<Producer>, error: Error) -> Error {
        let mut current = self.producer.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, producer) {
            match Producer::new(&self.asker.settings) {
                Ok(new) => *current = Arc::new(new),
                Err(error) => tracing::error!(%error, "the producer failed and cannot be made anew"),
            }
        }
        error
    }

    /// The client that speaks for a group.
    fn group(&self, group: &str) -> Result<Group, Error> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = groups.get(group).filter(|client| client.lives()) {
            return Ok(client.clone());
        }
        let client = Group::outside(&self.asker.settings, group)?;
        groups.insert(group.to_owned(), client.clone());
        Ok(client)
    }

    async fn append(&self, messages: &[Message]) -> Result<Vec<Position>, Error> {
        let producer = self.producer();
        let mut placings = Vec::with_capacity(messages.len());
        for message in messages {
            let (topic, key, value) = (message.topic(), message.key(), crate::encoded(message)?);
            if value.len().saturating_add(key.len()) > MAX_RECORD {
                return Err(Error::Record { topic, size: value.len() });
            }
            let placing = loop {
                match producer.place(topic, &key, &value, message, None)? {
                    Some(placing) => break placing,
                    None => tokio::time::sleep(QUEUE_PAUSE).await,
                }
            };
            placings.push(placing);
        }
        let mut positions = Vec::with_capacity(placings.len());
        for placing in placings {
            let delivered = placing.await.map_err(|error| self.failed(&producer, error))?;
            positions.push(delivered);
        }
        Ok(positions)
    }

    async fn commit(&self, group: &str, topic: Topic, partition: u32, offset: u64) -> Result<(), Error> {
        let number = self.asker.number(topic, partition)?;
        let client = self.group(group)?;
        let commit = move || {
            let mut list = TopicPartitionList::new();
            let offset = Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
            list.add_partition_offset(topic.name(), number, offset)?;
            client.commit(&list)
        };
        self.asker.ask("a commit", commit).await
    }

    async fn committed(&self, group: &str, topic: Topic, partition: u32) -> Result<Option<u64>, Error> {
        let number = self.asker.number(topic, partition)?;
        let (client, timeout) = (self.group(group)?, self.asker.settings.timeout);
        let ask = move || {
            let mut list = TopicPartitionList::new();
            list.add_partition(topic.name(), number);
            let list = client.committed(list, timeout)?;
            let element = list.find_partition(topic.name(), number);
            Ok::<_, KafkaError>(match element.map(|element| element.offset()) {
                Some(Offset::Offset(offset)) => u64::try_from(offset).ok(),
                _ => None,
            })
        };
        self.asker.ask("a committed offset", ask).await
    }
}

/// Whether the brokers only have not settled yet who answers.
fn is_settling(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{
        CoordinatorLoadInProgress, CoordinatorNotAvailable, LeaderNotAvailable, NotCoordinator,
        NotLeaderForPartition, UnknownTopicOrPartition,
    };
    matches!(
        error.rdkafka_error_code(),
        Some(
            CoordinatorLoadInProgress
                | CoordinatorNotAvailable
                | LeaderNotAvailable
                | NotCoordinator
                | NotLeaderForPartition
                | UnknownTopicOrPartition
        )
    )
}

/// Runs a call of librdkafka that blocks.
async fn blocking<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(call).await.map_err(|error| topics::ended(&error))
}

impl Log for Kafka {
    fn append<'a>(&'a self, messages: &'a [Message]) -> BoxFuture<'a, Result<Vec<Position>, Error>> {
        Box::pin(self.append(messages))
    }

    fn partitions(&self, topic: Topic) -> BoxFuture<'_, Result<u32, Error>> {
        Box::pin(std::future::ready(Ok(self.asker.partitions(topic))))
    }

    fn end(&self, topic: Topic, partition: u32) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move { Ok(self.asker.bounds(topic, partition).await?.1) })
    }

    fn reader(&self, topic: Topic, from: From) -> BoxFuture<'_, Result<Box<dyn Reader>, Error>> {
        Box::pin(async move {
            let tape = reader::Tape::open(self.asker.clone(), topic, &from).await?;
            Ok(Box::new(tape) as Box<dyn Reader>)
        })
    }

    fn commit<'a>(
        &'a self,
        group: &'a str,
        topic: Topic,
        partition: u32,
        offset: u64,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.commit(group, topic, partition, offset))
    }

    fn committed<'a>(
        &'a self,
        group: &'a str,
        topic: Topic,
        partition: u32,
    ) -> BoxFuture<'a, Result<Option<u64>, Error>> {
        Box::pin(self.committed(group, topic, partition))
    }

    fn membership<'a>(&'a self, group: &'a str, topic: Topic) -> BoxFuture<'a, Result<Membership, Error>> {
        Box::pin(async move {
            let (client, membership) = Group::join(&self.asker.settings, group, topic)?;
            self.groups.lock().unwrap_or_else(PoisonError::into_inner).insert(group.to_owned(), client);
            Ok(membership)
        })
    }
}
