//! The key by which clients know the gateway: made once, kept in the data folder, the same for all its SSH listeners.

use russh::keys::ssh_key::{self, LineEnding};
use russh::keys::{Algorithm, PrivateKey, key::safe_rng};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Its file in the data folder, in OpenSSH's form: an own key may be put there instead.
const FILE: &str = "ssh_host_ed25519_key";

/// Why there is no host key.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{}: {source}; the SSH host key must be readable, and its folder writable", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: {source}; replace it by an unencrypted OpenSSH private key, or remove it to have one made", path.display())]
    Key { path: PathBuf, source: ssh_key::Error },
}

/// Reads the key from the data folder; makes it if there is none.
pub(super) fn load(data: &Path) -> Result<PrivateKey, Error> {
    let path = data.join(FILE);
    match fs::read(&path) {
        Ok(text) => PrivateKey::from_openssh(text).map_err(|source| Error::Key { path, source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(data, &path),
        Err(source) => Err(Error::Io { path, source }),
    }
}

fn make(data: &Path, path: &Path) -> Result<PrivateKey, Error> {
    let broken = |source| Error::Key { path: path.to_owned(), source };
    let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).map_err(broken)?;
    let text = key.to_openssh(LineEnding::LF).map_err(broken)?;
    // Written aside and then linked, so that nobody reads half a key and of two makers one wins.
    let aside = data.join(format!("{FILE}.{}", crate::clock::id()));
    let written = fs::create_dir_all(data).and_then(|()| write(&aside, text.as_bytes()));
    let linked = written.and_then(|()| fs::hard_link(&aside, path));
    if let Err(error) = fs::remove_file(&aside)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %aside.display(), %error, "a temporary key file was left behind; remove it");
    }
    match linked {
        Ok(()) => {
            let fingerprint = key.public_key().fingerprint(ssh_key::HashAlg::Sha256);
            tracing::info!(path = %path.display(), %fingerprint, "made the SSH host key");
            Ok(key)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => load(data),
        Err(source) => Err(Error::Io { path: path.to_owned(), source }),
    }
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let first = load(&data).unwrap();
        assert_eq!(load(&data).unwrap().public_key(), first.public_key());
        assert_eq!(fs::metadata(data.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1);
    }

    #[test]
    fn two_makers_agree() {
        let folder = tempfile::tempdir().unwrap();
        let made: Vec<_> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..8).map(|_| scope.spawn(|| load(folder.path()).unwrap())).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert!(made.iter().all(|key| key.public_key() == made[0].public_key()));
    }

    #[test]
    fn a_broken_key_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "not a key").unwrap();
        assert!(load(folder.path()).unwrap_err().to_string().contains("remove it to have one made"));
    }
}
