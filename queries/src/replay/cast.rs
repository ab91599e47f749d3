//! Recordings as asciicast files. Version 3 is what asciinema 3 writes and plays; asciinema 2 plays version 2 only.

use super::{Frames, Shown};
use crate::Error;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::time::Duration;

/// The version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// For asciinema 2, the one Debian 12 and 13 ship. It has no place for the exit status.
    V2,
    /// For asciinema 3 and asciinema-player 3.10 and later.
    #[default]
    V3,
}

impl Version {
    /// The version of this name: `v2`, `v3`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "v2" => Some(Self::V2),
            "v3" => Some(Self::V3),
            _ => None,
        }
    }
}

/// Writes a recording as an asciicast file; returns how many events it has.
///
/// The bytes are what the session was shown. Whoever plays them trusts the player's terminal with them.
///
/// # Errors
/// When the lake cannot be read on or the writer does not take what is written.
pub async fn export(mut frames: Frames, version: Version, out: &mut dyn Write) -> Result<u64, Error> {
    writeln!(out, "{}", Value::Object(header(&frames, version)))?;
    let (mut count, mut at) = (0, Duration::ZERO);
    while let Some(frame) = frames.next().await? {
        at += frame.after;
        let (code, data) = match frame.shown {
            Shown::Output(text) => ("o", text),
            Shown::Input(text) => ("i", text),
            Shown::Resize(columns, rows) => ("r", format!("{columns}x{rows}")),
            Shown::Exit(status) => ("x", status),
        };
        // Version 2 counts from the beginning, version 3 from the event before.
        let time = match version {
            Version::V2 if code == "x" => continue,
            Version::V2 => at,
            Version::V3 => frame.after,
        };
        writeln!(out, "[{}.{:06}, \"{code}\", {}]", time.as_secs(), time.subsec_micros(), Value::String(data))?;
        count += 1;
    }
    out.flush()?;
    Ok(count)
}

fn header(frames: &Frames, version: Version) -> Map<String, Value> {
    let recorded = frames.header();
    let (columns, rows) = frames.size();
    let mut header = Map::new();
    match version {
        Version::V2 => {
            header.insert("version".to_owned(), json!(2));
            header.insert("width".to_owned(), json!(columns));
            header.insert("height".to_owned(), json!(rows));
        }
        Version::V3 => {
            header.insert("version".to_owned(), json!(3));
            let kind = recorded.get("term").and_then(|term| term.get("type")).and_then(Value::as_str);
            let mut term = json!({"cols": columns, "rows": rows});
            if let (Some(kind), Some(term)) = (kind, term.as_object_mut()) {
                term.insert("type".to_owned(), json!(kind));
            }
            header.insert("term".to_owned(), term);
        }
    }
    header.insert("timestamp".to_owned(), json!(frames.began().millis().div_euclid(1000)));
    for key in ["title", "command", "env", "idle_time_limit"] {
        if let Some(value) = recorded.get(key) {
            header.insert(key.to_owned(), value.clone());
        }
    }
    header
}
