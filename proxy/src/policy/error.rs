//! What is wrong with the policies, where, in Cedar's words.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why policies are not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder.
    #[error("policies {}: {source}; policy.path must name a .cedar file or a folder of them", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A folder without policies: nothing could ever be permitted.
    #[error("policies {}: the folder holds no .cedar file; write one, or nobody is ever admitted", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// What they say; all that is wrong.
    #[error("{}", Lines(.0))]
    Mistakes(Vec<Mistake>),
    /// The built-in vocabulary.
    #[error("the policy schema of this build is broken: {0}")]
    Schema(String),
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Cedar's words.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.path.display(), self.line, self.column, self.message)
    }
}

struct Lines<'a>(&'a [Mistake]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}
