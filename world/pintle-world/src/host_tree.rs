//! A folder of this host as a [`Tree`]: names, attributes, links and holes are read; file bytes are only pointed at.

use crate::Store;
use crate::store::StoreError;
use pintle_model::{
    Attrs, Blob, Bytes, Digest, Hasher, InodeId, Kind, Origin, OriginId, Segment, SourceId, Timestamp, Tree,
    TreeError, TreePath, Xattrs,
};
use rustix::fs::SeekFrom;
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Who owns what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// As on this host.
    Kept,
    /// Everything is root's: the folder belongs to whoever runs the build.
    Root,
}

/// A folder could not be read as a tree.
#[derive(Debug, thiserror::Error)]
pub enum HostTreeError {
    /// Of the file system.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Of the store that hands out source numbers.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A name that no tree can hold.
    #[error("{} cannot be part of a tree", .path.display())]
    Tree {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: TreeError,
    },
}

/// Longest list of attribute names, and longest attribute, that Linux hands out (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const XATTR_MAX: usize = 1 << 16;

/// Reads the folder `root` (or a single file, which becomes the tree's only entry). Links between files inside it
/// stay hard links.
///
/// # Errors
/// [`HostTreeError`]; nothing is skipped.
pub fn read(root: &Path, store: &Store, ownership: Ownership) -> Result<Tree, HostTreeError> {
    let mut tree = Tree::new();
    let origin = tree.origin(Origin::Host(root.display().to_string()));
    let metadata = std::fs::metadata(root).map_err(|source| failed(root, source))?;
    let root = &std::path::absolute(root).map_err(|source| failed(root, source))?;
    let mut reader = Reader { tree, origin, store, ownership, seen: BTreeMap::new(), witness: None };
    if metadata.is_dir() {
        let id = reader.tree.root();
        let xattrs = read_xattrs(root)?;
        let attrs = reader.attrs(&metadata);
        let inode = reader.tree.inode_mut(id);
        inode.attrs = attrs;
        inode.xattrs = xattrs;
        inode.origin = origin;
        reader.folder(root)?;
    } else {
        let name = root.file_name().map(|name| name.as_bytes().to_vec()).unwrap_or_default();
        let path = TreePath::new(name).map_err(|error| bad(root, error.into()))?;
        reader.entry(root, &path, &metadata)?;
    }
    Ok(reader.tree)
}

/// What is at some path, as far as an archive of Nix would hold it.
#[derive(Debug)]
pub struct Plain {
    /// It, as the only entry: names, links, and files with mode; no extended attributes, holes or files of several names.
    pub tree: Tree,
    /// Changes when anything of it is written, replaced or changed: made of the names, and of what stat(2) says.
    pub witness: Digest,
}

/// Reads what is at `path`, whatever it is (a link is not followed).
///
/// # Errors
/// [`HostTreeError`]; nothing is skipped.
pub fn read_plain(path: &Path, store: &Store) -> Result<Plain, HostTreeError> {
    let mut tree = Tree::new();
    let origin = tree.origin(Origin::Host(path.display().to_string()));
    let path = &std::path::absolute(path).map_err(|source| failed(path, source))?;
    let (ownership, seen) = (Ownership::Root, BTreeMap::new());
    let mut reader = Reader { tree, origin, store, ownership, seen, witness: Some(Hasher::new()) };
    let metadata = std::fs::symlink_metadata(path).map_err(|source| failed(path, source))?;
    let name = path.file_name().map(|name| name.as_bytes().to_vec()).unwrap_or_default();
    let inside = TreePath::new(name).map_err(|error| bad(path, error.into()))?;
    reader.entry(path, &inside, &metadata)?;
    if metadata.is_dir() {
        reader.below(vec![(path.to_owned(), inside)])?;
    }
    let witness = reader.witness.take().unwrap_or_default().finish().digest();
    Ok(Plain { tree: reader.tree, witness })
}

fn failed(path: &Path, source: io::Error) -> HostTreeError {
    HostTreeError::Read { path: path.to_owned(), source }
}

fn bad(path: &Path, source: TreeError) -> HostTreeError {
    HostTreeError::Tree { path: path.to_owned(), source }
}

struct Reader<'a> {
    tree: Tree,
    origin: OriginId,
    store: &'a Store,
    ownership: Ownership,
    /// Device and inode number of files with several names.
    seen: BTreeMap<(u64, u64), InodeId>,
    /// Of what is read plainly, everything that would be another if it changed.
    witness: Option<Hasher>,
}

