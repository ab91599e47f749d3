//! The regular files of a tar archive (POSIX.1-2017 `pax`, with GNU's long names), one after the other, without
//! holding any of them. What is no regular file is passed over.

use std::io::{self, Read};

const BLOCK: usize = 512;

/// The longest name, and the most attributes, that are read.
const MOST: u64 = 1 << 16;

/// What a member says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// Its path in the archive; never empty, as that would stand for a file in no archive.
    pub(super) name: String,
    /// When it was changed, in seconds since the epoch.
    pub(super) modified: i64,
}

/// An archive. Reading it reads the current member and ends with it.
pub(super) struct Tar {
    inner: Box<dyn Read + Send>,
    left: u64,
    padding: u64,
    /// Regular files so far.
    members: u64,
}

impl Tar {
    pub(super) fn new(inner: Box<dyn Read + Send>) -> Self {
        Self { inner, left: 0, padding: 0, members: 0 }
    }

    /// Goes to the next regular file, past what was not read of this one.
    pub(super) fn advance(&mut self) -> io::Result<Option<Header>> {
        let (mut long_name, mut long_size, mut is_cut) = (None, None, false);
        loop {
            self.skip(self.left.saturating_add(self.padding))?;
            let mut block = [0_u8; BLOCK];
            if !fill(&mut self.inner, &mut block)? || block.iter().all(|byte| *byte == 0) {
                (self.left, self.padding) = (0, 0);
                return Ok(None);
            }
            let raw = Raw::parse(&block)?;
            let size = long_size.take().filter(|_| raw.is_file()).unwrap_or(raw.size);
            self.left = size;
            self.padding = size.wrapping_neg() % BLOCK as u64;
            match raw.kind {
                b'L' => {
                    long_name = self.text()?;
                    is_cut |= long_name.is_none();
                }
                b'x' => {
                    let text = self.text()?;
                    is_cut |= text.is_none();
                    for (key, value) in attributes(text.as_deref().unwrap_or_default()) {
                        match key {
                            "path" => long_name = Some(value.to_owned()),
                            "size" => long_size = value.parse().ok(),
                            _ => {}
                        }
                    }
                }
                _ if raw.is_file() => {
                    self.members = self.members.saturating_add(1);
                    let name = long_name.take().filter(|name| !name.is_empty()).unwrap_or(raw.name);
                    let name = if is_cut || name.is_empty() { numbered(self.members, &name) } else { name };
                    return Ok(Some(Header { name, modified: raw.modified }));
                }
                _ => (long_name, is_cut) = (None, false),
            }
        }
    }

    /// The current member, if it is a short text.
    fn text(&mut self) -> io::Result<Option<String>> {
        if self.left > MOST {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.take(MOST).read_to_end(&mut bytes)?;
        Ok(Some(String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned()))
    }

    fn skip(&mut self, count: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.inner.by_ref().take(count), &mut io::sink())?;
        (self.left, self.padding) = (0, 0);
        if skipped < count { Err(cut_off()) } else { Ok(()) }
    }
}

impl Read for Tar {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(room) = buffer.get_mut(..most).filter(|room| !room.is_empty()) else { return Ok(0) };
        let count = self.inner.read(room)?;
        if count == 0 {
            return Err(cut_off());
        }
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

/// The name of a member whose own is too long or empty: its number, so that no two have the same, and what is known of
/// it.
fn numbered(number: u64, rest: &str) -> String {
    format!("member-{number}/{rest}").trim_end_matches('/').to_owned()
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends in the middle of a file")
}

/// Fills a block; false if there is nothing at all.
fn fill(reader: &mut dyn Read, block: &mut [u8; BLOCK]) -> io::Result<bool> {
    let mut bytes = Vec::with_capacity(BLOCK);
    reader.take(BLOCK as u64).read_to_end(&mut bytes)?;
    match <[u8; BLOCK]>::try_from(bytes.as_slice()) {
        Ok(whole) => {
            *block = whole;
            Ok(true)
        }
        Err(_) if bytes.is_empty() => Ok(false),
        Err(_) => Err(cut_off()),
    }
}

struct Raw {
    name: String,
    size: u64,
    modified: i64,
    kind: u8,
}

impl Raw {
    fn parse(block: &[u8; BLOCK]) -> io::Result<Self> {
        let field = |from: usize, length: usize| block.get(from..from + length).unwrap_or_default();
        let stored = number(field(148, 8));
        let sum = |(index, byte): (usize, &u8)| u64::from(if (148..156).contains(&index) { b' ' } else { *byte });
        if stored != Some(block.iter().enumerate().map(sum).sum()) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no tar archive, or a damaged one"));
        }
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "a size in the archive is no number");
        let (name, prefix) = (text(field(0, 100)), text(field(345, 155)));
        let is_ustar = field(257, 5) == b"ustar" && !prefix.is_empty();
        Ok(Self {
            name: if is_ustar { format!("{prefix}/{name}") } else { name },
            size: number(field(124, 12)).ok_or_else(wrong)?,
            modified: number(field(136, 12)).and_then(|time| i64::try_from(time).ok()).unwrap_or_default(),
            kind: field(156, 1).first().copied().unwrap_or_default(),
        })
    }

    const fn is_file(&self) -> bool {
        matches!(self.kind, b'0' | 0 | b'7')
    }
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
}

/// Octal digits, or GNU's binary form for what they cannot hold.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((first, rest)) = field.split_first()
        && *first == 0x80
    {
        return rest.iter().try_fold(0_u64, |sum, byte| Some(sum.checked_mul(256)? | u64::from(*byte)));
    }
    let digits = text(field);
    let digits = digits.trim();
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

/// `length key=value\n`, again and again.
fn attributes(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once(' ')?.1.split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(kind: u8, name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut block = [0_u8; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
        block[148..156].copy_from_slice(b"        ");
        block[156] = kind;
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
        let mut out = block.to_vec();
        out.extend(bytes);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
        out
    }

    #[test]
    fn a_name_that_is_too_long_or_empty_ends_nothing() {
        let most = "n".repeat(1 << 16);
        let more = "n".repeat((1 << 16) + 1);
        let archive = [
            member(b'0', "a/one.log", b"1"),
            member(b'L', "././@LongLink", most.as_bytes()),
            member(b'0', "a/two.log", b"2"),
            member(b'L', "././@LongLink", more.as_bytes()),
            member(b'0', "a/same.log", b"3"),
            member(b'L', "././@LongLink", more.as_bytes()),
            member(b'0', "a/same.log", b"4"),
            member(b'x', "PaxHeader", more.as_bytes()),
            member(b'0', "b/five.log", b"5"),
            member(b'L', "././@LongLink", more.as_bytes()),
            member(b'5', "b/folder", b""),
            member(b'0', "", b"6"),
            member(b'L', "././@LongLink", b""),
            member(b'0', "b/seven.log", b"7"),
        ];
        let mut tar = Tar::new(Box::new(io::Cursor::new(archive.concat())));
        let names: Vec<_> = std::iter::from_fn(|| tar.advance().expect("sound")).map(|header| header.name).collect();
        let expected = [
            "a/one.log",
            &most,
            "member-3/a/same.log",
            "member-4/a/same.log",
            "member-5/b/five.log",
            "member-6",
            "b/seven.log",
        ];
        assert_eq!(names, expected);
    }
}
