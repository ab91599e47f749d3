//! A session's replayable bytes, already masked.

use crate::{Time, named};
use serde::{Deserialize, Serialize};

named! {
    /// What a chunk holds.
    Stream {
        /// The asciicast v3 header, JSON.
        Header = "header",
        /// What the target printed.
        Output = "output",
        /// What the client typed.
        Input = "input",
        /// A window change, `COLSxROWS`.
        Resize = "resize",
        /// The exit status, decimal.
        Exit = "exit",
    }
}

/// One piece of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The session recorded.
    pub session: String,
    /// 0, 1, 2, ... within the session.
    pub index: u64,
    /// When the bytes crossed.
    pub time: Time,
    /// What they are.
    pub stream: Stream,
    /// The bytes.
    pub data: Vec<u8>,
    /// Root of the identity recorded.
    pub root: String,
    /// The target's name.
    pub target: String,
}
