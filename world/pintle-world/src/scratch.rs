//! A folder for one run, in the cache: gone when the run is, and with the next run when it was killed.

use crate::Cache;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A folder that is removed when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: tempfile::TempDir,
    /// Held, so that nobody takes the folder for a leftover.
    _lock: fs::File,
}

impl Scratch {
    /// A new one in `cache`; those of processes that were killed are removed.
    ///
    /// # Errors
    /// Of the file system.
    pub fn new(cache: &Cache) -> io::Result<Self> {
        let all = Self::all(cache);
        fs::create_dir_all(&all)?;
        sweep(&all);
        loop {
            let folder = tempfile::tempdir_in(&all)?;
            let lock = fs::File::open(folder.path())?;
            // A file system without locks sweeps nothing either.
            if lock.lock().is_err() || folder.path().exists() {
                return Ok(Self { folder, _lock: lock });
            }
            // Between being made and being locked it was taken for a leftover: another one.
        }
    }

    /// Where they all are.
    #[must_use]
    pub fn all(cache: &Cache) -> PathBuf {
        cache.root().join("scratch")
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders that nobody holds a lock on. What cannot be removed stays; it only takes room.
fn sweep(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let path = entry.path();
        if fs::File::open(&path).is_ok_and(|folder| folder.try_lock().is_ok()) {
            fs::remove_dir_all(path).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_in_use_stay_and_others_go() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        let first = Scratch::new(&cache).unwrap();
        fs::write(first.path().join("file"), "").unwrap();
        fs::create_dir_all(Scratch::all(&cache).join("left/over")).unwrap();
        let second = Scratch::new(&cache).unwrap();
        let names = || crate::files::names(&Scratch::all(&cache)).unwrap().len();
        assert_eq!(names(), 2, "both in use, and nothing else");
        drop((first, second));
        assert_eq!(names(), 0);
    }
}
