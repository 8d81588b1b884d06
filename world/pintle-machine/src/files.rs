use crate::Machine;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// A file of the machine.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Reading.
    #[error("cannot read {path}")]
    Read {
        /// Where.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Writing.
    #[error("cannot write {path}")]
    Write {
        /// Where.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Mounting.
    #[error("cannot mount the EFI system partition {device}")]
    Mount {
        /// Its device.
        device: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Too much.
    #[error("{path} has more than {limit} bytes, which no such file has")]
    Long {
        /// Where.
        path: String,
        /// The limit.
        limit: u64,
    },
    /// Not what is there on every machine.
    #[error("{path} does not hold what it holds on every machine")]
    Strange {
        /// Where.
        path: String,
    },
}

impl FileError {
    /// True where only somebody with more rights may do it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } | Self::Mount { source, .. } => {
                source.kind() == io::ErrorKind::PermissionDenied
            }
            Self::Long { .. } | Self::Strange { .. } => false,
        }
    }
}

impl Machine {
    /// The file at `path`, of at most `limit` bytes; none where there is none. Files of the kernel have no length before
    /// they are read.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn bytes(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
        read(&self.place(path), path, limit)
    }

    /// The same as text; bytes that are none are replaced.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn text(&self, path: &str, limit: u64) -> Result<Option<String>, FileError> {
        let bytes = self.bytes(path, limit)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Names in a folder, sorted; none where it is not there.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn names(&self, path: &str) -> Result<Vec<String>, FileError> {
        let failed = |source| FileError::Read { path: path.to_owned(), source };
        let entries = match fs::read_dir(self.place(path)) {
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            other => other.map_err(failed)?,
        };
        let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        let mut names = entries.map(name).collect::<io::Result<Vec<String>>>().map_err(failed)?;
        names.sort();
        Ok(names)
    }

    /// Where the link at `path` points; none where there is none.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn link(&self, path: &str) -> Result<Option<String>, FileError> {
        match fs::read_link(self.place(path)) {
            Ok(target) => Ok(Some(target.to_string_lossy().into_owned())),
            Err(error) if is_absent(&error) || error.kind() == io::ErrorKind::InvalidInput => Ok(None),
            Err(source) => Err(FileError::Read { path: path.to_owned(), source }),
        }
    }

    /// Puts a file in place, whole; for folders that do not outlive a boot, where syncing would be in vain.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn put(&self, path: &str, bytes: &[u8]) -> Result<(), FileError> {
        let failed = |source| FileError::Write { path: path.to_owned(), source };
        let place = self.place(path);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let partial = place.with_extension("partial");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .open(&partial)
            .map_err(failed)?;
        file.write_all(bytes).and_then(|()| fs::rename(&partial, &place)).map_err(failed)
    }
}

/// The file at `place`, which people call `path`.
pub(crate) fn read(place: &Path, path: &str, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let file = match fs::File::open(place) {
        // A folder on the way is a file: then it is not there either. A device that is gone says ENODEV.
        Err(error) if is_absent(&error) => return Ok(None),
        other => other.map_err(failed)?,
    };
    let mut bytes = Vec::new();
    match file.take(limit + 1).read_to_end(&mut bytes) {
        Err(error) if is_absent(&error) => return Ok(None),
        other => other.map_err(failed)?,
    };
    if bytes.len() as u64 > limit {
        return Err(FileError::Long { path: path.to_owned(), limit });
    }
    Ok(Some(bytes))
}

fn is_absent(error: &io::Error) -> bool {
    let gone = [rustix::io::Errno::NODEV, rustix::io::Errno::NXIO];
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || gone.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn only_what_is_not_there_counts_as_absent() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::new(folder.path().to_owned(), PathBuf::new());
        assert_eq!(machine.text("/etc/a", 10).unwrap(), None);
        machine.put("/etc/a", b"text").unwrap();
        machine.put("/etc/a", b"other").unwrap();
        assert_eq!(machine.text("/etc/a", 5).unwrap().as_deref(), Some("other"));
        assert_eq!(machine.names("/etc").unwrap(), ["a"]);
        assert_eq!(machine.link("/etc/a").unwrap(), None);
        assert_eq!(machine.text("/etc/a/b", 5).unwrap(), None);
        assert_eq!(
            machine.text("/etc/a", 4).unwrap_err().to_string(),
            "/etc/a has more than 4 bytes, which no such file has"
        );
        assert!(matches!(machine.text("/etc", 4), Err(FileError::Read { .. })));
    }
}
