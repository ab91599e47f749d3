//! The parts of a recording in the terms of asciicast v3 (docs.asciinema.org/manual/asciicast/v3). Makes the header
//! and the text of resize and exit events; the bytes between are kept raw, and whoever exports them joins characters
//! that chunks split.

use interdict_schemas::Time;
use serde::Serialize;

/// What a terminal is taken to be when none was asked for.
const COLUMNS: u16 = 80;
const ROWS: u16 = 24;

/// A terminal as the client asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Terminal {
    cols: u16,
    rows: u16,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
}

#[derive(Serialize)]
struct Header<'a> {
    version: u8,
    term: &'a Terminal,
    /// Seconds since the epoch.
    timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a str>,
}

impl Terminal {
    /// Of this type and size.
    pub(super) fn new(kind: &str, columns: u32, rows: u32) -> Self {
        Self { cols: side(columns, COLUMNS), rows: side(rows, ROWS), kind: Some(kind.to_owned()) }
    }

    /// Where a command runs without one: a player needs a size, and no `type` tells it that lines end without a
    /// carriage return.
    pub(super) fn absent() -> Self {
        Self { cols: COLUMNS, rows: ROWS, kind: None }
    }
}

/// The header line, without its newline.
pub(super) fn header(terminal: &Terminal, at: Time, command: Option<&str>) -> String {
    let header = Header { version: 3, term: terminal, timestamp: at.millis().div_euclid(1000), command };
    // Numbers and strings only: there is nothing in it that JSON cannot say.
    serde_json::to_string(&header).unwrap_or_default()
}

/// A resize event's text.
pub(super) fn resize(columns: u32, rows: u32) -> String {
    format!("{}x{}", side(columns, COLUMNS), side(rows, ROWS))
}

/// SSH sends 32 bits, and 0 for "unknown" (RFC 4254 section 6.2).
fn side(cells: u32, unknown: u16) -> u16 {
    if cells == 0 { unknown } else { u16::try_from(cells).unwrap_or(u16::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_asciicast_v3() {
        let check = |terminal, command, expected| {
            assert_eq!(header(&terminal, Time(1_504_467_315_900_000), command), expected);
        };
        check(
            Terminal::new("xterm-256color", 100, 50),
            None,
            r#"{"version":3,"term":{"cols":100,"rows":50,"type":"xterm-256color"},"timestamp":1504467315}"#,
        );
        check(
            Terminal::absent(),
            Some("echo \"a\"\n"),
            r#"{"version":3,"term":{"cols":80,"rows":24},"timestamp":1504467315,"command":"echo \"a\"\n"}"#,
        );
    }

    #[test]
    fn sizes_are_sane() {
        let check = |columns, rows, expected| assert_eq!(resize(columns, rows), expected);
        check(90, 30, "90x30");
        check(0, 0, "80x24");
        check(u32::MAX, 1, "65535x1");
    }
}
