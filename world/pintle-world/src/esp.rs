//! A mounted EFI system partition, by single effects that can be counted and cut.
//!
//! FAT has no journal, so what an effect leaves when power fails is the file system driver's doing. Linux's vfat
//! (`fs/fat/namei_vfat.c`, `vfat_rename`; `fs/fat/inode.c`, `fat_evict_inode`):
//!
//! - **Rename to a new name**: an empty directory entry is added, the file's first cluster and length are put into it
//!   when the inode is written, the old entry is marked free; three changes of memory that reach the disk in any order.
//!   A cut leaves either name, both (one chain of clusters under two names), neither, or the new name with an empty
//!   file. So nothing may refer to a file before a sync behind its rename.
//! - **Rename over a file**: the entry of the old file is changed in place, first cluster and length together, in one
//!   sector: the name leads to the old bytes or to the new ones, as long as the old clusters are not freed. The driver
//!   frees them when the last user of the old file lets go of it, and that may reach the disk first. So [`FolderEsp`]
//!   keeps the old file open from before the rename until after the next sync.
//! - **One chain under two names** must not be removed by one of them: the clusters of the other would be free for
//!   anything. Whoever sweeps leftovers has to compare first, and leave such a file system to `fsck.vfat`.
//! - **Sync** (`syncfs`) writes data, allocation table and directories, and flushes the disk's cache.

use crate::blob_files::pieces;
use pintle_model::{Blob, Contents, Hasher};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// How much fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that are free.
    pub free: u64,
    /// Bytes that files are allocated in.
    pub cluster: u64,
}

/// An EFI system partition. Paths are relative, with `/` between.
pub trait Esp {
    /// Names and lengths of the files in `folder`; `None`: there is no such folder.
    ///
    /// # Errors
    /// Of reading.
    fn list(&self, folder: &str) -> io::Result<Option<Vec<(String, u64)>>>;

    /// The bytes of a file of at most `max` bytes; `None`: there is none.
    ///
    /// # Errors
    /// Of reading; [`io::ErrorKind::FileTooLarge`].
    fn read(&self, path: &str, max: u64) -> io::Result<Option<Vec<u8>>>;

    /// The digest of a file's bytes; `None`: there is none.
    ///
    /// # Errors
    /// Of reading.
    fn digest(&self, path: &str) -> io::Result<Option<pintle_model::Digest>>;

    /// How much fits.
    ///
    /// # Errors
    /// Of the file system.
    fn room(&self) -> io::Result<Room>;

    /// Makes a folder.
    ///
    /// # Errors
    /// Of the file system.
    fn make_folder(&mut self, path: &str) -> io::Result<()>;

    /// Writes a new file, its bytes synced.
    ///
    /// # Errors
    /// Of the file system; then nothing is left of it.
    fn write(&mut self, path: &str, blob: &Blob, contents: &dyn Contents) -> io::Result<()>;

    /// Gives a file another name, in place of what has it.
    ///
    /// # Errors
    /// Of the file system.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Of the file system.
    fn remove(&mut self, path: &str) -> io::Result<()>;

    /// Waits until everything before is on the disk.
    ///
    /// # Errors
    /// Of the file system.
    fn sync(&mut self) -> io::Result<()>;
}

/// What a folder is no EFI system partition for.
#[derive(Debug, thiserror::Error)]
pub enum EspError {
    /// Nothing is there.
    #[error("there is no folder {}; mount the EFI system partition there, or say where it is with `--esp`", .0.display())]
    Missing(PathBuf),
    /// Another file system.
    #[error(
        "{} is no FAT file system: is the EFI system partition mounted? Mount it, say where it is with `--esp`, or write \
         there all the same with `--any-file-system`",
        .0.display()
    )]
    NotFat(PathBuf),
    /// Somebody else is at work.
    #[error("another run is writing to {}; wait for it to end", .0.display())]
    Busy(PathBuf),
    /// Anything else.
    #[error("cannot use {} as EFI system partition", .0.display())]
    Io(PathBuf, #[source] io::Error),
}

