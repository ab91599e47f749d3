//! Findings to a file. What they are of is read by [`crate::import`]; what is made of the events in between is the
//! detector's business, and the command's to join.

mod findings;

pub use findings::Findings;

/// Findings cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{file} cannot be written")]
pub struct Error {
    /// The file.
    file: String,
    /// The system's words.
    source: std::io::Error,
}
