//! Files that hold secrets: read once, bounded, kept in memory that is wiped, and refused when every user of the
//! machine may read them.

use crate::secret::Secret;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// The largest secret.
const MAX_SECRET: u64 = 64 << 10;

/// Reads a secret as it stands. The error says what is wrong, without the path.
pub(crate) fn read(path: &Path) -> Result<Secret, String> {
    let mut file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("this is not a file".into());
    }
    private(&metadata)?;
    if metadata.len() > MAX_SECRET {
        return Err(format!("it has more than {MAX_SECRET} bytes; name a file that holds the secret alone"));
    }
    // Sized beforehand: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1));
    file.by_ref().take(MAX_SECRET).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.is_empty() {
        return Err("it is empty; write the secret into it".into());
    }
    Ok(Secret::new(std::mem::take(&mut *bytes)))
}

/// Reads a secret of one line, without the line's end.
pub(super) fn read_line(path: &Path) -> Result<Secret, String> {
    let secret = read(path)?;
    let line = secret.expose().trim_ascii_end();
    if line.is_empty() {
        return Err("it is blank; write the secret into it".into());
    }
    Ok(Secret::new(line.to_vec()))
}

#[cfg(unix)]
fn private(metadata: &std::fs::Metadata) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode();
    if mode & 0o007 == 0 {
        return Ok(());
    }
    Err(format!("every user of this machine may reach it (mode {:03o}); run chmod 600 on it", mode & 0o777))
}

#[cfg(not(unix))]
fn private(_metadata: &std::fs::Metadata) -> Result<(), String> {
    Ok(())
}
