//! Files that are either whole or absent: written under a temporary name in the same directory, synced, renamed.
//!
//! After [`File::commit`] returned, the file survives a power cut. Before it, the final name is untouched; a dropped
//! [`File`] is removed, a killed process leaves only a hidden `.NAME.XXXXXX.partial`, which the next one that writes
//! `NAME` there removes: it holds no lock any more.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A file could not be put in place.
#[derive(Debug, thiserror::Error)]
pub enum AtomicError {
    /// The directory is missing.
    #[error("cannot write {}: its directory does not exist; create it, or choose another path", .0.display())]
    NoDirectory(PathBuf),
    /// The directory (or the file system) may not be written.
    #[error("cannot write {}: this is not allowed; choose a path you may write to", .0.display())]
    Refused(PathBuf, #[source] io::Error),
    /// No room, or over quota.
    #[error(
        "no space left for {}; free some space on its file system and run the command again",
        .0.display()
    )]
    Full(PathBuf, #[source] io::Error),
    /// Larger than the file system, or a limit of the process, has files.
    #[error(
        "cannot write {}: it would be larger than its file system or `ulimit -f` allows; choose another place",
        .0.display()
    )]
    TooLarge(PathBuf, #[source] io::Error),
    /// The final name is a directory.
    #[error("cannot write {}: a directory is in its place; remove it, or choose another path", .0.display())]
    IsDirectory(PathBuf),
    /// The path names no file (`/`, `..`, empty).
    #[error("`{}` does not name a file; give the path of the file to write", .0.display())]
    NoName(PathBuf),
    /// A file where a folder of the path would be.
    #[error(
        "cannot write {}: a file is where a folder must be; remove it, or choose another path",
        .0.display()
    )]
    NotADirectory(PathBuf),
    /// Anything else.
    #[error("cannot write {}", .0.display())]
    Io(PathBuf, #[source] io::Error),
}

impl AtomicError {
    /// Sorts an error of writing `path` into what the user can do about it.
    #[must_use]
    pub fn new(path: &Path, error: io::Error) -> Self {
        use io::ErrorKind as K;
        let path = path.to_owned();
        // The names of temporary files that libraries add say nothing to anybody.
        let plain = |error: io::Error| io::Error::from(error.kind());
        match error.kind() {
            K::NotFound => Self::NoDirectory(path),
            K::PermissionDenied | K::ReadOnlyFilesystem => Self::Refused(path, plain(error)),
            K::StorageFull | K::QuotaExceeded => Self::Full(path, plain(error)),
            K::FileTooLarge => Self::TooLarge(path, plain(error)),
            K::AlreadyExists | K::NotADirectory => Self::NotADirectory(path),
            K::IsADirectory => Self::IsDirectory(path),
            _ => Self::Io(path, error),
        }
    }
}

/// Puts `bytes` at `path`, replacing what was there.
///
/// # Errors
/// [`AtomicError`]; then the old file is as it was.
pub fn write(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), AtomicError> {
    let path = path.as_ref();
    let mut file = File::create(path)?;
    file.write_all(bytes).map_err(|error| AtomicError::new(path, error))?;
    file.commit()
}

/// As [`write`], without waiting for the disk: for what can be made again and is checked when it is read.
pub(crate) fn publish(path: &Path, bytes: &[u8]) -> Result<(), AtomicError> {
    let mut file = File::create(path)?;
    file.write_all(bytes).map_err(|error| AtomicError::new(path, error))?;
    let persisted = file.temporary.persist(path);
    persisted.map(drop).map_err(|error| AtomicError::new(path, error.error))
}

/// A file being written; visible under its name only after [`File::commit`]. Removed when dropped before.
#[derive(Debug)]
pub struct File {
    temporary: tempfile::NamedTempFile,
    path: PathBuf,
}

