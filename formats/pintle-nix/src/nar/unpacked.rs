//! An archive after unpacking: its names and attributes, with file bytes moved to a pack of the content store.

use crate::StorePath;
use pintle_model::{Attrs, BadPath, Blob, Kind, OriginId, SourceId, Timestamp, Tree, TreeError, TreePath};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of [`UnpackedNar`]'s stored form and of what unpacking does to the bytes. Raise it with either: stores
/// keep packs of different versions apart.
pub const UNPACK_FORMAT: u32 = 2;

/// Mode of a file in a store.
pub const FILE_MODE: u16 = 0o444;
/// Mode of a program or directory in a store.
pub const PROGRAM_MODE: u16 = 0o555;
/// Modification time of everything in a store: 0 means "unknown" to some programs, so Nix chose the next second.
const TIME: Timestamp = Timestamp::from_secs(1);

/// The index of one unpacked archive; the file bytes are in its pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnpackedNar {
    /// Every node, directories before what is in them, names in byte order; the first one is the root.
    pub entries: Vec<NarEntry>,
}

/// One file, link or directory. Names were checked: not empty, no `.`, `..`, `/` or NUL, sorted, none twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NarEntry {
    /// Path inside, without leading slash; empty for the root.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: NarKind,
}

/// The kind of a [`NarEntry`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NarKind {
    /// A directory.
    Directory,
    /// A regular file: `len` bytes at `offset` of the pack.
    File {
        /// Whether it is a program.
        executable: bool,
        /// Byte offset in the pack, a multiple of 4096; 0 for an empty file.
        offset: u64,
        /// Length in bytes.
        len: u64,
    },
    /// A symbolic link and its target as written.
    Symlink(Vec<u8>),
}

/// A stored index cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the stored index of an unpacked Nix archive is damaged")]
pub struct BadIndex(#[source] postcard::Error);

impl UnpackedNar {
    /// The stored form: postcard (<https://postcard.jamesmunns.com/wire-format>), of this [`UNPACK_FORMAT`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("invariant: plain data of known lengths serialises")
    }

    /// Reads what [`UnpackedNar::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`BadIndex`] when the bytes are of another format, damaged or too many.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadIndex> {
        match postcard::take_from_bytes(bytes) {
            Ok((unpacked, [])) => Ok(unpacked),
            Ok(_) => Err(BadIndex(postcard::Error::SerdeDeCustom)),
            Err(error) => Err(BadIndex(error)),
        }
    }

    /// The node at `path` (without leading slash; empty: the root). Links are not followed.
    #[must_use]
    pub fn get(&self, path: &[u8]) -> Option<&NarEntry> {
        // Walk order is that of components, not of bytes: `a/x` comes before `a-b`.
        let names = |path: &[u8]| path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect::<Vec<_>>();
        let wanted = names(path);
        let found = self.entries.binary_search_by_key(&wanted, |entry| names(&entry.path));
        found.ok().map(|at| &self.entries[at])
    }

    /// Puts everything at exactly `at`, which must be free, with modes, owner and time as in a store: files 0444,
    /// programs and directories 0555, root, 1 s past 1970. `source` is the pack. Missing directories above are made
    /// with mode 0755.
    ///
    /// # Errors
    /// [`TreeError`]; what was inserted before it stays.
    pub fn insert(
        &self,
        tree: &mut Tree,
        at: &TreePath,
        source: SourceId,
        origin: OriginId,
    ) -> Result<(), TreeError> {
        if let Some(parent) = at.parent() {
            tree.ensure_directory(&parent, attrs(0o755), origin)?;
        }
        for entry in &self.entries {
            let (kind, mode) = match &entry.kind {
                NarKind::Directory => (Kind::Directory(BTreeMap::new()), PROGRAM_MODE),
                NarKind::Symlink(target) => (Kind::Symlink(target.as_slice().into()), 0o777),
                NarKind::File { executable, offset, len } => {
                    let mode = if *executable { PROGRAM_MODE } else { FILE_MODE };
                    (Kind::File(Blob::at(source, *offset, *len)), mode)
                }
            };
            let path = if entry.path.is_empty() { at.clone() } else { at.join(&entry.path)? };
            tree.add(&path, kind, attrs(mode), origin)?;
        }
        Ok(())
    }
}

/// Puts what is at `root` of `from` at exactly `at` of `tree`, as [`UnpackedNar::insert`] does with what an archive of it
/// would give. What no archive holds must not be in it ([`super::size`] says so).
///
/// # Errors
/// [`TreeError`]; what was inserted before it stays.
pub fn insert_tree(
    from: &Tree,
    root: &TreePath,
    tree: &mut Tree,
    at: &TreePath,
    origin: OriginId,
) -> Result<(), TreeError> {
    if let Some(parent) = at.parent() {
        tree.ensure_directory(&parent, attrs(0o755), origin)?;
    }
    for entry in from.walk_from(root) {
        let inside = entry.path.as_bytes().strip_prefix(root.as_bytes()).unwrap_or_default();
        let inside = inside.strip_prefix(b"/").unwrap_or(inside);
        let path = if inside.is_empty() { at.clone() } else { at.join(inside)? };
        let (kind, mode) = match &entry.inode.kind {
            Kind::Directory(_) => (Kind::Directory(BTreeMap::new()), PROGRAM_MODE),
            Kind::Symlink(target) => (Kind::Symlink(target.clone()), 0o777),
            kind if entry.inode.attrs.mode & 0o100 != 0 => (kind.clone(), PROGRAM_MODE),
            kind => (kind.clone(), FILE_MODE),
        };
        tree.add(&path, kind, attrs(mode), origin)?;
    }
    Ok(())
}

impl StorePath {
    /// Where the path is in a tree: without leading slash.
    ///
    /// # Errors
    /// [`BadPath`], where the store's own path is too long.
    pub fn tree_path(&self) -> Result<TreePath, BadPath> {
        TreePath::new(self.to_string())
    }
}

fn attrs(mode: u16) -> Attrs {
    Attrs { mtime: TIME, ..Attrs::root(mode) }
}
