//! Names of the Delta `txn` application ids under which each table keeps how far it has read the bus. They are
//! committed together with the rows, so a table's rows and its positions can never disagree.
//!
//! `interdict/<topic>/<partition>` has as version the next offset to be read; `interdict/<topic>/<partition>/<spool>`
//! the highest sequence of that spool that stands in the table; `interdict/<topic>/term` the collector that writes:
//! each that starts takes the next term, and a commit of an older one is refused. `interdict/<topic>/retired/<spool>` has
//! the highest sequence of that spool that retention took out of the table: what is missing up to it is not lost.

use crate::Topic;

const PREFIX: &str = "interdict";

/// The partition that records stand in which came from files and never were on a bus. Each file is a spool by the
/// digest of what it holds; the offset is the record's place in its file.
pub const IMPORTED: u32 = i32::MAX as u32;

/// What a txn id speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Txn {
    /// Its version is the next offset of this partition that the table needs.
    Next {
        /// The topic.
        topic: Topic,
        /// Its partition.
        partition: u32,
    },
    /// Its version is the highest sequence of this spool seen in this partition.
    Highest {
        /// The topic.
        topic: Topic,
        /// Its partition.
        partition: u32,
        /// The spool's id.
        spool: String,
    },
    /// Its version is the term of the collector whose commits count.
    Term {
        /// The topic.
        topic: Topic,
    },
    /// Its version is the highest sequence of this spool that retention took.
    Retired {
        /// The topic.
        topic: Topic,
        /// The spool's id.
        spool: String,
    },
}

/// The third part of a term's id, where others have a partition.
const TERM: &str = "term";

/// The third part of the id of what retention took.
const RETIRED: &str = "retired";

impl Txn {
    /// Reads an application id; `None` if it is not one of interdict's.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        let mut parts = id.splitn(4, '/');
        if parts.next()? != PREFIX {
            return None;
        }
        let name = parts.next()?;
        let topic = Topic::ALL.into_iter().find(|topic| topic.name() == name)?;
        let digits = parts.next()?;
        if digits == TERM {
            return parts.next().is_none().then_some(Self::Term { topic });
        }
        if digits == RETIRED {
            let spool = parts.next().filter(|spool| !spool.is_empty())?.to_owned();
            return Some(Self::Retired { topic, spool });
        }
        let partition: u32 = digits.parse().ok()?;
        if partition.to_string() != digits {
            return None;
        }
        match parts.next() {
            None => Some(Self::Next { topic, partition }),
            Some("") => None,
            Some(spool) => Some(Self::Highest { topic, partition, spool: spool.to_owned() }),
        }
    }
}

impl std::fmt::Display for Txn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Next { topic, partition } => write!(f, "{PREFIX}/{topic}/{partition}"),
            Self::Term { topic } => write!(f, "{PREFIX}/{topic}/{TERM}"),
            Self::Retired { topic, spool } => write!(f, "{PREFIX}/{topic}/{RETIRED}/{spool}"),
            Self::Highest { topic, partition, spool } => write!(f, "{PREFIX}/{topic}/{partition}/{spool}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_and_strangers_are_left_alone() {
        let check = |id: &str, expected: Option<Txn>| {
            assert_eq!(Txn::parse(id), expected, "{id}");
            if let Some(txn) = expected {
                assert_eq!(txn.to_string(), id);
            }
        };
        let topic = Topic::Events;
        check("interdict/interdict.events/0", Some(Txn::Next { topic, partition: 0 }));
        check(
            "interdict/interdict.events/11/01J0",
            Some(Txn::Highest { topic, partition: 11, spool: "01J0".into() }),
        );
        check("interdict/interdict.events/1/a/b", Some(Txn::Highest { topic, partition: 1, spool: "a/b".into() }));
        check("interdict/interdict.events/term", Some(Txn::Term { topic }));
        check("interdict/interdict.events/retired/a/b", Some(Txn::Retired { topic, spool: "a/b".into() }));
        for stranger in [
            "",
            "interdict/interdict.events/term/1",
            "interdict/interdict.events/retired",
            "interdict/interdict.events/retired/",
            "spark/1",
            "interdict/other/0",
            "interdict/interdict.events",
            "interdict/interdict.events/x",
            "interdict/interdict.events/01",
            "interdict/interdict.events/1/",
            "interdict/interdict.events/-1",
        ] {
            check(stranger, None);
        }
    }
}
