//! A file that a command writes for others. It stands under its name when it is whole: until then it is written beside it,
//! and who fails, or has no more room, leaves what was there before and nothing of its own.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file on its way.
#[derive(Debug)]
pub struct Outfile {
    path: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Under a name of its own, until it is whole.
    Beside(BufWriter<NamedTempFile>),
    /// A device or a pipe, which nothing may take the place of.
    There(BufWriter<File>),
}

impl Outfile {
    /// A file that whoever the system lets may read.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::with(path, 0o666)
    }

    /// A file that its user alone may read.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn private(path: &Path) -> io::Result<Self> {
        Self::with(path, 0o600)
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// As [`Self::create`], and when it does not take all.
    pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = Self::create(path)?;
        file.write_all(bytes)?;
        file.finish()
    }

    fn with(path: &Path, mode: u32) -> io::Result<Self> {
        let failed = |error| failed(path, error);
        // What a link leads to is replaced, and not the link.
        let there = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let standing = match fs::metadata(&there) {
            Ok(standing) => {
                // Who may not write it may not put another in its place either.
                let opened = File::options().write(true).open(&there).map_err(failed)?;
                if !standing.is_file() {
                    return Ok(Self { path: path.to_owned(), place: Place::There(BufWriter::new(opened)) });
                }
                Some(standing.permissions())
            }
            Err(_) => None,
        };
        let folder = there.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut name = there.file_name().unwrap_or_default().to_owned();
        name.push(".");
        let beside = tempfile::Builder::new()
            .prefix(&name)
            .suffix(".partial")
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder)
            .map_err(failed)?;
        if let Some(standing) = standing {
            beside.as_file().set_permissions(standing).map_err(failed)?;
        }
        Ok(Self { path: there, place: Place::Beside(BufWriter::new(beside)) })
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// When there is no room for the rest of it, or the name is not to be had; then nothing of it is left.
    pub fn finish(self) -> io::Result<()> {
        let Self { path, place } = self;
        let finished = match place {
            Place::There(mut file) => file.flush(),
            Place::Beside(file) => file
                .into_inner()
                .map_err(io::IntoInnerError::into_error)
                .and_then(|file| file.as_file().sync_all().map(|()| file))
                .and_then(|file| file.persist(&path).map_err(|error| error.error))
                .map(drop),
        };
        finished.map_err(|error| failed(&path, error))
    }

    fn out(&mut self) -> &mut dyn Write {
        match &mut self.place {
            Place::Beside(file) => file,
            Place::There(file) => file,
        }
    }
}

impl Write for Outfile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out().write(bytes).map_err(|error| failed(&self.path, error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out().flush().map_err(|error| failed(&self.path, error))
    }
}

/// The system's words do not say which file.
fn failed(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_has_its_name_when_it_is_whole_and_who_fails_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        drop(Outfile::create(&path).unwrap());
        assert_eq!(names(folder.path()), Vec::<String>::new());
        Outfile::write_whole(&path, b"old").unwrap();
        let mut file = Outfile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        file.flush().unwrap();
        assert_eq!((fs::read(&path).unwrap(), names(folder.path()).len()), (b"old".to_vec(), 2));
        drop(file);
        assert_eq!((fs::read(&path).unwrap(), names(folder.path()).len()), (b"old".to_vec(), 1));
        Outfile::write_whole(&path, b"new").unwrap();
        assert_eq!((fs::read(&path).unwrap(), names(folder.path()).len()), (b"new".to_vec(), 1));
    }

    #[test]
    fn rights_links_and_devices_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a"), folder.path().join("link"));
        Outfile::private(&path).unwrap().finish().unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        Outfile::write_whole(&link, b"through").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"through".to_vec(), 0o640));
        Outfile::write_whole(Path::new("/dev/null"), b"gone").unwrap();
        let full = Outfile::write_whole(Path::new("/dev/full"), b"no room").unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        assert!(full.to_string().starts_with("cannot write /dev/full: "), "{full}");
        let nowhere = Outfile::create(&folder.path().join("no/such/folder")).unwrap_err();
        assert_eq!(nowhere.kind(), io::ErrorKind::NotFound);
        assert!(Outfile::create(folder.path()).is_err(), "a folder is no file");
    }
}
