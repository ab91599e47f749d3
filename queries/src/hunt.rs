//! Questions worth asking of any lake. One file each under `hunts/`, beside the result it gives on the test lake. The
//! comments that open it say what it finds, which techniques of ATT&CK that is, what can be set, and how to read it:
//!
//! ```sql
//! -- What it finds, in a sentence.
//! -- attack: T1110
//! -- param: minimum = 5; what the number means
//! -- read: what tells harm from routine.
//! ```
//!
//! A statement names its parameters as `$minimum`; each has `$since`, before which nothing is looked at.

use crate::{Error, Rows, Snapshot};
use datafusion::scalar::ScalarValue;
use interdict_schemas::Time;

/// One hunt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hunt {
    /// Its name, by which it is asked for.
    pub name: &'static str,
    /// The statement, with its comments.
    pub sql: &'static str,
}

/// A number that can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it is if nobody sets it.
    pub default: i64,
    /// What it means.
    pub meaning: &'static str,
}

/// A parameter that a hunt does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the hunt {hunt} has no parameter `{name}`; it has {known}")]
pub struct Unknown {
    hunt: &'static str,
    name: String,
    known: String,
}

impl Hunt {
    /// What it finds.
    #[must_use]
    pub fn summary(&self) -> String {
        self.comments().filter(|line| tag(line).is_none()).collect::<Vec<_>>().join(" ")
    }

    /// The techniques of ATT&CK that it finds.
    #[must_use]
    pub fn attack(&self) -> &'static str {
        self.tagged("attack").next().unwrap_or_default()
    }

    /// How to read what it finds.
    #[must_use]
    pub fn reading(&self) -> &'static str {
        self.tagged("read").next().unwrap_or_default()
    }

    /// What can be set.
    pub fn params(&self) -> impl Iterator<Item = Param> {
        self.tagged("param").filter_map(|line| {
            let (name, rest) = line.split_once(" = ")?;
            let (default, meaning) = rest.split_once("; ")?;
            Some(Param { name, default: default.parse().ok()?, meaning })
        })
    }

    /// Looks at what happened from `since` on, with these parameters.
    ///
    /// # Errors
    /// When it has no such parameter, or the lake cannot be read.
    pub async fn run(&self, lake: &Snapshot, since: Time, set: &[(String, i64)]) -> Result<Rows, Error> {
        for (name, _) in set {
            if !self.params().any(|param| param.name == name) {
                let known: Vec<&str> = self.params().map(|param| param.name).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(Unknown { hunt: self.name, name: name.clone(), known }.into());
            }
        }
        let given = |name: &str| set.iter().rev().find(|(set, _)| set == name).map(|(_, value)| *value);
        let mut values =
            vec![("since".to_owned(), ScalarValue::TimestampMicrosecond(Some(since.0), Some("UTC".into())))];
        values.extend(self.params().map(|param| {
            let value = given(param.name).unwrap_or(param.default);
            (param.name.to_owned(), ScalarValue::Int64(Some(value)))
        }));
        lake.ask(self.sql, values).await
    }

    fn comments(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.sql.lines().map_while(|line| line.strip_prefix("--")).map(str::trim)
    }

    fn tagged(&self, wanted: &str) -> impl Iterator<Item = &'static str> {
        self.comments().filter_map(move |line| tag(line).filter(|(name, _)| *name == wanted).map(|(_, rest)| rest))
    }
}

/// A comment's tag and what stands behind it.
fn tag(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.split_once(": ")?;
    matches!(name, "attack" | "param" | "read").then_some((name, rest))
}

/// Lists the hunts.
macro_rules! hunts {
    ($($name:literal),+ $(,)?) => {
        /// Every hunt.
        pub const ALL: &[Hunt] =
            &[$(Hunt { name: $name, sql: include_str!(concat!("../hunts/", $name, ".sql")) }),+];
    };
}

hunts![
    "account-discovery",
    "after-a-verdict",
    "cluster-secrets",
    "cluster-shells",
    "cut-sessions",
    "decoys-used",
    "deep-delegation",
    "definitions-changed",
    "delegates-alone",
    "denied",
    "denied-then-done",
    "downloads",
    "fan-out",
    "hidden-commands",
    "key-material",
    "large-answers",
    "learned",
    "long-sessions",
    "many-rows",
    "mass-delete",
    "new-edges",
    "new-sources",
    "onward-ssh",
    "persistence",
    "pivots",
    "refusal-burst",
    "rights-changed",
    "schema-discovery",
    "secrets-read",
    "server-files",
    "shared-sources",
    "spray",
    "traces-removed",
    "tunnels",
    "woken",
];

/// The hunt of this name, if there is one.
#[must_use]
pub fn find(name: &str) -> Option<&'static Hunt> {
    ALL.iter().find(|hunt| hunt.name == name)
}
