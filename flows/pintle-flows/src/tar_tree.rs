//! A tar archive as a tree: names and attributes are kept, file bytes go to a spool.

use pintle_model::{
    Attrs, Blob, Bytes, Kind, Limit, Origin, Segment, SourceId, Timestamp, Tree, TreeError, TreePath,
};
use pintle_package::tar::{Entry, EntryType, Limits, Reader, Run, TarError};
use pintle_world::atomic::AtomicError;
use pintle_world::spool::Spool;
use std::collections::BTreeMap;
use std::io::{self, Read, Write as _};

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
        source: AtomicError,
    },
}

/// Members of one archive, to bound memory: a member costs about 500 bytes.
const MEMBERS: Limit = Limit::new(4_000_000, "members in one archive");

/// Runs of data in one sparse member, to bound memory: a run costs 16 bytes, and 40 more in the tree.
const RUNS: Limit = Limit::new(1 << 20, "runs of data in one sparse file");

/// Bytes moved at once.
const CHUNK: usize = 128 << 10;

/// Reads the plain tar stream `from`, called `name`. File bytes go to `spool`.
/// A later member replaces an earlier one of the same path, as `tar -x` does; missing parents are made.
///
/// # Errors
/// [`TarTreeError`].
pub(crate) fn read(from: impl Read, name: &str, spool: &mut Spool) -> Result<Tree, TarTreeError> {
    let tar = |source| TarTreeError::Tar { name: name.to_owned(), source };
    let mut reader = Reader::new(from, Limits { runs: RUNS, ..Limits::default() });
    let mut tree = Tree::new();
    let mut members = 0;
    while let Some(entry) = reader.next_entry().map_err(tar)? {
        members += 1;
        if !MEMBERS.allows(members) {
            return Err(TarTreeError::TooMany { name: name.to_owned(), limit: MEMBERS });
        }
        let mut blob = Blob::default();
        if entry.kind == EntryType::File && entry.size > 0 {
            let offset = spool.align(4096).map_err(|error| not_kept(name, spool, error))?;
            copy(&mut reader, spool, name)?;
            blob = content(&entry, spool.source(), offset);
        }
        add(&mut tree, &entry, blob, name).map_err(|source| TarTreeError::Member {
            name: name.to_owned(),
            offset: entry.offset,
            source,
        })?;
    }
    Ok(tree)
}

fn not_kept(name: &str, spool: &Spool, error: io::Error) -> TarTreeError {
    TarTreeError::Spool { name: name.to_owned(), source: AtomicError::new(spool.folder(), error) }
}

/// Copies the data of the current member; which side failed decides what is said.
fn copy(reader: &mut Reader<impl Read>, spool: &mut Spool, name: &str) -> Result<(), TarTreeError> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let fail = |source| TarTreeError::Tar { name: name.to_owned(), source };
        let n = reader.read(&mut buffer).map_err(|source| fail(reader.sort(source)))?;
        if n == 0 {
            return Ok(());
        }
        spool.write_all(&buffer[..n]).map_err(|error| not_kept(name, spool, error))?;
    }
}

/// What stands in the spool from `offset` on, with the holes that a sparse member has.
fn content(entry: &Entry, source: SourceId, offset: u64) -> Blob {
    let Some(runs) = &entry.runs else { return Blob::at(source, offset, entry.size) };
    let mut stored = offset;
    let segment = |run: &Run| {
        let bytes = Bytes::At { source, offset: stored };
        stored += run.len;
        Segment { at: run.at, len: run.len, bytes }
    };
    let segments = runs.iter().map(segment).collect();
    Blob::sparse(entry.size, segments).expect("invariant: the reader checks the runs of a sparse member")
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
