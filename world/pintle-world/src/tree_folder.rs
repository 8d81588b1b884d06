//! A [`Tree`] as a folder of this host.

use crate::{FileSink, Store};
use pintle_model::{Inode, InodeId, Kind, Sink as _, Tree, TreePath};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What of the attributes is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// All of them: owners, all modes, devices, extended attributes. Only root may do that.
    All,
    /// What any user may set: names, contents, links, times and permissions. Owner is who runs this, who can read and
    /// write everything; set-user-ID bits, extended attributes, devices and sockets are left out.
    Permissions,
}

/// A tree could not be written as a folder.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path} of the tree")]
pub struct TreeFolderError {
    /// The path in the tree.
    pub path: TreePath,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// True for root, who may set owners.
#[must_use]
pub fn may_set_owners() -> bool {
    rustix::process::geteuid().is_root()
}

/// Writes `tree` into the empty folder `to`.
///
/// # Errors
/// [`TreeFolderError`] of the first entry that fails.
pub fn write(tree: &Tree, store: &Store, to: &Path, keeping: Keeping) -> Result<(), TreeFolderError> {
    let mut writer = Writer { store, to, keeping, seen: BTreeMap::new() };
    let mut folders = Vec::new();
    for entry in tree.walk() {
        let fail = |source| TreeFolderError { path: entry.path.clone(), source };
        let made = writer.entry(&entry.path, entry.id, entry.inode).map_err(fail)?;
        match &entry.inode.kind {
            // Last, from the inside out: files made in a folder change its time, and a mode may forbid to make them.
            Kind::Directory(_) => folders.push((entry.path.clone(), entry.inode)),
            _ if made => writer.attributes(&entry.path, entry.inode).map_err(fail)?,
            _ => {}
        }
    }
    for (path, inode) in folders.into_iter().rev() {
        writer.attributes(&path, inode).map_err(|source| TreeFolderError { path, source })?;
    }
    Ok(())
}

struct Writer<'a> {
    store: &'a Store,
    to: &'a Path,
    keeping: Keeping,
    /// The first name of inodes, for hard links.
    seen: BTreeMap<InodeId, PathBuf>,
}

