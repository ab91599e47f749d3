//! The section `[serve]`, as written and as meant.

use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Duration;

/// `[serve]`, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// Where PostgreSQL clients reach the lake.
    pub listen: SocketAddr,
    /// Where Arrow Flight SQL clients do; nowhere if left out.
    pub flight: Option<SocketAddr>,
    /// The target that stands for the lake in policies, verdicts and records; `lake` if left out.
    pub name: Option<String>,
    /// For policies.
    #[serde(default)]
    pub tags: Vec<String>,
    /// MiB of memory for one question.
    pub memory_mib: Option<u64>,
    /// MiB of disk for one question.
    pub spill_mib: Option<u64>,
    /// Seconds for one question.
    pub time_s: Option<u64>,
    /// The most rows of one answer.
    pub rows: Option<u64>,
    /// Questions that run at once.
    pub questions: Option<u64>,
    /// Connections at once.
    pub connections: Option<u64>,
}

/// So many times the memory may be used of the disk, if nobody says.
const SPILL: u64 = 8;

/// Where the lake is served, and within what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// For PostgreSQL clients.
    pub listen: SocketAddr,
    /// For Arrow Flight SQL clients.
    pub flight: Option<SocketAddr>,
    /// The target that stands for the lake.
    pub name: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// What one question may use.
    pub limits: Limits,
    /// Connections at once, of each protocol.
    pub connections: usize,
}

/// What questions may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory for one; what can be sorted or grouped on disk then is.
    pub memory: usize,
    /// Bytes of disk for one.
    pub spill: u64,
    /// Time for one, from its first byte to the last row its client takes.
    pub time: Duration,
    /// Rows of one answer.
    pub rows: u64,
    /// How many run at once.
    pub questions: usize,
}

impl Default for Limits {
    /// 256 MiB, 2 GiB of disk, a minute, a million rows, eight at once.
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            spill: SPILL * (256 << 20),
            time: Duration::from_secs(60),
            rows: 1_000_000,
            questions: 8,
        }
    }
}

/// A value that cannot be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Zero or absurd.
    #[error("serve.{key} is {value}; it must be from {least} to {most}")]
    Range {
        /// The key.
        key: &'static str,
        /// What was written.
        value: u64,
        /// The least that makes sense.
        least: u64,
        /// The most.
        most: u64,
    },
    /// No name for policies.
    #[error("serve.name {0:?} is not one word; policies and verdicts need one")]
    Name(String),
}

impl Raw {
    /// Resolves the section.
    ///
    /// # Errors
    /// When a value is out of its range.
    pub fn resolve(self) -> Result<Config, Error> {
        let name = self.name.unwrap_or_else(|| "lake".to_owned());
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Error::Name(name));
        }
        let usual = Limits::default();
        let memory = within("memory_mib", self.memory_mib, usual.memory as u64 >> 20, 16, 1 << 20)?;
        let spill = within("spill_mib", self.spill_mib, SPILL * memory, 0, 1 << 30)?;
        let time = within("time_s", self.time_s, usual.time.as_secs(), 1, 86_400)?;
        let rows = within("rows", self.rows, usual.rows, 1, 1 << 40)?;
        let questions = within("questions", self.questions, usual.questions as u64, 1, 10_000)?;
        let connections = within("connections", self.connections, 200, 1, 1_000_000)?;
        let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        Ok(Config {
            listen: self.listen,
            flight: self.flight,
            name,
            tags: self.tags,
            limits: Limits {
                memory: size(memory << 20),
                spill: spill << 20,
                time: Duration::from_secs(time),
                rows,
                questions: size(questions),
            },
            connections: size(connections),
        })
    }
}

fn within(key: &'static str, value: Option<u64>, usual: u64, least: u64, most: u64) -> Result<u64, Error> {
    let value = value.unwrap_or(usual);
    if (least..=most).contains(&value) { Ok(value) } else { Err(Error::Range { key, value, least, most }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> Raw {
        Raw {
            listen: ([127, 0, 0, 1], 5439).into(),
            flight: None,
            name: None,
            tags: Vec::new(),
            memory_mib: None,
            spill_mib: None,
            time_s: None,
            rows: None,
            questions: None,
            connections: None,
        }
    }

    #[test]
    fn defaults_stand_and_absurd_values_are_named() {
        let config = raw().resolve().expect("defaults");
        assert_eq!((config.name.as_str(), config.limits, config.connections), ("lake", Limits::default(), 200));
        let more = Raw { memory_mib: Some(512), ..raw() }.resolve().expect("more memory");
        assert_eq!(more.limits.spill, 4 << 30);
        let check = |raw: Raw, expected: &str| assert_eq!(raw.resolve().expect_err("absurd").to_string(), expected);
        check(Raw { time_s: Some(0), ..raw() }, "serve.time_s is 0; it must be from 1 to 86400");
        check(Raw { memory_mib: Some(1), ..raw() }, "serve.memory_mib is 1; it must be from 16 to 1048576");
        let words = "serve.name \"two words\" is not one word; policies and verdicts need one";
        check(Raw { name: Some("two words".into()), ..raw() }, words);
    }
}
