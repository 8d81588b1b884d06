//! A folder that only its owner may enter, with files that only its owner may read: whole or absent.

use crate::atomic::{AtomicError, directory_of};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The folder is not there.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFolderError {
    /// Something is there already.
    #[error("{} exists already; nothing was changed", .0.display())]
    Exists(PathBuf),
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] AtomicError),
}

/// Writes the folder `path`, which must not be there, with `files` by their names in it (`FOLDER/NAME` for one in a
/// folder of its own). Modes are 0700 and 0600 whatever the umask; after it returned, all of it survives a power cut.
///
/// # Errors
/// [`PrivateFolderError`]; then nothing is at `path` that was not there before.
pub fn write(path: &Path, files: &[(&str, &[u8])]) -> Result<(), PrivateFolderError> {
    let failed = |error| AtomicError::new(path, error);
    if crate::files::is_there(path).map_err(failed)? {
        return Err(PrivateFolderError::Exists(path.to_owned()));
    }
    let name = path.file_name().ok_or_else(|| AtomicError::NoName(path.to_owned()))?;
    let parent = directory_of(path);
    let prefix = format!(".{}.", name.to_string_lossy());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).permissions(Permissions::from_mode(0o700));
    let made = builder.tempdir_in(parent).map_err(failed)?;
    for (name, bytes) in files {
        put(made.path(), Path::new(name), bytes).map_err(failed)?;
    }
    sync(made.path()).map_err(failed)?;
    match fs::rename(made.path(), path) {
        Ok(()) => {}
        // Somebody else was faster.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) =>
        {
            return Err(PrivateFolderError::Exists(path.to_owned()));
        }
        Err(error) => return Err(failed(error).into()),
    }
    // It has another name now: there is nothing to remove.
    drop(made.keep());
    sync(parent).map_err(failed)?;
    Ok(())
}

fn put(folder: &Path, name: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = folder.join(name);
    let parent = directory_of(&path);
    if parent != folder && !parent.exists() {
        fs::DirBuilder::new().mode(0o700).create(parent)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    sync(parent)
}

fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_may_look_and_nothing_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        write(&path, &[("a.key", b"secret"), ("enrol/b", b"b"), ("enrol/c", b"c")]).unwrap();
        let mode = |name: &str| fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(""), mode("enrol"), mode("a.key"), mode("enrol/c")), (0o700, 0o700, 0o600, 0o600));
        let error = write(&path, &[("a.key", b"another")]).unwrap_err().to_string();
        insta::assert_snapshot!(error.replace(&dir.path().display().to_string(), "DIR"), @"DIR/keys exists already; nothing was changed");
        assert_eq!(fs::read(path.join("a.key")).unwrap(), b"secret");
        // A failure in the middle leaves nothing.
        assert!(write(&dir.path().join("other"), &[("a", b"a"), ("no/such/folder", b"b")]).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
