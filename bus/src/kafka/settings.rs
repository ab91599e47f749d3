//! How Kafka is reached, as librdkafka wants to be told. What delivery rests on cannot be overridden.

use crate::Error;
use rdkafka::ClientConfig;
use std::{collections::BTreeMap, time::Duration};

/// The largest message that client and topics take: the largest record with its key, headers and framing.
pub(super) const MESSAGE_BYTES: usize = 2 << 20;

/// What a fetch is answered with at most, unless a single message is larger.
const FETCH_BYTES: usize = 1 << 20;

/// Set here, because the order of records, exactly-once delivery or resuming hang on them.
const FIXED: &[&str] = &[
    "acks",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "isolation.level",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "request.required.acks",
    "retries",
    "session.timeout.ms",
    "transactional.id",
];

/// How Kafka is reached and what its topics are made like.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// `host:port,host:port`.
    pub brokers: String,
    /// Partitions of every topic but the verdicts', which has one.
    pub partitions: u32,
    /// Replicas of each partition.
    pub replication: u32,
    /// Passed through to librdkafka: `security.protocol`, `sasl.*`, `ssl.*`, ...
    pub properties: BTreeMap<String, String>,
    /// How long records stay in the topics that are not compacted, when the topics are made.
    pub retention: Duration,
    /// How long a first answer, or the answer to a question, is waited for.
    pub timeout: Duration,
    /// How long a member of a group may be silent before its partitions are dealt to the others.
    pub session_timeout: Duration,
}

impl Settings {
    /// The defaults with these brokers: 12 partitions, 3 replicas, records kept for 7 days, 10 seconds' patience,
    /// and 6 seconds until a silent member counts as gone.
    #[must_use]
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            partitions: 12,
            replication: 3,
            properties: BTreeMap::new(),
            retention: Duration::from_secs(7 * 24 * 3600),
            timeout: Duration::from_secs(10),
            session_timeout: Duration::from_secs(6),
        }
    }

    /// Whether they can be used at all, before anything is asked of a broker.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let wrong = |key: &str, detail: &str| Err(Error::Setting { key: key.to_owned(), detail: detail.to_owned() });
        if self.brokers.trim().is_empty() {
            return wrong("bus.kafka.brokers", "is empty; name at least one broker as host:port");
        }
        if self.partitions == 0 || self.partitions > 10_000 {
            return wrong("bus.kafka.partitions", "must be from 1 to 10000");
        }
        if self.replication == 0 || self.replication > 100 {
            return wrong("bus.kafka.replication", "must be from 1 to the number of brokers");
        }
        if !(6..=60).contains(&self.session_timeout.as_secs()) {
            return wrong("bus.kafka.session_timeout_s", "must be from 6 (brokers take no less) to 60");
        }
        for key in self.properties.keys() {
            if FIXED.contains(&key.as_str()) {
                return wrong(&format!("bus.kafka.properties.{key}"), "is set by interdict itself; leave it out");
            }
        }
        Ok(())
    }

    /// What every client is made with.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "interdict")
            .set("socket.keepalive.enable", "true")
            .set("socket.nagle.disable", "true")
            // A broker that returns is found within a second.
            .set("reconnect.backoff.max.ms", "1000");
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config
    }

    /// What every consumer is made with.
    pub(super) fn consumer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            // Records that were deleted before they were read are an error, never a silent jump.
            .set("auto.offset.reset", "error");
        // What is read ahead stays in the processor's caches and is allocated from what was freed just before; a fetch goes
        // on soon after there is room, where a second's wait would leave a reader without work.
        set_default(&mut config, "queued.max.messages.kbytes", "8192");
        // The client takes no less than the largest message.
        let largest = config.get("message.max.bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
        set_default(&mut config, "fetch.max.bytes", &FETCH_BYTES.max(largest).to_string());
        set_default(&mut config, "fetch.queue.backoff.ms", "20");
        config
    }

    /// What the producer is made with: records arrive once, in order, on all replicas in sync, or not at all.
    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // A failed batch must not let a later one through: readers drop what comes late.
            .set("enable.gapless.guarantee", "true")
            // However long the broker is away.
            .set("message.timeout.ms", "0");
        set_default(&mut config, "message.max.bytes", &MESSAGE_BYTES.to_string());
        set_default(&mut config, "compression.type", "lz4");
        set_default(&mut config, "linger.ms", "1");
        config
    }
}

/// Values may be secrets, so only the keys are shown.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("brokers", &self.brokers)
            .field("partitions", &self.partitions)
            .field("replication", &self.replication)
            .field("properties", &self.properties.keys())
            .field("retention", &self.retention)
            .field("timeout", &self.timeout)
            .field("session_timeout", &self.session_timeout)
            .finish()
    }
}

fn set_default(config: &mut ClientConfig, key: &str, value: &str) {
    if config.get(key).is_none() {
        config.set(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::consumer::BaseConsumer;

    #[test]
    fn wrong_setting_is_named() {
        let check = |change: &dyn Fn(&mut Settings), expected: Option<&str>| {
            let mut settings = Settings::new("127.0.0.1:9092");
            change(&mut settings);
            let key = match settings.check() {
                Ok(()) => None,
                Err(Error::Setting { key, .. }) => Some(key),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(key.as_deref(), expected);
        };
        let property = |key: &'static str| {
            move |settings: &mut Settings| drop(settings.properties.insert(key.into(), "x".into()))
        };
        check(&|_| {}, None);
        check(&|settings| settings.brokers = " ".into(), Some("bus.kafka.brokers"));
        check(&|settings| settings.partitions = 0, Some("bus.kafka.partitions"));
        check(&|settings| settings.replication = 0, Some("bus.kafka.replication"));
        let silence = |settings: &mut Settings| settings.session_timeout = Duration::from_secs(1);
        check(&silence, Some("bus.kafka.session_timeout_s"));
        check(&property("security.protocol"), None);
        check(&property("acks"), Some("bus.kafka.properties.acks"));
        check(&property("enable.idempotence"), Some("bus.kafka.properties.enable.idempotence"));
    }

    #[test]
    fn a_client_is_made_whatever_message_is_the_largest() {
        for largest in ["1000", "1000000", "1048577", "100000000"] {
            let mut settings = Settings::new("127.0.0.1:9092");
            settings.properties.insert("message.max.bytes".into(), largest.into());
            let made = settings.consumer().create::<BaseConsumer>();
            assert!(made.is_ok(), "{largest}: {:?}", made.err());
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut settings = Settings::new("127.0.0.1:9092");
        settings.properties.insert("sasl.password".into(), "hunter2".into());
        let shown = format!("{settings:?}");
        assert!(shown.contains("sasl.password") && !shown.contains("hunter2"), "{shown}");
    }
}
