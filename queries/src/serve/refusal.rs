//! Why there is no answer, in words and as the codes of the protocols spoken here.

use crate::Error;
use std::time::Duration;

/// Kinds of refusal, each with its SQLSTATE (PostgreSQL, appendix A).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The token is not believed.
    Unauthenticated,
    /// Policy or a verdict says no.
    Forbidden,
    /// The statement would change something.
    ReadOnly,
    /// The statement is no SQL.
    Syntax,
    /// A table that is not there.
    NoTable,
    /// A column that is not there.
    NoColumn,
    /// A function that is not there.
    NoFunction,
    /// The statement is wrong in another way, or its values are.
    Wrong,
    /// What this server does not do.
    Unsupported,
    /// A value for a parameter cannot be read.
    Value,
    /// It took longer than it may.
    Time,
    /// The client cancelled it.
    Cancelled,
    /// It needs more memory than it may have.
    Memory,
    /// It needs more disk than it may have.
    Disk,
    /// It has more rows than it may.
    Rows,
    /// Too many run at once.
    Busy,
    /// The bytes are not the protocol.
    Protocol,
    /// The server ends.
    Shutdown,
    /// The stay is over: a verdict, or the token's end.
    Over,
    /// It cannot be recorded, so it is not done.
    Unrecorded,
    /// A file of the lake cannot be read.
    Damaged,
    /// The lake's fault, or ours.
    Internal,
}

impl Kind {
    /// The five characters.
    #[must_use]
    pub const fn sqlstate(self) -> &'static str {
        match self {
            Self::Unauthenticated => "28P01",
            Self::Forbidden => "42501",
            Self::ReadOnly => "25006",
            Self::Syntax => "42601",
            Self::NoTable => "42P01",
            Self::NoColumn => "42703",
            Self::NoFunction => "42883",
            Self::Wrong => "42000",
            Self::Unsupported => "0A000",
            Self::Value => "22023",
            Self::Time | Self::Cancelled => "57014",
            Self::Memory => "53200",
            Self::Disk => "53100",
            Self::Rows => "54000",
            Self::Busy => "53300",
            Self::Protocol => "08P01",
            Self::Shutdown | Self::Over => "57P01",
            Self::Unrecorded => "58030",
            Self::Damaged => "XX001",
            Self::Internal => "XX000",
        }
    }

    /// Whether nothing further can be asked.
    #[must_use]
    pub const fn ends(self) -> bool {
        matches!(self, Self::Unauthenticated | Self::Shutdown | Self::Over | Self::Protocol)
    }
}

/// Why there is no answer. Its display is what the client is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Which kind.
    pub kind: Kind,
    /// In words.
    pub message: String,
    /// What to do about it, if that is not plain.
    pub hint: Option<&'static str>,
}

impl Refusal {
    /// A refusal without a hint.
    #[must_use]
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    pub(super) fn late(limit: Duration) -> Self {
        Self::new(Kind::Time, format!("canceling statement due to statement timeout ({} ms)", limit.as_millis()))
            .hint("Ask for less: a shorter time, fewer columns.")
    }

    pub(super) fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "canceling statement due to user request")
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Query(words) => Self::new(mistake(&words), words),
            Error::ReadOnly { .. } => Self::new(Kind::ReadOnly, error.to_string()),
            Error::Disk { .. } => Self::new(Kind::Disk, error.to_string()),
            Error::Memory { .. } => Self::new(Kind::Memory, error.to_string()),
            Error::Time(limit) => Self::late(limit),
            Error::File { ref file, .. } => {
                tracing::error!(%error, "a file of the lake cannot be read");
                Self::new(Kind::Damaged, format!("file {file} of the lake cannot be read; the server's log says why"))
                    .hint("SET interdict.skip_broken = on goes on without such files, and warns of each.")
            }
            error => {
                // The client has no use for paths and file names, and may not be meant to know them.
                tracing::error!(error = %chain(&error), "the lake gave no answer");
                Self::new(Kind::Internal, "the lake gave no answer; the server's log says why")
            }
        }
    }
}

/// DataFusion has one error for every mistake of a statement and tells them apart in words alone.
fn mistake(words: &str) -> Kind {
    let has = |part: &str| words.contains(part);
    if has("ParserError") || has("sql parser error") || has("Expected:") {
        Kind::Syntax
    } else if words.starts_with("table '") || (has("table") && has("not found")) {
        Kind::NoTable
    } else if has("No field named") || has("Schema error") {
        Kind::NoColumn
    } else if has("Invalid function") || (has("unction") && has("not found")) {
        Kind::NoFunction
    } else if has("not implemented") || has("not supported") || has("Unsupported") {
        Kind::Unsupported
    } else {
        Kind::Wrong
    }
}

/// An error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_apart() {
        let check = |words: &str, expected: &str| assert_eq!(mistake(words).sqlstate(), expected, "{words}");
        check("table 'lake.public.nothing' not found", "42P01");
        check("No field named nothing. Valid fields are a", "42703");
        check("Invalid function 'nothing'", "42883");
        check("sql parser error: Expected: an expression, found: EOF", "42601");
        check("Unsupported SQL type", "0A000");
        check("Cannot coerce", "42000");
    }
}
