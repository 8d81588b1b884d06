//! Trees in few words.

use pintle_model::{Attrs, Blob, Inode, InodeId, Kind, Origin, Tree, TreePath, Xattrs};

/// Adds an inode; missing parents come with it.
pub(crate) fn add(tree: &mut Tree, path: impl AsRef<[u8]>, kind: Kind) -> InodeId {
    add_with(tree, path, kind, Attrs::root(0o644), &[])
}

/// Adds an inode with all it can have.
pub(crate) fn add_with(
    tree: &mut Tree,
    path: impl AsRef<[u8]>,
    kind: Kind,
    attrs: Attrs,
    xattrs: &[(&str, &[u8])],
) -> InodeId {
    let path = TreePath::new(path).unwrap();
    let origin = tree.origin(Origin::Nobody);
    let parent = path.parent().unwrap();
    tree.ensure_directory(&parent, Attrs::root(0o755), origin).unwrap();
    let xattrs: Xattrs =
        xattrs.iter().map(|(name, value)| (name.as_bytes().into(), (*value).into())).collect();
    tree.insert(&path, Inode { kind, attrs, xattrs, origin }).unwrap()
}

/// A regular file in memory.
pub(crate) fn file(text: impl Into<Vec<u8>>) -> Kind {
    Kind::File(Blob::inline(text.into()))
}

/// An empty directory.
pub(crate) fn directory() -> Kind {
    Kind::Directory(Default::default())
}

/// A symbolic link.
pub(crate) fn link(target: &[u8]) -> Kind {
    Kind::Symlink(target.into())
}
