//! Findings as JSON lines. A file stands under its name when it is complete (see [`crate::Outfile`]).

use super::Error;
use crate::Outfile;
use interdict_schemas::{Alert, Verdict, ocsf};
use std::io::{self, BufWriter, Stdout, Write};
use std::path::Path;

/// Findings on their way to a file.
pub struct Findings {
    out: Out,
    name: String,
    count: u64,
}

enum Out {
    File(Outfile),
    Standard(BufWriter<Stdout>),
}

impl Out {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::File(file) => file,
            Self::Standard(out) => out,
        }
    }
}

impl Findings {
    /// Into this file; `-` is the standard output.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(file: &Path) -> Result<Self, Error> {
        let name = file.display().to_string();
        let out = if file == Path::new("-") {
            Out::Standard(BufWriter::new(io::stdout()))
        } else {
            Out::File(Outfile::create(file).map_err(|source| Error { file: name.clone(), source })?)
        };
        Ok(Self { out, name, count: 0 })
    }

    /// Writes one finding, with the verdict given on it if there was one.
    ///
    /// # Errors
    /// When the file does not take it.
    pub fn write(&mut self, alert: &Alert, verdict: Option<&Verdict>) -> Result<(), Error> {
        let written = writeln!(self.out.writer(), "{}", ocsf::finding(alert, verdict));
        written.map_err(|source| Error { file: self.name.clone(), source })?;
        self.count += 1;
        Ok(())
    }

    /// Completes the file; returns how many findings it has.
    ///
    /// # Errors
    /// When the file cannot be completed.
    pub fn finish(self) -> Result<u64, Error> {
        let finished = match self.out {
            Out::File(file) => file.finish(),
            Out::Standard(mut out) => out.flush(),
        };
        finished.map_err(|source| Error { file: self.name, source })?;
        Ok(self.count)
    }
}
