//! Bytes of files as they are on disk, counted, and what decompresses them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of the files was read.
#[derive(Debug, Clone, Default)]
pub struct Source {
    read: Arc<AtomicU64>,
    size: Option<u64>,
}

impl Source {
    pub(super) fn of(files: &[PathBuf]) -> Self {
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
    pub(super) fn open(&self, file: &Path) -> io::Result<Box<dyn BufRead + Send>> {
        /// Enough that the system is not asked for each line.
        const BUFFER: usize = 1 << 17;
        if file == Path::new("-") {
            return Ok(Box::new(BufReader::with_capacity(BUFFER, self.counted(io::stdin()))));
        }
        let raw = self.counted(File::open(file)?);
        Ok(match file.extension().and_then(|extension| extension.to_str()) {
            // Several members in one file are what appending to a .gz makes.
            Some("gz") => {
                let raw = BufReader::with_capacity(BUFFER, raw);
                Box::new(BufReader::with_capacity(BUFFER, flate2::bufread::MultiGzDecoder::new(raw)))
            }
            Some("zst") => {
                let mut raw = zstd::Decoder::new(raw)?;
                // What `zstd -d` takes without being asked: 128 MiB of window.
                raw.window_log_max(27)?;
                Box::new(BufReader::with_capacity(BUFFER, raw))
            }
            _ => Box::new(BufReader::with_capacity(BUFFER, raw)),
        })
    }

    fn counted<R: Read>(&self, inner: R) -> Counted<R> {
        Counted { inner, read: Arc::clone(&self.read) }
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