impl File {
    /// Starts a file that will be at `path`, with mode 0666 less the umask.
    ///
    /// # Errors
    /// [`AtomicError`], also when a directory is at `path`.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, AtomicError> {
        let path = path.as_ref();
        let name = path.file_name().ok_or_else(|| AtomicError::NoName(path.to_owned()))?;
        if path.is_dir() {
            return Err(AtomicError::IsDirectory(path.to_owned()));
        }
        let mut prefix = OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        let temporary =
            temporary(directory_of(path), &prefix).map_err(|error| AtomicError::new(path, error))?;
        sweep(directory_of(path), &prefix);
        Ok(Self { temporary, path: path.to_owned() })
    }

    /// Where the file will be.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, for positioned writes and kernel-side copies.
    #[must_use]
    pub fn as_file(&self) -> &fs::File {
        self.temporary.as_file()
    }

    /// The name it has until it is committed, for programs that read it before.
    #[must_use]
    pub fn temporary_path(&self) -> &Path {
        self.temporary.path()
    }

    /// Syncs the file, gives it its name, syncs the directory.
    ///
    /// # Errors
    /// [`AtomicError`]; then the final name is as it was.
    pub fn commit(self) -> Result<(), AtomicError> {
        let Self { temporary, path } = self;
        let fail = |error| AtomicError::new(&path, error);
        temporary.as_file().sync_all().map_err(fail)?;
        temporary.persist(&path).map_err(|error| fail(error.error))?;
        fs::File::open(directory_of(&path)).and_then(|dir| dir.sync_all()).map_err(fail)
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.as_file_mut().flush()
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.temporary.as_file_mut().seek(to)
    }
}

/// Ends the names of files being written.
const SUFFIX: &str = ".partial";
/// Characters that make their names differ.
const RANDOM: usize = 6;

/// A new file, locked for as long as it is being written.
fn temporary(folder: &Path, prefix: &OsStr) -> io::Result<tempfile::NamedTempFile> {
    loop {
        let file = tempfile::Builder::new()
            .prefix(prefix)
            .rand_bytes(RANDOM)
            .suffix(SUFFIX)
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        // A file system without locks takes none from the next process either: nothing is swept there.
        if file.as_file().lock().is_err() || file.path().exists() {
            return Ok(file);
        }
        // Between being made and being locked it was taken for a leftover: another one.
    }
}

/// Removes what killed processes left of files with this prefix: those that nobody holds a lock on. What cannot be
/// removed stays; it only takes room.
fn sweep(folder: &Path, prefix: &OsStr) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let rest = name.as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes());
        let random = rest.and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()));
        let ours = random.is_some_and(|r| r.len() == RANDOM && r.iter().all(u8::is_ascii_alphanumeric));
        if ours && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let path = entry.path();
            if fs::File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
                fs::remove_file(&path).ok();
            }
        }
    }
}

pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_absent() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("image.raw");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists() && file.temporary_path().exists());
        drop(file);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn leftovers_of_the_dead_are_removed_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let living = File::create(path("out")).unwrap();
        for name in [".out.aB3xYz.partial", ".out.a.partial", ".other.aB3xYz.partial", ".out.aB3-Yz.partial"]
        {
            fs::write(path(name), "").unwrap();
        }
        write(path("out"), b"new").unwrap();
        assert!(living.temporary_path().exists(), "it is being written");
        assert!(!path(".out.aB3xYz.partial").exists(), "nobody writes it");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 5, "the others are not ours");
    }

    #[test]
    fn errors_name_the_path_and_the_next_step() {
        let dir = tempfile::tempdir().unwrap();
        let shown = |path: &Path| {
            let error = write(path, b"x").unwrap_err().to_string();
            error.replace(&dir.path().display().to_string(), "DIR")
        };
        insta::assert_snapshot!(shown(&dir.path().join("no/such")), @"cannot write DIR/no/such: its directory does not exist; create it, or choose another path");
        insta::assert_snapshot!(shown(dir.path()), @"cannot write DIR: a directory is in its place; remove it, or choose another path");
        insta::assert_snapshot!(shown(Path::new("/")), @"`/` does not name a file; give the path of the file to write");
        let full = AtomicError::new(Path::new("out.raw"), io::ErrorKind::StorageFull.into());
        insta::assert_snapshot!(full, @"no space left for out.raw; free some space on its file system and run the command again");
    }
}
