//! The `[bus]` section: as written ([`Raw`]), and resolved ([`Config`]). Reads no file.

use crate::{Error, embedded, kafka};
use serde::Deserialize;
use std::{collections::BTreeMap, time::Duration};

/// Which log is the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The one on this machine's disk.
    #[default]
    Embedded,
    /// Apache Kafka; the log on disk is its spool.
    Kafka,
}

/// `[bus]` as it stands in the file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// Which log is the bus.
    #[serde(default)]
    pub kind: Kind,
    /// MiB of the disk that must stay free: below, no session is admitted.
    pub reserve_mib: Option<u64>,
    /// `[bus.kafka]`
    pub kafka: Option<RawKafka>,
}

/// `[bus.kafka]` as it stands in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawKafka {
    /// `host:port,host:port`
    pub brokers: String,
    /// Partitions of every topic but the verdicts'.
    pub partitions: Option<u32>,
    /// Replicas of each partition.
    pub replication: Option<u32>,
    /// How long records stay in the topics, in hours, when the topics are made.
    pub retention_hours: Option<u32>,
    /// Seconds after which a detector that is silent counts as gone, and another one publishes in its place.
    pub session_timeout_s: Option<u32>,
    /// Passed through to librdkafka.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

/// The bus to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How the local log is kept, whether it is the bus or the spool.
    pub embedded: embedded::Settings,
    /// Present if Kafka is the bus.
    pub kafka: Option<kafka::Settings>,
}

impl Raw {
    /// Fills in the defaults.
    ///
    /// # Errors
    /// When the section contradicts itself, or a value cannot be used.
    pub fn resolve(self) -> Result<Config, Error> {
        let mut embedded = embedded::Settings::default();
        if let Some(mib) = self.reserve_mib {
            embedded.reserve = mib.saturating_mul(1 << 20);
        }
        let wrong = |key: &str, detail: &str| Err(Error::Setting { key: key.to_owned(), detail: detail.to_owned() });
        let kafka = match (self.kind, self.kafka) {
            (Kind::Embedded, None) => None,
            (Kind::Embedded, Some(_)) => {
                return wrong(
                    "bus.kafka",
                    "is there, but bus.kind is \"embedded\"; set it to \"kafka\", or leave it out",
                );
            }
            (Kind::Kafka, None) => return wrong("bus.kafka", "is missing; name the brokers in [bus.kafka]"),
            (Kind::Kafka, Some(raw)) => Some(raw.resolve()?),
        };
        Ok(Config { embedded, kafka })
    }
}

impl RawKafka {
    fn resolve(self) -> Result<kafka::Settings, Error> {
        let mut settings = kafka::Settings::new(self.brokers);
        settings.partitions = self.partitions.unwrap_or(settings.partitions);
        settings.replication = self.replication.unwrap_or(settings.replication);
        if let Some(hours) = self.retention_hours {
            settings.retention = Duration::from_secs(u64::from(hours) * 3600);
        }
        if let Some(seconds) = self.session_timeout_s {
            settings.session_timeout = Duration::from_secs(seconds.into());
        }
        settings.properties = self.properties;
        settings.check()?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(kind: Kind, brokers: Option<&str>) -> Raw {
        let kafka = brokers.map(|brokers| RawKafka {
            brokers: brokers.to_owned(),
            partitions: Some(6),
            replication: None,
            retention_hours: Some(2),
            session_timeout_s: None,
            properties: BTreeMap::new(),
        });
        Raw { kind, reserve_mib: Some(8), kafka }
    }

    #[test]
    fn section_is_resolved_or_its_fault_named() {
        let check = |raw: Raw, expected: Result<Option<u32>, &str>| {
            let found = match raw.resolve() {
                Ok(config) => Ok(config.kafka.map(|kafka| kafka.partitions)),
                Err(Error::Setting { key, .. }) => Err(key),
                Err(other) => Err(other.to_string()),
            };
            assert_eq!(found, expected.map_err(str::to_owned));
        };
        check(raw(Kind::Embedded, None), Ok(None));
        check(raw(Kind::Kafka, Some("a:1")), Ok(Some(6)));
        check(raw(Kind::Kafka, None), Err("bus.kafka"));
        check(raw(Kind::Embedded, Some("a:1")), Err("bus.kafka"));
        check(raw(Kind::Kafka, Some("")), Err("bus.kafka.brokers"));
    }

    #[test]
    fn reserve_is_read_in_mebibytes() {
        let config = raw(Kind::Embedded, None).resolve().expect("resolves");
        assert_eq!(config.embedded.reserve, 8 << 20);
    }
}
