//! Findings as JSON lines.
//!
//! A file appears under its name when it is complete: until then it stands beside it as `NAME.partial`, and a run that
//! fails leaves what was there before.

use super::Error;
use interdict_schemas::{Alert, Verdict, ocsf};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Findings on their way to a file.
pub struct Findings {
    out: Box<dyn Write + Send>,
    name: String,
    place: Option<(PathBuf, PathBuf)>,
    count: u64,
}

impl Findings {
    /// Into this file; `-` is the standard output.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(file: &Path) -> Result<Self, Error> {
        let name = file.display().to_string();
        if file == Path::new("-") {
            return Ok(Self { out: Box::new(BufWriter::new(io::stdout())), name, place: None, count: 0 });
        }
        let mut partial = file.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        match File::create(&partial) {
            Ok(out) => {
                let place = Some((partial, file.to_owned()));
                Ok(Self { out: Box::new(BufWriter::new(out)), name, place, count: 0 })
            }
            Err(source) => Err(Error { file: name, source }),
        }
    }

    /// Writes one finding, with the verdict given on it if there was one.
    ///
    /// # Errors
    /// When the file does not take it.
    pub fn write(&mut self, alert: &Alert, verdict: Option<&Verdict>) -> Result<(), Error> {
        let written = writeln!(self.out, "{}", ocsf::finding(alert, verdict));
        written.map_err(|source| Error { file: self.name.clone(), source })?;
        self.count += 1;
        Ok(())
    }

    /// Completes the file; returns how many findings it has.
    ///
    /// # Errors
    /// When the file cannot be completed.
    pub fn finish(mut self) -> Result<u64, Error> {
        let named = |place: &(PathBuf, PathBuf)| std::fs::rename(&place.0, &place.1);
        let finished = self.out.flush().and_then(|()| self.place.take().as_ref().map_or(Ok(()), named));
        finished.map_err(|source| Error { file: self.name.clone(), source })?;
        Ok(self.count)
    }
}

impl Drop for Findings {
    fn drop(&mut self) {
        if let Some((partial, _)) = &self.place
            && let Err(error) = std::fs::remove_file(partial)
        {
            tracing::warn!(file = %partial.display(), %error, "unfinished findings could not be removed");
        }
    }
}
