//! The key file: configured, or made once in the data folder. Gateways that share it recognise each other's decoys.

use super::decoy::{self, Keys};
use crate::{clock, config};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Its file in the data folder.
const FILE: &str = "decoy_key";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be made.
    #[error("{}: {source}; the decoy key must be readable, and its folder writable", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// It cannot be read, or others can read it.
    #[error("{}: {detail}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// It holds no keys.
    #[error("{}: {source}; copy the file of another gateway, or remove it to have one made", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: decoy::Error,
    },
}

/// Reads the keys; makes the file in the data folder if none is configured and none is there.
pub(super) fn load(data: &Path, configured: Option<&Path>) -> Result<Keys, Error> {
    let path = configured.map_or_else(|| data.join(FILE), Path::to_owned);
    if configured.is_none() && !path.exists() {
        make(data, &path).map_err(|source| Error::Io { path: path.clone(), source })?;
    }
    let secret = config::secret(&path).map_err(|detail| Error::Unreadable { path: path.clone(), detail })?;
    let text = Zeroizing::new(String::from_utf8_lossy(secret.expose()).into_owned());
    Keys::parse(&text).map_err(|source| Error::Key { path, source })
}

/// Written aside and then linked, so that nobody reads half a key and of two makers one wins.
fn make(data: &Path, path: &Path) -> io::Result<()> {
    fs::create_dir_all(data)?;
    let aside = data.join(format!("{FILE}.{}", clock::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    let line = decoy::generate();
    let written = file.write_all(line.as_bytes()).and_then(|()| file.write_all(b"\n")).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&aside, path));
    fs::remove_file(&aside)?;
    match linked {
        Ok(()) => {
            tracing::info!(path = %path.display(), "made the decoy key");
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