/// Whether the file system is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FileSystems {
    /// Only FAT, which is what firmware reads (UEFI 2.10, 13.3): anything else is a mount that was forgotten.
    #[default]
    Fat,
    /// Any: a folder that becomes a partition later.
    Any,
}

/// `MSDOS_SUPER_MAGIC` (statfs(2)).
const FAT_MAGIC: u64 = 0x4d44;

/// A folder, mounted or not. Held by one process at a time.
#[derive(Debug)]
pub struct FolderEsp {
    root: PathBuf,
    folder: File,
    /// Files that another has taken the name of since the last sync.
    replaced: Vec<File>,
}

impl FolderEsp {
    /// The partition mounted at `root`.
    ///
    /// # Errors
    /// [`EspError`].
    pub fn open(root: &Path, file_systems: FileSystems) -> Result<Self, EspError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => EspError::Missing(root.to_owned()),
            _ => EspError::Io(root.to_owned(), error),
        };
        let folder = File::open(root).map_err(failed)?;
        if !folder.metadata().map_err(failed)?.is_dir() {
            return Err(EspError::Missing(root.to_owned()));
        }
        let kind = rustix::fs::fstatfs(&folder).map_err(|error| failed(error.into()))?.f_type;
        if file_systems == FileSystems::Fat && kind as u64 != FAT_MAGIC {
            return Err(EspError::NotFat(root.to_owned()));
        }
        match folder.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(EspError::Busy(root.to_owned())),
            Err(std::fs::TryLockError::Error(error)) => return Err(failed(error)),
        }
        Ok(Self { root: root.to_owned(), folder, replaced: Vec::new() })
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

/// `None` for what is not there.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Esp for FolderEsp {
    fn list(&self, folder: &str) -> io::Result<Option<Vec<(String, u64)>>> {
        let Some(entries) = found(std::fs::read_dir(self.at(folder)))? else { return Ok(None) };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry?;
            let metadata = entry.metadata()?;
            // FAT has UTF-16 names; what cannot be shown is none of ours.
            if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
                files.push((name, metadata.len()));
            }
        }
        files.sort();
        Ok(Some(files))
    }

    fn read(&self, path: &str, max: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(metadata) = found(std::fs::metadata(self.at(path)))? else { return Ok(None) };
        if metadata.len() > max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        found(std::fs::read(self.at(path)))
    }

    fn digest(&self, path: &str) -> io::Result<Option<pintle_model::Digest>> {
        let Some(mut file) = found(File::open(self.at(path)))? else { return Ok(None) };
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match io::Read::read(&mut file, &mut buffer)? {
                0 => return Ok(Some(hasher.finish().digest())),
                n => hasher.update(&buffer[..n]),
            }
        }
    }

    fn room(&self) -> io::Result<Room> {
        let found = rustix::fs::fstatvfs(&self.folder)?;
        Ok(Room { free: found.f_bavail.saturating_mul(found.f_frsize), cluster: found.f_frsize })
    }

    fn make_folder(&mut self, path: &str) -> io::Result<()> {
        std::fs::create_dir(self.at(path))
    }

    fn write(&mut self, path: &str, blob: &Blob, contents: &dyn Contents) -> io::Result<()> {
        let at = self.at(path);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&at)?;
        let written = pieces(blob, contents, |piece| file.write_all(piece)).and_then(|()| file.sync_all());
        // What is half written is of no use; if it cannot be removed, the next run does.
        written.inspect_err(|_| drop(std::fs::remove_file(&at)))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        if let Some(old) = found(File::open(self.at(to)))? {
            self.replaced.push(old);
        }
        std::fs::rename(self.at(from), self.at(to))
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        std::fs::remove_file(self.at(path))
    }

    fn sync(&mut self) -> io::Result<()> {
        rustix::fs::syncfs(&self.folder)?;
        if !self.replaced.is_empty() {
            // Letting go of them frees their clusters, which must be on the disk before those are used again.
            self.replaced.clear();
            rustix::fs::syncfs(&self.folder)?;
        }
        Ok(())
    }
}
