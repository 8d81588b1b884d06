//! A tar archive as a tree: names and attributes are kept, file bytes go to a spool.

use pintle_model::{Attrs, Blob, Kind, Limit, Origin, Timestamp, Tree, TreeError, TreePath};
use pintle_package::tar::{Entry, EntryType, Limits, Reader, TarError};
use pintle_world::spool::Spool;
use std::collections::BTreeMap;
use std::io::{self, Read};

/// An archive cannot become a tree.
#[derive(Debug, thiserror::Error)]
pub enum TarTreeError {
    /// The archive.
    #[error("cannot read the archive {name}")]
    Tar {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: TarError,
    },
    /// A member that has no place in a tree.
    #[error("{name}: member at byte {offset}")]
    Member {
        /// The archive.
        name: String,
        /// Offset of the member's header.
        offset: u64,
        /// Why.
        #[source]
        source: TreeError,
    },
    /// More members than are accepted.
    #[error("{name}: over the limit of {} {}", .limit.max, .limit.what)]
    TooMany {
        /// The archive.
        name: String,
        /// The limit.
        limit: Limit,
    },
    /// Keeping the bytes.
    #[error("cannot keep the files of {name}")]
    Spool {
        /// The archive.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Members of one archive, to bound memory: a member costs about 500 bytes.
const MEMBERS: Limit = Limit::new(4_000_000, "members in one archive");

/// Reads the plain tar stream `from`, called `name`. File bytes go to `spool`.
/// A later member replaces an earlier one of the same path, as `tar -x` does; missing parents are made.
///
/// # Errors
/// [`TarTreeError`].
pub(crate) fn read(from: impl Read, name: &str, spool: &mut Spool) -> Result<Tree, TarTreeError> {
    let tar = |source| TarTreeError::Tar { name: name.to_owned(), source };
    let mut reader = Reader::new(from, Limits::default());
    let mut tree = Tree::new();
    let mut members = 0;
    while let Some(entry) = reader.next_entry().map_err(tar)? {
        members += 1;
        if !MEMBERS.allows(members) {
            return Err(TarTreeError::TooMany { name: name.to_owned(), limit: MEMBERS });
        }
        let mut blob = Blob::default();
        if entry.kind == EntryType::File && entry.size > 0 {
            let fail = |source| TarTreeError::Spool { name: name.to_owned(), source };
            let offset = spool.align(4096).map_err(fail)?;
            io::copy(&mut reader, spool).map_err(fail)?;
            blob = Blob::at(spool.source(), offset, entry.size);
        }
        add(&mut tree, &entry, blob, name).map_err(|source| TarTreeError::Member {
            name: name.to_owned(),
            offset: entry.offset,
            source,
        })?;
    }
    Ok(tree)
}

fn add(tree: &mut Tree, entry: &Entry, blob: Blob, name: &str) -> Result<(), TreeError> {
    let origin = tree.origin(Origin::Host(name.to_owned()));
    let path = TreePath::new(&entry.path)?;
    let mtime = Timestamp { secs: entry.mtime, nanos: entry.mtime_nanos };
    let attrs = Attrs { mode: entry.mode, uid: entry.uid, gid: entry.gid, mtime };
    let xattrs = entry.xattrs.iter().map(|(k, v)| (k.as_slice().into(), v.as_slice().into())).collect();
    if let (EntryType::Directory, Some(id)) = (entry.kind, tree.lookup(&path))
        && matches!(tree.inode(id).kind, Kind::Directory(_))
    {
        let inode = tree.inode_mut(id);
        (inode.attrs, inode.xattrs, inode.origin) = (attrs, xattrs, origin);
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        tree.ensure_directory(&parent, Attrs::root(0o755), origin)?;
    }
    if tree.lookup(&path).is_some() {
        tree.remove(&path)?;
    }
    if entry.kind == EntryType::Hardlink {
        let target = TreePath::new(&entry.link)?;
        let id = tree.lookup(&target).ok_or(TreeError::NotFound(target))?;
        return tree.link(&path, id);
    }
    let (major, minor) = (entry.major, entry.minor);
    let kind = match entry.kind {
        EntryType::File | EntryType::Hardlink => Kind::File(blob),
        EntryType::Directory => Kind::Directory(BTreeMap::new()),
        EntryType::Symlink => Kind::Symlink(entry.link.as_slice().into()),
        EntryType::CharDevice => Kind::CharDevice { major, minor },
        EntryType::BlockDevice => Kind::BlockDevice { major, minor },
        EntryType::Fifo => Kind::Fifo,
    };
    let id = tree.add(&path, kind, attrs, origin)?;
    tree.inode_mut(id).xattrs = xattrs;
    Ok(())
}