impl Writer<'_> {
    fn host(&self, path: &TreePath) -> PathBuf {
        let relative = path.as_bytes().strip_prefix(b"/").unwrap_or(path.as_bytes());
        self.to.join(std::ffi::OsStr::from_bytes(relative))
    }

    /// Makes one entry; false where it was there already or is left out.
    fn entry(&mut self, path: &TreePath, id: InodeId, inode: &Inode) -> io::Result<bool> {
        if path.is_root() {
            return Ok(false);
        }
        let host = self.host(path);
        if !matches!(inode.kind, Kind::Directory(_)) {
            if let Some(first) = self.seen.get(&id) {
                match fs::hard_link(first, &host) {
                    // What was left out has no first name.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                    linked => return linked.map(|()| false),
                }
            }
            self.seen.insert(id, host.clone());
        }
        match &inode.kind {
            Kind::Directory(_) => fs::DirBuilder::new().mode(0o700).create(&host)?,
            Kind::File(blob) => {
                let file =
                    fs::OpenOptions::new().write(true).read(true).create_new(true).mode(0o600).open(&host)?;
                let mut sink = FileSink::new(&file, self.store);
                sink.blob(0, blob)?;
                sink.finish(blob.len())?;
            }
            Kind::Symlink(target) => {
                std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(target), &host)?;
            }
            Kind::Fifo => rustix::fs::mknodat(CWD, &host, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?,
            Kind::CharDevice { major, minor } => {
                return self.device(&host, FileType::CharacterDevice, *major, *minor);
            }
            Kind::BlockDevice { major, minor } => {
                return self.device(&host, FileType::BlockDevice, *major, *minor);
            }
            // Sockets belong to the program that listens.
            Kind::Socket => return Ok(false),
        }
        Ok(true)
    }

    fn device(&self, host: &Path, kind: FileType, major: u32, minor: u32) -> io::Result<bool> {
        if self.keeping == Keeping::Permissions {
            return Ok(false);
        }
        let device = rustix::fs::makedev(major, minor);
        rustix::fs::mknodat(CWD, host, kind, Mode::from_raw_mode(0o600), device)?;
        Ok(true)
    }

    fn attributes(&self, path: &TreePath, inode: &Inode) -> io::Result<()> {
        let (host, attrs) = (self.host(path), inode.attrs);
        let is_link = matches!(inode.kind, Kind::Symlink(_));
        let mode = match self.keeping {
            Keeping::All => {
                let (uid, gid) = (Uid::from_raw(attrs.uid), Gid::from_raw(attrs.gid));
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                rustix::fs::chownat(CWD, &host, Some(uid), Some(gid), flags)?;
                for (name, value) in &inode.xattrs {
                    rustix::fs::lsetxattr(&host, &**name, value, XattrFlags::empty())?;
                }
                attrs.mode
            }
            Keeping::Permissions => {
                let own = if matches!(inode.kind, Kind::Directory(_)) { 0o700 } else { 0o600 };
                attrs.mode & 0o1777 | own
            }
        };
        if !is_link {
            let mode = Mode::from_raw_mode(u32::from(mode));
            rustix::fs::chmodat(CWD, &host, mode, AtFlags::empty())?;
        }
        let time = Timespec { tv_sec: attrs.mtime.secs, tv_nsec: attrs.mtime.nanos.into() };
        let times = Timestamps { last_access: time, last_modification: time };
        Ok(rustix::fs::utimensat(CWD, &host, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cache;
    use crate::host_tree::{self, Ownership};
    use pintle_model::{Attrs, Blob, Origin, Timestamp};

    #[test]
    fn what_was_written_reads_back_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&Cache::open(dir.path().join("cache")).unwrap());
        let mut tree = Tree::new();
        let by = tree.origin(Origin::Nobody);
        let attrs = |mode| Attrs { mtime: Timestamp { secs: 1_000_000_000, nanos: 5 }, ..Attrs::root(mode) };
        tree.inode_mut(tree.root()).attrs = attrs(0o755);
        let path = TreePath::literal;
        tree.ensure_directory(&path("usr/closed"), attrs(0o500), by).unwrap();
        let id =
            tree.add(&path("usr/closed/a"), Kind::File(Blob::inline(*b"text")), attrs(0o640), by).unwrap();
        tree.link(&path("usr/b"), id).unwrap();
        tree.add(&path("usr/fifo"), Kind::Fifo, attrs(0o600), by).unwrap();
        tree.add(&path("usr/link"), Kind::Symlink((*b"closed/a").into()), attrs(0o777), by).unwrap();
        tree.add(&path("usr/socket"), Kind::Socket, attrs(0o600), by).unwrap();
        let suid = Kind::File(Blob::inline(*b"#!"));
        tree.add(&path("usr/suid"), suid, attrs(0o4755), by).unwrap();
        for keeping in [Keeping::Permissions, Keeping::All] {
            if keeping == Keeping::All && !may_set_owners() {
                continue;
            }
            let to = dir.path().join(format!("{keeping:?}"));
            fs::create_dir(&to).unwrap();
            write(&tree, &store, &to, keeping).unwrap();
            let read = host_tree::read(&to, &store, Ownership::Root).unwrap();
            let shown = |tree: &Tree| -> Vec<String> {
                let line = |entry: pintle_model::Entry<'_>| {
                    let Inode { kind, attrs, .. } = entry.inode;
                    format!("{} {} {:o} {:?}", entry.path, kind.noun(), attrs.mode, attrs.mtime)
                };
                tree.walk().map(line).filter(|line| !line.contains("socket")).collect()
            };
            let mut expected = shown(&tree);
            if keeping == Keeping::Permissions {
                expected
                    .iter_mut()
                    .for_each(|line| *line = line.replace(" 500 ", " 700 ").replace(" 4755 ", " 755 "));
            }
            assert_eq!(shown(&read), expected);
            assert_eq!(read.lookup(&path("usr/b")), read.lookup(&path("usr/closed/a")));
        }
    }
}