impl Reader<'_> {
    /// Everything below `root`; a list of folders to do instead of recursion, so depth costs no stack.
    fn folder(&mut self, root: &Path) -> Result<(), HostTreeError> {
        self.below(vec![(root.to_owned(), TreePath::root())])
    }

    fn below(&mut self, mut todo: Vec<(PathBuf, TreePath)>) -> Result<(), HostTreeError> {
        while let Some((folder, inside)) = todo.pop() {
            // Sorted, so that numbers do not depend on the order the file system has.
            let entries = std::fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            let mut entries = entries.map_err(|source| failed(&folder, source))?;
            entries.sort_by_key(std::fs::DirEntry::file_name);
            for entry in entries {
                let host = entry.path();
                let metadata = entry.metadata().map_err(|source| failed(&host, source))?;
                let path =
                    inside.join(entry.file_name().as_bytes()).map_err(|error| bad(&host, error.into()))?;
                self.entry(&host, &path, &metadata)?;
                if metadata.is_dir() {
                    todo.push((host, path));
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, host: &Path, path: &TreePath, metadata: &Metadata) -> Result<(), HostTreeError> {
        if let Some(witness) = &mut self.witness {
            note(witness, path, metadata);
            let kind = self.kind(host, metadata)?;
            let attrs = self.attrs(metadata);
            let added = self.tree.add(path, kind, attrs, self.origin);
            return added.map(drop).map_err(|error| bad(host, error));
        }
        let number = (metadata.dev(), metadata.ino());
        let shared = !metadata.is_dir() && metadata.nlink() > 1;
        if shared && let Some(id) = self.seen.get(&number) {
            return self.tree.link(path, *id).map_err(|error| bad(host, error));
        }
        let kind = self.kind(host, metadata)?;
        let attrs = self.attrs(metadata);
        let id = self.tree.add(path, kind, attrs, self.origin).map_err(|error| bad(host, error))?;
        self.tree.inode_mut(id).xattrs = read_xattrs(host)?;
        if shared {
            self.seen.insert(number, id);
        }
        Ok(())
    }

    fn attrs(&self, metadata: &Metadata) -> Attrs {
        let (uid, gid) = match self.ownership {
            Ownership::Kept => (metadata.uid(), metadata.gid()),
            Ownership::Root => (0, 0),
        };
        let nanos = u32::try_from(metadata.mtime_nsec()).unwrap_or(0);
        let mode = (metadata.mode() & 0o7777) as u16;
        Attrs { mode, uid, gid, mtime: Timestamp { secs: metadata.mtime(), nanos } }
    }

    fn kind(&self, host: &Path, metadata: &Metadata) -> Result<Kind, HostTreeError> {
        let kind = metadata.file_type();
        let (major, minor) = (rustix::fs::major(metadata.rdev()), rustix::fs::minor(metadata.rdev()));
        Ok(if kind.is_dir() {
            Kind::Directory(BTreeMap::new())
        } else if kind.is_symlink() {
            let target = std::fs::read_link(host).map_err(|source| failed(host, source))?;
            Kind::Symlink(target.into_os_string().into_vec().into())
        } else if kind.is_char_device() {
            Kind::CharDevice { major, minor }
        } else if kind.is_block_device() {
            Kind::BlockDevice { major, minor }
        } else if kind.is_fifo() {
            Kind::Fifo
        } else if kind.is_socket() {
            Kind::Socket
        } else {
            Kind::File(self.content(host, metadata)?)
        })
    }

    fn content(&self, host: &Path, metadata: &Metadata) -> Result<Blob, HostTreeError> {
        if metadata.len() == 0 {
            return Ok(Blob::default());
        }
        let source = self.store.add_known_file(host.to_owned(), metadata.len());
        // Fewer blocks than bytes: there are holes (or the file system compresses, and finds no holes below).
        if self.witness.is_some() || metadata.blocks() * 512 >= metadata.len() {
            return Ok(Blob::at(source, 0, metadata.len()));
        }
        let file = self.store.file(source).map_err(|source| failed(host, source))?;
        let segments = data_segments(&file, source, metadata.len()).map_err(|source| failed(host, source))?;
        Ok(Blob::sparse(metadata.len(), segments).unwrap_or_else(|| Blob::at(source, 0, metadata.len())))
    }
}

/// What stat(2) says that changes with the content or the attributes of a file.
fn note(witness: &mut Hasher, path: &TreePath, metadata: &Metadata) {
    witness.update(path.as_bytes());
    witness.update(&[0]);
    for number in [metadata.dev(), metadata.ino(), metadata.len(), metadata.mode().into()] {
        witness.update(&number.to_le_bytes());
    }
    let times = [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()];
    times.iter().for_each(|number| witness.update(&number.to_le_bytes()));
}

/// The runs of data in `file`, by `SEEK_DATA` and `SEEK_HOLE`; a file system without them gives one run.
fn data_segments(file: &std::fs::File, source: SourceId, len: u64) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut at = 0;
    while at < len {
        let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(rustix::io::Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(file, SeekFrom::Hole(start))?.min(len);
        if start >= end {
            break;
        }
        let bytes = Bytes::At { source, offset: start };
        segments.push(Segment { at: start, len: end - start, bytes });
        at = end;
    }
    Ok(segments)
}

/// All extended attributes of `path` itself; none where the file system has none.
fn read_xattrs(path: &Path) -> Result<Xattrs, HostTreeError> {
    let fail = |errno: rustix::io::Errno| failed(path, errno.into());
    // Most files have none, and hardly any has many: large room is made only for those.
    let mut few = [0u8; 256];
    let names = match rustix::fs::llistxattr(path, &mut few) {
        Ok(0) | Err(rustix::io::Errno::OPNOTSUPP) => return Ok(Xattrs::new()),
        Ok(length) => few[..length].to_vec(),
        Err(rustix::io::Errno::RANGE) => {
            let mut names = vec![0u8; XATTR_MAX];
            let length = rustix::fs::llistxattr(path, &mut names).map_err(fail)?;
            names.truncate(length);
            names
        }
        Err(errno) => return Err(fail(errno)),
    };
    let mut found = Xattrs::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0u8; XATTR_MAX];
        let length = rustix::fs::lgetxattr(path, name, &mut value).map_err(fail)?;
        value.truncate(length);
        found.insert(name.into(), value.into());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cache;

    #[test]
    fn extended_attributes_are_read_whether_few_or_many() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, b"x").unwrap();
        assert_eq!(read_xattrs(&file).unwrap(), Xattrs::new());
        let set = |name: &str, value: &str| {
            let none = rustix::fs::XattrFlags::empty();
            rustix::fs::lsetxattr(&file, name, value.as_bytes(), none).unwrap();
        };
        set("user.colour", "green");
        let one = Xattrs::from([(b"user.colour".as_slice().into(), b"green".as_slice().into())]);
        assert_eq!(read_xattrs(&file).unwrap(), one);
        // More names than the small room holds.
        for number in 0..12 {
            set(&format!("user.{number:040}"), "v");
        }
        assert_eq!(read_xattrs(&file).unwrap().len(), 13);
    }

    #[test]
    fn a_folder_is_read_with_links_and_holes() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(root.join("a/file"), b"hello").unwrap();
        std::fs::hard_link(root.join("a/file"), root.join("a/b/again")).unwrap();
        std::os::unix::fs::symlink("../a", root.join("a/b/up")).unwrap();
        let sparse = std::fs::File::create(root.join("sparse")).unwrap();
        sparse.set_len(10 << 20).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&sparse, b"end", (10 << 20) - 3).unwrap();
        let store = Store::open(&Cache::open(folder.path().join("cache")).unwrap());
        let tree = read(&root, &store, Ownership::Root).unwrap();
        let at = |path: &str| tree.get(&TreePath::literal(path)).unwrap();
        assert_eq!(tree.lookup(&TreePath::literal("a/file")), tree.lookup(&TreePath::literal("a/b/again")));
        assert_eq!(at("a/b/up").kind, Kind::Symlink((*b"../a").into()));
        assert_eq!(at("a").attrs.uid, 0);
        let Kind::File(blob) = &at("sparse").kind else { panic!("a file") };
        assert!(blob.segments()[0].at > 0, "the hole is left out: {:?}", blob.segments());
        let mut tail = [0; 4];
        blob.read_at(&store, (10 << 20) - 4, &mut tail).unwrap();
        assert_eq!(&tail, b"\0end");
    }

    #[test]
    fn what_is_read_plainly_has_a_witness_of_every_change() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("a")).unwrap();
        std::fs::write(root.join("a/file"), b"hello").unwrap();
        std::fs::hard_link(root.join("a/file"), root.join("a/other")).unwrap();
        let store = Store::open(&Cache::open(folder.path().join("cache")).unwrap());
        let witness = || read_plain(&root, &store).unwrap().witness;
        let first = witness();
        assert_eq!(first, witness());
        let tree = read_plain(&root, &store).unwrap().tree;
        let (one, two) = (TreePath::literal("root/a/file"), TreePath::literal("root/a/other"));
        assert_ne!(tree.lookup(&one), tree.lookup(&two));
        let Kind::File(blob) = &tree.get(&one).unwrap().kind else { panic!("a file") };
        assert_eq!(blob.read(&store, 10).unwrap(), b"hello");
        // The same length and the same times; what cannot be set back is the time of the change itself.
        let path = root.join("a/file");
        let time = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(&path, b"HELLO").unwrap();
        std::fs::File::open(&path).unwrap().set_modified(time).unwrap();
        let second = witness();
        assert_ne!(first, second);
        std::fs::rename(root.join("a/other"), root.join("a/third")).unwrap();
        assert_ne!(second, witness());
    }

    #[test]
    fn what_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Cache::open(folder.path().join("cache")).unwrap());
        let error = read(&folder.path().join("none"), &store, Ownership::Kept).unwrap_err();
        assert!(error.to_string().ends_with("/none"), "{error}");
    }
}
