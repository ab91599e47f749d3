//! Why policies are not accepted.

use crate::mistake::{Lines, Mistake};
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
    /// What they say; all that is wrong, in Cedar's words.
    #[error("{}", Lines(.0))]
    Mistakes(Vec<Mistake>),
    /// The vocabulary this build carries, or a target that it cannot express. Ours.
    #[error("the policy vocabulary of this build is broken: {0}")]
    Schema(String),
}
