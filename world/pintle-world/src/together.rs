//! Files and folders that appear together, or not at all.

use crate::atomic::{AtomicError, File, directory_of};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A folder being filled; visible under its name only after [`commit`]. Removed when dropped before.
#[derive(Debug)]
pub struct Folder {
    temporary: tempfile::TempDir,
    path: PathBuf,
}

impl Folder {
    /// Starts a folder that will be at `path`, in the place of a folder that may be there.
    ///
    /// # Errors
    /// [`AtomicError`], also when a file is at `path`.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, AtomicError> {
        let path = path.as_ref();
        let name = path.file_name().ok_or_else(|| AtomicError::NoName(path.to_owned()))?;
        if fs::symlink_metadata(path).is_ok_and(|there| !there.is_dir()) {
            return Err(AtomicError::NotADirectory(path.to_owned()));
        }
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        let temporary = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".partial")
            .permissions(fs::Permissions::from_mode(0o777))
            .tempdir_in(directory_of(path))
            .map_err(|error| AtomicError::new(path, error))?;
        Ok(Self { temporary, path: path.to_owned() })
    }

    /// Where the folder will be.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where it is until then.
    #[must_use]
    pub fn temporary_path(&self) -> &Path {
        self.temporary.path()
    }
}

/// Something that is ready to appear.
#[derive(Debug)]
pub enum Pending {
    /// A file.
    File(File),
    /// A folder. What is in it is not synced: it can be made again.
    Folder(Folder),
}

impl Pending {
    /// Where it will be.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::File(file) => file.path(),
            Self::Folder(folder) => folder.path(),
        }
    }

    /// Where it is until then.
    #[must_use]
    pub fn temporary_path(&self) -> &Path {
        match self {
            Self::File(file) => file.temporary_path(),
            Self::Folder(folder) => folder.temporary_path(),
        }
    }
}

/// Syncs everything, then gives everything its name, in order. When one of the names cannot be given, those before it
/// are taken back: what was there before is there again.
///
/// # Errors
/// [`AtomicError`] of the one that failed; then every name is as it was.
pub fn commit(pending: Vec<Pending>) -> Result<(), AtomicError> {
    for one in &pending {
        if let Pending::File(file) = one {
            file.as_file().sync_all().map_err(|error| AtomicError::new(file.path(), error))?;
        }
    }
    let mut placed: Vec<(&Pending, Placed)> = Vec::new();
    for one in &pending {
        match place(one.temporary_path(), one.path()) {
            Ok(how) => placed.push((one, how)),
            Err(error) => {
                let error = AtomicError::new(one.path(), error.into());
                placed.iter().rev().for_each(|(one, how)| take_back(one, *how));
                return Err(error);
            }
        }
    }
    let folders: std::collections::BTreeSet<&Path> =
        pending.iter().map(|one| directory_of(one.path())).collect();
    for folder in folders {
        let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| AtomicError::new(folder, error))?;
    }
    // What was replaced has the temporary names now, and goes with them.
    Ok(())
}

/// How something got its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placed {
    /// Nothing was there.
    New,
    /// It changed places with what was there.
    Exchanged,
    /// It replaced what was there, on a file system that cannot exchange.
    Replaced,
}

fn place(from: &Path, to: &Path) -> Result<Placed, Errno> {
    let rename = |flags| renameat_with(CWD, from, CWD, to, flags);
    match rename(RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(Placed::New),
        Err(Errno::EXIST) => {}
        Err(Errno::INVAL | Errno::NOSYS) => return replace(from, to),
        Err(error) => return Err(error),
    }
    match rename(RenameFlags::EXCHANGE) {
        Ok(()) => Ok(Placed::Exchanged),
        Err(Errno::INVAL | Errno::NOSYS) => replace(from, to),
        Err(error) => Err(error),
    }
}

/// A folder can only take the place of an empty one this way, so an old one goes first.
fn replace(from: &Path, to: &Path) -> Result<Placed, Errno> {
    let failed = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    if from.is_dir() && to.is_dir() {
        fs::remove_dir_all(to).map_err(failed)?;
    }
    fs::rename(from, to).map_err(failed)?;
    Ok(Placed::Replaced)
}

/// Undoes a placing, as far as it can be undone; there is nobody left to tell of more.
fn take_back(one: &Pending, how: Placed) {
    let flags = match how {
        Placed::New => RenameFlags::NOREPLACE,
        Placed::Exchanged => RenameFlags::EXCHANGE,
        Placed::Replaced => return,
    };
    renameat_with(CWD, one.path(), CWD, one.temporary_path(), flags).ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(path: &Path, text: &str) -> Pending {
        let mut file = File::create(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Pending::File(file)
    }

    fn folder(path: &Path, text: &str) -> Pending {
        let folder = Folder::create(path).unwrap();
        fs::write(folder.temporary_path().join("file"), text).unwrap();
        Pending::Folder(folder)
    }

    fn names(folder: &Path) -> Vec<String> {
        crate::files::names(folder).unwrap()
    }

    #[test]
    fn all_appear_and_the_old_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        for text in ["old", "new"] {
            commit(vec![file(&one, text), folder(&two, text)]).unwrap();
            assert_eq!(fs::read_to_string(&one).unwrap(), text);
            assert_eq!(fs::read_to_string(two.join("file")).unwrap(), text);
            assert_eq!(names(dir.path()), ["one", "two"]);
        }
    }

    #[test]
    fn one_that_cannot_appear_keeps_all_from_it() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("old"), "old").unwrap();
        fs::create_dir(at("gone")).unwrap();
        let pending = vec![file(&at("new"), "new"), file(&at("old"), "new"), file(&at("gone/file"), "new")];
        fs::remove_dir_all(at("gone")).unwrap();
        let error = commit(pending).unwrap_err();
        assert!(error.to_string().contains("gone/file"), "{error}");
        assert_eq!(fs::read_to_string(at("old")).unwrap(), "old");
        assert_eq!(names(dir.path()), ["old"]);
    }

    #[test]
    fn a_file_is_not_replaced_by_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "mine").unwrap();
        assert!(matches!(Folder::create(&path), Err(AtomicError::NotADirectory(_))));
    }
}
