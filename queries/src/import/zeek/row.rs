//! One record of a Zeek log, whether it is written as JSON or as tab-separated columns.

use super::super::Skip;
use super::super::value::{self, object};
use interdict_schemas::Time;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

/// The most columns a log may have.
const COLUMNS: usize = 512;

/// What the `#` lines of a file say.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) path: String,
    separator: char,
    unset: String,
    empty: String,
    columns: HashMap<String, usize>,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            path: String::new(),
            separator: '\t',
            unset: "-".to_owned(),
            empty: "(empty)".to_owned(),
            columns: HashMap::new(),
        }
    }
}

impl Header {
    /// Takes a line that begins with `#`.
    pub(super) fn take(&mut self, line: &str) -> Result<(), Skip> {
        if let Some(separator) = line.strip_prefix("#separator ") {
            *self = Self::default();
            self.separator = match separator.strip_prefix("\\x").map(|hex| u8::from_str_radix(hex, 16)) {
                Some(Ok(byte)) if byte.is_ascii() => char::from(byte),
                None if separator.chars().count() == 1 => separator.chars().next().unwrap_or('\t'),
                _ => return Err(Skip::fault("wrong", "#separator must be one character")),
            };
            return Ok(());
        }
        let Some((key, rest)) = line.split_once(self.separator) else { return Ok(()) };
        match key {
            "#path" => value::checked(rest, "#path")?.unwrap_or_default().clone_into(&mut self.path),
            "#unset_field" => value::checked(rest, "#unset_field")?.unwrap_or_default().clone_into(&mut self.unset),
            "#empty_field" => value::checked(rest, "#empty_field")?.unwrap_or_default().clone_into(&mut self.empty),
            "#fields" => {
                if rest.split(self.separator).nth(COLUMNS).is_some() {
                    return Err(Skip::fault("wrong", format!("#fields must have at most {COLUMNS} columns")));
                }
                self.columns = rest.split(self.separator).map(str::to_owned).zip(0..).collect();
            }
            _ => {}
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) enum Row<'a> {
    Json(Value),
    Columns { header: &'a Header, cells: Vec<&'a str> },
}

impl<'a> Row<'a> {
    pub(super) fn json(text: &[u8]) -> Result<Self, Skip> {
        object(text).map(Self::Json)
    }

    pub(super) fn columns(header: &'a Header, line: &'a str) -> Result<Self, Skip> {
        if header.columns.is_empty() {
            return Err(Skip::fault("header", "the file has no #fields line before this one"));
        }
        let cells: Vec<&str> = line.split(header.separator).take(COLUMNS + 1).collect();
        if cells.len() != header.columns.len() {
            let (found, named) = (cells.len(), header.columns.len());
            return Err(Skip::fault("columns", format!("{found} columns stand here, and #fields names {named}")));
        }
        Ok(Self::Columns { header, cells })
    }

    /// The value of a field; nothing if it is unset or empty.
    pub(super) fn find(&self, key: &str) -> Option<Cow<'_, str>> {
        let text = match self {
            Self::Json(value) => match field(value, key)? {
                Value::String(text) => Cow::Borrowed(text.as_str()),
                Value::Number(number) => Cow::Owned(number.to_string()),
                Value::Bool(truth) => Cow::Borrowed(if *truth { "T" } else { "F" }),
                Value::Null | Value::Array(_) | Value::Object(_) => return None,
            },
            Self::Columns { header, cells } => {
                let cell = cells.get(*header.columns.get(key)?)?;
                if *cell == header.unset || *cell == header.empty {
                    return None;
                }
                unescaped(cell)
            }
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// A name of somebody or something.
    pub(super) fn name(&self, key: &str) -> Result<Option<Cow<'_, str>>, Skip> {
        let Some(text) = self.find(key) else { return Ok(None) };
        value::checked(&text, key)?;
        Ok(Some(text))
    }

    pub(super) fn required(&self, key: &str) -> Result<Cow<'_, str>, Skip> {
        self.name(key)?.ok_or_else(|| Skip::missing(key))
    }

    pub(super) fn truth(&self, key: &str) -> Option<bool> {
        match self.find(key)?.as_ref() {
            "T" | "true" => Some(true),
            "F" | "false" => Some(false),
            _ => None,
        }
    }

    pub(super) fn count(&self, key: &str) -> u64 {
        self.find(key).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    pub(super) fn port(&self, key: &str) -> Result<u16, Skip> {
        let parsed = self.find(key).map_or(Ok(0), |text| text.parse());
        parsed.map_err(|_| Skip::wrong(key, "a port"))
    }

    pub(super) fn address(&self, key: &str) -> Result<IpAddr, Skip> {
        self.required(key)?.parse().map_err(|_| Skip::wrong(key, "an IP address"))
    }

    pub(super) fn time(&self) -> Result<Time, Skip> {
        let text = self.required("ts")?;
        // `LogAscii::json_timestamps` makes them numbers or texts.
        if text.contains('T') { value::time(&text, "ts") } else { value::epoch(&text, "ts") }
    }

    /// Seconds, as microseconds.
    pub(super) fn micros(&self, key: &str) -> Option<i64> {
        value::epoch(&self.find(key)?, key).ok().map(|time| time.0)
    }
}

/// A field of a JSON record. Shippers write `id.orig_h` with a dot, with an underscore, or as an object in one.
fn field<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).or_else(|| {
        let (outer, inner) = key.split_once('.')?;
        value.get(format!("{outer}_{inner}")).or_else(|| value.get(outer)?.get(inner))
    })
}

/// `\xNN` and `\\` as the bytes they stand for.
fn unescaped(cell: &str) -> Cow<'_, str> {
    if !cell.contains('\\') {
        return Cow::Borrowed(cell);
    }
    let (mut out, mut rest) = (Vec::with_capacity(cell.len()), cell.as_bytes());
    loop {
        match rest {
            [] => break,
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or_default() as u8;
                out.push(digit(high) << 4 | digit(low));
                rest = tail;
            }
            [b'\\', b'\\', tail @ ..] => {
                out.push(b'\\');
                rest = tail;
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn escapes_stand_for_their_bytes() {
        for (cell, expected) in [
            ("plain", "plain"),
            (r"\\\\srv\\c$", r"\\srv\c$"),
            (r"a\x09b", "a\tb"),
            (r"\xc3\xa9", "é"),
            (r"\xff", "\u{fffd}"),
            (r"end\", r"end\"),
            (r"\x4", r"\x4"),
        ] {
            assert_eq!(unescaped(cell), expected);
        }
    }
}
