//! Members of a JSON document put aside for others. Owns the paths, and the copy of a document that differs in the
//! masked strings alone: every other byte stays. Refuses a document that is no JSON (RFC 8259), one that is nested
//! too deep, and a masked member that is neither a string nor null.

use std::borrow::Cow;
use std::fmt;

/// How deep a document may be nested; serde_json itself reads 128.
const MAX_DEPTH: usize = 100;
/// Steps of a path.
const MAX_STEPS: usize = 32;

/// One step down a document.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// The member of this name.
    Member(String),
    /// Any member or element: `*`.
    Any,
    /// Any number of steps, none too: `**`.
    Deep,
}

/// Where in a document a field stands: names and `*`, joined by dots; `**` for any number of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<Step>);

impl Path {
    /// Reads `data.items.*.token`, `$.token` or `**.password`.
    ///
    /// # Errors
    /// When a step is empty, or there are too many, or the last is `**`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix("$.").unwrap_or(text);
        let steps: Vec<_> = text
            .split('.')
            .map(|step| match step {
                "*" => Step::Any,
                "**" => Step::Deep,
                name => Step::Member(name.to_owned()),
            })
            .collect();
        let empty = steps.iter().any(|step| matches!(step, Step::Member(name) if name.is_empty()));
        if empty || steps.len() > MAX_STEPS || steps.last() == Some(&Step::Deep) {
            return Err(format!(
                "{text:?} is no path: join names and * by dots, ** for any depth, such as \"data.*.token\" or \"**.password\""
            ));
        }
        Ok(Self(steps))
    }

    /// Whether a member reached by these names is meant; an array's elements have no name.
    fn matches(&self, way: &[Option<&str>]) -> bool {
        walk(&self.0, way)
    }
}

fn walk(steps: &[Step], way: &[Option<&str>]) -> bool {
    match (steps.split_first(), way.split_first()) {
        (None, None) => true,
        (Some((Step::Deep, after)), _) => {
            walk(after, way) || way.split_first().is_some_and(|(_, rest)| walk(steps, rest))
        }
        (Some((Step::Any, after)), Some((_, rest))) => walk(after, rest),
        (Some((Step::Member(name), after)), Some((Some(found), rest))) => name == found && walk(after, rest),
        _ => false,
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(".")?;
            }
            f.write_str(match step {
                Step::Member(name) => name,
                Step::Any => "*",
                Step::Deep => "**",
            })?;
        }
        Ok(())
    }
}

/// Why a document cannot be masked. Says nothing of what stands in it but the path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not JSON.
    #[error("it is no valid JSON")]
    Malformed,
    /// Deeper than is looked.
    #[error("it is nested deeper than {MAX_DEPTH}")]
    Deep,
    /// A member of another type.
    #[error("the masked field {0} is neither a string nor null")]
    Type(String),
}

/// A copy of the document in which `replace(rule, value)` stands for every string that the rule's path leads to; of
/// several rules, the first. Null and the empty string, which hide nothing, stay.
///
/// # Errors
/// When it cannot be masked without a doubt.
pub fn mask<'p>(
    document: &[u8],
    paths: impl Iterator<Item = &'p Path> + Clone,
    replace: impl FnMut(usize, &str) -> String,
) -> Result<Vec<u8>, Error> {
    // A mark of the byte order is no JSON, but some servers send one.
    let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
    // What follows reads a document that is valid; this says that it is.
    serde_json::from_slice::<serde::de::IgnoredAny>(document).map_err(|_| Error::Malformed)?;
    let text = std::str::from_utf8(document).map_err(|_| Error::Malformed)?;
    let mut masker = Masker { text, at: 0, copied: 0, out: Vec::with_capacity(text.len()), paths, replace };
    masker.value(&mut Vec::new())?;
    masker.copy(text.len());
    Ok(masker.out)
}

struct Masker<'t, I, F> {
    text: &'t str,
    at: usize,
    /// Up to here it stands in `out`.
    copied: usize,
    out: Vec<u8>,
    paths: I,
    replace: F,
}

impl<'t, 'p, I: Iterator<Item = &'p Path> + Clone, F: FnMut(usize, &str) -> String> Masker<'t, I, F> {
    fn value(&mut self, way: &mut Vec<Option<Cow<'t, str>>>) -> Result<(), Error> {
        if way.len() > MAX_DEPTH {
            return Err(Error::Deep);
        }
        self.space();
        let rule = if way.is_empty() { None } else { self.rule(way) };
        match (self.peek(), rule) {
            (Some(b'"'), Some(rule)) => {
                let start = self.at;
                let value = self.string()?;
                if !value.is_empty() {
                    let decoy = (self.replace)(rule, &value);
                    self.copy(start);
                    let quoted = serde_json::to_vec(&decoy).map_err(|_| Error::Malformed)?;
                    self.out.extend_from_slice(&quoted);
                    self.copied = self.at;
                }
                Ok(())
            }
            (Some(b'"'), None) => self.string().map(drop),
            (Some(b'n'), _) => self.word(),
            (_, Some(rule)) => {
                let path = self.paths.clone().nth(rule).map(ToString::to_string).unwrap_or_default();
                Err(Error::Type(path))
            }
            (Some(b'{'), None) => self.object(way),
            (Some(b'['), None) => self.array(way),
            (Some(_), None) => self.word(),
            (None, None) => Err(Error::Malformed),
        }
    }

    fn rule(&self, way: &[Option<Cow<'t, str>>]) -> Option<usize> {
        let names: Vec<Option<&str>> = way.iter().map(|name| name.as_deref()).collect();
        self.paths.clone().position(|path| path.matches(&names))
    }

    fn object(&mut self, way: &mut Vec<Option<Cow<'t, str>>>) -> Result<(), Error> {
        self.at += 1;
        loop {
            self.space();
            match self.peek() {
                Some(b'"') => {
                    let name = self.string()?;
                    self.space();
                    self.expect(b':')?;
                    way.push(Some(name));
                    self.value(way)?;
                    way.pop();
                }
                Some(b',') => self.at += 1,
                Some(b'}') => return self.expect(b'}'),
                _ => return Err(Error::Malformed),
            }
        }
    }

    fn array(&mut self, way: &mut Vec<Option<Cow<'t, str>>>) -> Result<(), Error> {
        self.at += 1;
        way.push(None);
        loop {
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    way.pop();
                    return self.expect(b']');
                }
                Some(_) => self.value(way)?,
                None => return Err(Error::Malformed),
            }
        }
    }

    /// Reads a string, its escapes resolved.
    fn string(&mut self) -> Result<Cow<'t, str>, Error> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
                None => return Err(Error::Malformed),
            }
        }
        self.at += 1;
        let quoted = self.text.get(start..self.at).ok_or(Error::Malformed)?;
        if quoted.contains('\\') {
            return serde_json::from_str::<String>(quoted).map(Cow::Owned).map_err(|_| Error::Malformed);
        }
        quoted.get(1..quoted.len().saturating_sub(1)).map(Cow::Borrowed).ok_or(Error::Malformed)
    }

    /// A number, true, false or null.
    fn word(&mut self) -> Result<(), Error> {
        let start = self.at;
        while self.peek().is_some_and(|byte| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        if self.at == start { Err(Error::Malformed) } else { Ok(()) }
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Error> {
        if self.peek() != Some(byte) {
            return Err(Error::Malformed);
        }
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn copy(&mut self, to: usize) {
        self.out.extend_from_slice(self.text.as_bytes().get(self.copied..to).unwrap_or_default());
        self.copied = to;
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
