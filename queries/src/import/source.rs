//! Bytes of files as they are on disk, counted, and what decompresses and unpacks them.

use super::tar::Tar;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// Enough that the system is not asked for each line.
const BUFFER: usize = 1 << 17;

/// How much of a file is looked at to tell its format.
const HEAD: usize = 1 << 16;

/// The mark that a text is UTF-8, which some editors put before its first byte (Unicode 23.8).
const BYTE_ORDER: &[u8] = b"\xef\xbb\xbf";

/// How much of the files was read.
#[derive(Debug, Clone, Default)]
pub struct Source {
    read: Arc<AtomicU64>,
    size: Option<u64>,
}

impl Source {
    pub(crate) fn of(files: &[PathBuf]) -> Self {
        // A pipe has no size; then nobody knows how much there is.
        let size = |path: &PathBuf| path.metadata().ok().filter(std::fs::Metadata::is_file).map(|data| data.len());
        Self { read: Arc::default(), size: files.iter().map(size).sum() }
    }

    /// Bytes read, as they are on disk.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes in all, if all files have a size.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        self.size
    }

    /// Opens one file, decompressed by its name.
    pub(super) fn open(&self, file: &Path) -> io::Result<Input> {
        if file == Path::new("-") {
            let plain = BufReader::with_capacity(BUFFER, self.counted(io::stdin()));
            return Ok(Input::new(Inner::Plain(Box::new(plain)), None));
        }
        let raw = File::open(file)?;
        let modified = raw.metadata().and_then(|data| data.modified()).ok().and_then(seconds);
        let bytes = decompressed(file, self.counted(raw))?;
        let inner = if is_tar(file) {
            Inner::Tar(BufReader::with_capacity(BUFFER, Tar::new(Box::new(bytes))))
        } else {
            Inner::Plain(bytes)
        };
        Ok(Input::new(inner, modified))
    }

    fn counted<R: Read>(&self, inner: R) -> Counted<R> {
        Counted { inner, read: Arc::clone(&self.read) }
    }
}

/// What a file holds is the same whatever compressed it: the SHA-256 of its bytes once decompressed, in hex.
///
/// # Errors
/// When it cannot be read to its end.
pub fn digest(file: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut decompressed(file, File::open(file)?)?, &mut hasher)?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn decompressed(file: &Path, raw: impl Read + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    Ok(match extension(file).as_str() {
        // Several members in one file are what appending to a .gz makes.
        "gz" | "tgz" => {
            let raw = BufReader::with_capacity(BUFFER, raw);
            Box::new(BufReader::with_capacity(BUFFER, flate2::bufread::MultiGzDecoder::new(raw)))
        }
        "zst" => {
            let mut raw = zstd::Decoder::new(raw)?;
            // What `zstd -d` takes without being asked: 128 MiB of window.
            raw.window_log_max(27)?;
            Box::new(BufReader::with_capacity(BUFFER, raw))
        }
        _ => Box::new(BufReader::with_capacity(BUFFER, raw)),
    })
}

fn extension(file: &Path) -> String {
    file.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

fn is_tar(file: &Path) -> bool {
    match extension(file).as_str() {
        "tar" | "tgz" => true,
        "gz" | "zst" => file.file_stem().is_some_and(|stem| extension(Path::new(stem)) == "tar"),
        _ => false,
    }
}

fn seconds(time: SystemTime) -> Option<i64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

/// One of the files in a file: itself, or one of an archive's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Its path in the archive; empty for the file itself.
    pub(super) name: String,
    /// When it was changed, in seconds since the epoch, if known.
    pub(super) modified: Option<i64>,
}

enum Inner {
    Plain(Box<dyn BufRead + Send>),
    Tar(BufReader<Tar>),
}

impl Inner {
    fn reader(&mut self) -> &mut dyn BufRead {
        match self {
            Self::Plain(reader) => reader,
            Self::Tar(reader) => reader,
        }
    }
}

/// An open file. Reading it reads the current member; its first bytes can be looked at before.
pub(super) struct Input {
    inner: Inner,
    modified: Option<i64>,
    begun: bool,
    head: Vec<u8>,
    taken: usize,
    failed: Option<io::Error>,
}

impl Input {
    const fn new(inner: Inner, modified: Option<i64>) -> Self {
        Self { inner, modified, begun: false, head: Vec::new(), taken: 0, failed: None }
    }

    /// Goes to the next member.
    pub(super) fn advance(&mut self) -> io::Result<Option<Member>> {
        (self.head, self.taken, self.failed) = (Vec::new(), 0, None);
        let first = !std::mem::replace(&mut self.begun, true);
        match &mut self.inner {
            Inner::Plain(_) => Ok(first.then(|| Member { name: String::new(), modified: self.modified })),
            Inner::Tar(reader) => {
                // What is buffered is the last member's alone.
                reader.consume(reader.buffer().len());
                let header = reader.get_mut().advance()?;
                Ok(header.map(|header| Member { name: header.name, modified: Some(header.modified) }))
            }
        }
    }

    /// The first bytes of the member, before anything of it is read. An error is kept for whoever reads that far.
    pub(super) fn peek(&mut self) -> &[u8] {
        let reader = self.inner.reader();
        while self.head.len() < HEAD {
            let count = match reader.fill_buf() {
                Ok([]) => break,
                Ok(bytes) => {
                    self.head.extend_from_slice(bytes);
                    bytes.len()
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            };
            reader.consume(count);
        }
        if self.head.starts_with(BYTE_ORDER) {
            self.taken = BYTE_ORDER.len();
        }
        self.head.get(self.taken..).unwrap_or_default()
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken < self.head.len() {
            return Ok(self.head.get(self.taken..).unwrap_or_default());
        }
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.inner.reader().fill_buf(),
        }
    }

    fn consume(&mut self, count: usize) {
        if self.taken < self.head.len() {
            self.taken = self.taken.saturating_add(count).min(self.head.len());
        } else {
            self.inner.reader().consume(count);
        }
    }
}

struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
