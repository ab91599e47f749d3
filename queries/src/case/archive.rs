//! A tar archive (POSIX.1-2017 `ustar`) of plain files, written and read as they come. Refuses to read anything else: in
//! an archive that interdict wrote there are no links, no folders, no names that lead out of it and no byte that could be
//! another, so one that has them is not what was written.

use std::io::{self, Read, Write};

const BLOCK: usize = 512;
/// The longest name that the header holds.
const NAME: usize = 100;

/// Writes an archive.
pub(super) struct Archive<W>(W);

impl<W: Write> Archive<W> {
    pub(super) fn new(out: W) -> Self {
        Self(out)
    }

    /// Adds a file of this size, of which `content` has every byte.
    pub(super) fn add(&mut self, name: &str, size: u64, content: &mut dyn Read) -> io::Result<()> {
        self.0.write_all(&header(name, size)?)?;
        let copied = io::copy(&mut content.take(size), &mut self.0)?;
        if copied != size {
            return Err(io::Error::other(format!("{name} became shorter while it was read")));
        }
        self.0.write_all(&vec![0; padding(size)])
    }

    /// Ends it.
    pub(super) fn end(mut self) -> io::Result<W> {
        self.0.write_all(&[0; 2 * BLOCK])?;
        Ok(self.0)
    }
}

/// Owner, group and time are nobody's and the epoch's, so that the same case has the same bytes.
fn header(name: &str, size: u64) -> io::Result<[u8; BLOCK]> {
    if !is_safe(name) {
        return Err(io::Error::other(format!("{name} is no name for a file of a case")));
    }
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| {
        block.iter_mut().skip(at).zip(bytes).for_each(|(into, byte)| *into = *byte);
    };
    put(0, name.as_bytes());
    put(100, b"0000444\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    // Eleven octal digits hold 8 GiB; what is larger is written as GNU's tar does, in binary with a bit before it.
    if size < 1 << 33 {
        put(124, format!("{size:011o}\0").as_bytes());
    } else {
        put(124, &[0x80, 0, 0, 0]);
        put(128, &size.to_be_bytes());
    }
    put(136, b"00000000000\0");
    put(156, b"0");
    put(257, b"ustar\x0000");
    put(148, b"        ");
    let sum = checksum(&block);
    let mut put = |at: usize, bytes: &[u8]| {
        block.iter_mut().skip(at).zip(bytes).for_each(|(into, byte)| *into = *byte);
    };
    put(148, format!("{sum:06o}\0 ").as_bytes());
    Ok(block)
}

/// The sum of all bytes, the sum's own place taken as spaces.
fn checksum(block: &[u8; BLOCK]) -> u64 {
    block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) }).sum()
}

fn padding(size: u64) -> usize {
    usize::try_from(size.wrapping_neg() % BLOCK as u64).unwrap_or(0)
}

/// Whether a name stays in the folder that the archive is unpacked in, on any system.
pub(super) fn is_safe(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/');
    name.len() <= NAME
        && name.bytes().all(plain)
        && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
}

/// A member as it is found.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) size: u64,
}

