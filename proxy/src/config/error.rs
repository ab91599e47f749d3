//! Why a configuration is not accepted.

use crate::mistake::{Lines, Mistake};
use std::io;
use std::path::{Path, PathBuf};

/// Why a configuration is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file itself.
    #[error("{}: {source}; name the configuration file with --config", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// What it says; all that is wrong, in the file's order.
    #[error("{}", Lines(.0))]
    Mistakes(Vec<Mistake>),
}

impl Error {
    pub(super) fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let offset = error.span().map_or(0, |span| span.start);
        Self::Mistakes(vec![Mistake::at(path, text, offset, error.message())])
    }
}
