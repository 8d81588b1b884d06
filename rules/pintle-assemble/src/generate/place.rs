//! Putting generated nodes into a tree.

use pintle_model::{Attrs, Blob, Inode, Kind, Origin, Timestamp, Tree, TreeError, TreePath, Xattrs};

/// A generated file has no room in the tree.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Something that is not a file or link is there.
    #[error("{path} is a {kind} from {origin}")]
    Occupied {
        /// The path.
        path: TreePath,
        /// What is there.
        kind: &'static str,
        /// Who put it there.
        origin: Origin,
    },
    /// The tree refused.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Root's, with time `epoch`.
pub(crate) fn attrs(mode: u16, epoch: Timestamp) -> Attrs {
    Attrs { mtime: epoch, ..Attrs::root(mode) }
}

/// Puts a file of mode 0644 at exactly `path`, in place of a file or link that is there. Missing directories are made.
pub(crate) fn put(
    tree: &mut Tree,
    path: &TreePath,
    bytes: Vec<u8>,
    epoch: Timestamp,
    by: &str,
) -> Result<(), PlaceError> {
    put_with_mode(tree, path, (bytes, 0o644), epoch, by)
}

/// As [`put`], with a mode.
pub(crate) fn put_with_mode(
    tree: &mut Tree,
    path: &TreePath,
    (bytes, mode): (Vec<u8>, u16),
    epoch: Timestamp,
    by: &str,
) -> Result<(), PlaceError> {
    put_blob(tree, path, (Blob::inline(bytes), mode), epoch, by)
}

/// As [`put_with_mode`], with bytes that may be kept elsewhere.
pub(crate) fn put_blob(
    tree: &mut Tree,
    path: &TreePath,
    (blob, mode): (Blob, u16),
    epoch: Timestamp,
    by: &str,
) -> Result<(), PlaceError> {
    put_kind(tree, path, (Kind::File(blob), mode), epoch, by)
}

/// Puts a symbolic link at exactly `path`, in place of a file or link that is there.
pub(crate) fn put_link(
    tree: &mut Tree,
    path: &TreePath,
    target: &[u8],
    epoch: Timestamp,
    by: &str,
) -> Result<(), PlaceError> {
    put_kind(tree, path, (Kind::Symlink(target.into()), 0o777), epoch, by)
}

fn put_kind(
    tree: &mut Tree,
    path: &TreePath,
    (kind, mode): (Kind, u16),
    epoch: Timestamp,
    by: &str,
) -> Result<(), PlaceError> {
    let origin = tree.origin(Origin::Generated(by.to_owned()));
    if let Some(there) = tree.get(path) {
        if !matches!(there.kind, Kind::File(_) | Kind::Symlink(_)) {
            let origin = tree.origin_of(there.origin).clone();
            return Err(PlaceError::Occupied { path: path.clone(), kind: there.kind.noun(), origin });
        }
        tree.remove(path)?;
    } else if let Some(parent) = path.parent() {
        tree.ensure_directory(&parent, attrs(0o755, epoch), origin)?;
    }
    tree.insert(path, Inode { kind, attrs: attrs(mode, epoch), xattrs: Xattrs::new(), origin })?;
    Ok(())
}

/// Paths of the directories directly in `dir`, in byte order.
pub(crate) fn children(tree: &Tree, dir: &TreePath) -> Vec<TreePath> {
    let directories = tree.children(dir).filter(|(_, id)| matches!(tree.inode(*id).kind, Kind::Directory(_)));
    directories.filter_map(|(name, _)| dir.join(name).ok()).collect()
}
