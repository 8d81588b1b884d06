//! The EFI system partition of a running machine. It is mounted only while something is written: what is not mounted is not
//! damaged by a power cut.

use crate::FileError;
use crate::files::read;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

/// Where it is mounted, seen by this process alone where its unit has mounts of its own.
const PLACE: &str = "/run/pintle/esp";

/// The partition, mounted as long as this lives.
#[derive(Debug)]
pub struct Esp {
    root: PathBuf,
    mounted: bool,
}

impl Esp {
    /// Mounts the partition `device` (`vda1`).
    ///
    /// # Errors
    /// [`FileError`].
    pub fn mount(device: &str) -> Result<Self, FileError> {
        let failed = |source: io::Error| FileError::Mount { device: device.to_owned(), source };
        fs::create_dir_all(PLACE).map_err(failed)?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::NOATIME;
        let mounted = mount(format!("/dev/{device}"), PLACE, "vfat", flags, Some(c"umask=0077"));
        mounted.map_err(|errno| failed(errno.into()))?;
        Ok(Self { root: PathBuf::from(PLACE), mounted: true })
    }

    /// What somebody else has mounted at `root`.
    #[must_use]
    pub fn folder(root: PathBuf) -> Self {
        Self { root, mounted: false }
    }

    /// A file, of at most `limit` bytes; none where there is none.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn bytes(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
        read(&self.root.join(path), &named(path), limit)
    }

    /// Writes over a file in its place, where it keeps its length; it is on the disk when this returns. No other sector is
    /// touched, so that a power cut leaves the file as it was or as it is to be, or one that its reader sees to be damaged.
    ///
    /// # Errors
    /// [`FileError`]; a file of another length stays as it is.
    pub fn overwrite(&self, path: &str, bytes: &[u8]) -> Result<(), FileError> {
        let failed = |source| FileError::Write { path: named(path), source };
        let file = fs::OpenOptions::new().write(true).open(self.root.join(path)).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() != bytes.len() as u64 {
            return Err(FileError::Strange { path: named(path) });
        }
        file.write_all_at(bytes, 0).and_then(|()| file.sync_all()).map_err(failed)
    }

    /// Renames a file; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        let failed = |source| FileError::Write { path: named(to), source };
        fs::rename(self.root.join(from), self.root.join(to)).map_err(failed)?;
        let root = fs::File::open(&self.root).map_err(failed)?;
        rustix::fs::syncfs(&root).map_err(|errno| failed(errno.into()))
    }
}

fn named(path: &str) -> String {
    format!("{path} of the EFI system partition")
}

impl Drop for Esp {
    fn drop(&mut self) {
        if self.mounted {
            // All is written; where it is busy, the end of the process unmounts it.
            unmount(&self.root, UnmountFlags::DETACH).ok();
        }
    }
}
