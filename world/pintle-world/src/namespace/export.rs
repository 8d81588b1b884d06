//! A tree as files of this host.

use pintle_model::{Attrs, Blob, Contents, Inode, InodeId, Kind, Tree};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{File, FileTimes, Permissions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Bytes copied at once.
const STEP: u64 = 1 << 20;

/// A file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct ExportError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// Writes all of `tree` below `root`. Owners and devices are left out: an ordinary user can make neither. Whoever runs
/// this can always read and change what was written.
pub(super) fn write(tree: &Tree, contents: &dyn Contents, root: &Path) -> Result<(), ExportError> {
    let mut first: BTreeMap<InodeId, PathBuf> = BTreeMap::new();
    let mut folders = Vec::new();
    for entry in tree.walk() {
        let path = root.join(OsStr::from_bytes(entry.path.as_bytes()));
        let done = match first.get(&entry.id) {
            Some(known) => std::fs::hard_link(known, &path),
            None => one(entry.inode, contents, &path),
        };
        done.map_err(|source| ExportError { path: path.clone(), source })?;
        match entry.inode.kind {
            Kind::Directory(_) => folders.push((path, entry.inode.attrs)),
            Kind::File(_) => drop(first.entry(entry.id).or_insert(path)),
            _ => {}
        }
    }
    // Last, for files below change a folder's time.
    for (path, attrs) in folders.into_iter().rev() {
        finish(&path, attrs, 0o700).map_err(|source| ExportError { path, source })?;
    }
    Ok(())
}

fn one(inode: &Inode, contents: &dyn Contents, path: &Path) -> io::Result<()> {
    match &inode.kind {
        Kind::Directory(_) => match std::fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        },
        Kind::File(blob) => {
            copy(blob, contents, path)?;
            finish(path, inode.attrs, 0o600)
        }
        Kind::Symlink(target) => std::os::unix::fs::symlink(OsStr::from_bytes(target), path),
        _ => Ok(()),
    }
}

fn copy(blob: &Blob, contents: &dyn Contents, path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    let (mut at, mut bytes) = (0, Vec::new());
    while at < blob.len() {
        bytes.resize((blob.len() - at).min(STEP) as usize, 0);
        blob.read_at(contents, at, &mut bytes)?;
        file.write_all(&bytes)?;
        at += bytes.len() as u64;
    }
    Ok(())
}

fn finish(path: &Path, attrs: Attrs, always: u32) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(u32::from(attrs.mode) | always))?;
    // What scripts write is newer.
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(attrs.mtime.secs.max(0).unsigned_abs());
    File::open(path)?.set_times(FileTimes::new().set_modified(time))
}