/// Reads an archive.
pub(super) struct Reader<R> {
    inner: R,
    left: u64,
    padding: u64,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, left: 0, padding: 0 }
    }

    /// The next file, past what was not read of this one; `None` at the end, behind which nothing may stand.
    pub(super) fn next(&mut self) -> Result<Option<Member>, String> {
        let passed =
            io::copy(&mut self.inner.by_ref().take(self.left), &mut io::sink()).map_err(|error| broken(&error))?;
        let mut between = Vec::new();
        let padded =
            self.inner.by_ref().take(self.padding).read_to_end(&mut between).map_err(|error| broken(&error))?;
        if passed < self.left || (padded as u64) < self.padding {
            return Err("it is cut off".to_owned());
        }
        if between.iter().any(|byte| *byte != 0) {
            return Err("something stands between its files".to_owned());
        }
        let mut block = [0; BLOCK];
        self.inner.read_exact(&mut block).map_err(|error| broken(&error))?;
        if block == [0; BLOCK] {
            return self.nothing_follows().map(|()| None);
        }
        let field = |at: usize, length: usize| block.get(at..at + length).unwrap_or_default();
        if octal(field(148, 8)) != Some(checksum(&block)) {
            return Err("a header in it is damaged".to_owned());
        }
        let name = field(0, NAME).split(|byte| *byte == 0).next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let prefix = field(345, 155).iter().any(|byte| *byte != 0);
        if field(156, 1) != b"0" || prefix || !is_safe(&name) {
            return Err(format!("{} in it is no plain file of a case", name.escape_debug()));
        }
        let size = match field(124, 12) {
            [0x80, 0, 0, 0, digits @ ..] => digits.try_into().ok().map(u64::from_be_bytes),
            digits => octal(digits),
        };
        let size = size.filter(|size| *size < 1 << 50).ok_or_else(|| format!("the size of {name} is damaged"))?;
        // There is one header for a file of a case, so whatever else stands there was not written here.
        if header(&name, size).map_or(true, |written| written != block) {
            return Err(format!("{name} was put in, or what the archive says of it was changed"));
        }
        (self.left, self.padding) = (size, padding(size) as u64);
        Ok(Some(Member { name, size }))
    }

    fn nothing_follows(&mut self) -> Result<(), String> {
        let mut piece = [0; 8 * BLOCK];
        loop {
            match self.inner.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(read) if piece.iter().take(read).all(|byte| *byte == 0) => {}
                Ok(_) => return Err("something stands behind its end".to_owned()),
                Err(error) => return Err(broken(&error)),
            }
        }
    }
}

/// Reads the current file and ends with it.
impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.by_ref().take(self.left).read(buffer)?;
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is cut off".to_owned(),
        _ => format!("it cannot be read: {error}"),
    }
}

fn octal(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = Archive::new(Vec::new());
        for (name, content) in files {
            archive.add(name, content.len() as u64, &mut &content[..]).expect("written");
        }
        archive.end().expect("ended")
    }

    fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
        let (mut reader, mut files) = (Reader::new(bytes), Vec::new());
        while let Some(member) = reader.next()? {
            let mut content = Vec::new();
            reader.read_to_end(&mut content).map_err(|error| broken(&error))?;
            assert_eq!(content.len() as u64, member.size);
            files.push((member.name, content));
        }
        Ok(files)
    }

    #[test]
    fn what_is_written_is_read() {
        let long = vec![7; 513];
        let files: [(&str, &[u8]); 3] = [("a.json", b"{}"), ("sessions/001/b.cast", &long), ("empty", b"")];
        let found = read(&archive(&files)).expect("reads");
        let expected: Vec<_> = files.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn names_that_lead_elsewhere_are_neither_written_nor_read() {
        for name in ["../a", "/etc/passwd", "a/../b", "a//b", ".ssh/x", "a\\b", "C:x", "", "ü", &"a".repeat(101)] {
            assert!(Archive::new(Vec::new()).add(name, 0, &mut &b""[..]).is_err(), "{name}");
        }
        // The same put there by somebody else, with a sum that is right.
        for (at, bytes) in [(0, &b"../a"[..]), (156, b"2"), (156, b"5"), (156, b"L"), (345, b"/etc")] {
            let mut bad = archive(&[("aaaa", b"x")]);
            bad[at..at + bytes.len()].copy_from_slice(bytes);
            let sum = checksum(bad[..BLOCK].try_into().expect("a header"));
            bad[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            assert!(read(&bad).expect_err("refused").contains("no plain file"));
        }
    }

    #[test]
    fn what_is_damaged_is_told() {
        let good = archive(&[("a", &[1; 600])]);
        for end in 0..good.len() - BLOCK {
            assert!(read(&good[..end]).is_err(), "cut at {end}");
        }
        let mut behind = good.clone();
        behind.extend(archive(&[("b", b"x")]));
        assert_eq!(read(&behind), Err("something stands behind its end".to_owned()));
        let mut header = good;
        header[3] ^= 1;
        assert_eq!(read(&header), Err("a header in it is damaged".to_owned()));
    }
}
