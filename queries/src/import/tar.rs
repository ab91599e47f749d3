//! The regular files of a tar archive (POSIX.1-2017 `pax`, with GNU's long names), one after the other, without
//! holding any of them. What is no regular file is passed over.

use std::io::{self, Read};

const BLOCK: usize = 512;

/// The longest name, and the most attributes, that are read.
const MOST: u64 = 1 << 16;

/// What a member says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// Its path in the archive.
    pub(super) name: String,
    /// When it was changed, in seconds since the epoch.
    pub(super) modified: i64,
}

/// An archive. Reading it reads the current member and ends with it.
pub(super) struct Tar {
    inner: Box<dyn Read + Send>,
    left: u64,
    padding: u64,
}

impl Tar {
    pub(super) fn new(inner: Box<dyn Read + Send>) -> Self {
        Self { inner, left: 0, padding: 0 }
    }

    /// Goes to the next regular file, past what was not read of this one.
    pub(super) fn advance(&mut self) -> io::Result<Option<Header>> {
        let (mut long_name, mut long_size) = (None, None);
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
                b'L' => long_name = Some(self.text()?),
                b'x' => {
                    for (key, value) in attributes(&self.text()?) {
                        match key {
                            "path" => long_name = Some(value.to_owned()),
                            "size" => long_size = value.parse().ok(),
                            _ => {}
                        }
                    }
                }
                _ if raw.is_file() => {
                    let name = long_name.take().unwrap_or(raw.name);
                    return Ok(Some(Header { name, modified: raw.modified }));
                }
                _ => long_name = None,
            }
        }
    }

    /// The current member, if it is a short text.
    fn text(&mut self) -> io::Result<String> {
        if self.left > MOST {
            return Ok(String::new());
        }
        let mut bytes = Vec::new();
        self.take(MOST).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned())
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
