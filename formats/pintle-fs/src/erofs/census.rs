//! What the tree holds, before anything has a place, and every reason to refuse it.

use super::Error;
use super::chunks::Chunks;
use super::directory;
use super::pack::{Packed, PackedFile};
use super::xattr::{Refused, Shared};
use crate::common::{bad_target, is_large_device};
use pintle_model::{Attrs, Blob, Inode, InodeId, Kind, Timestamp, Tree, TreePath, Xattrs};

/// One inode of the file system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    /// Its inode in the tree; `None` for the file of fragments, which no name leads to.
    pub(crate) id: Option<InodeId>,
    /// Node of the directory that holds it, for `..`.
    pub(crate) parent: u32,
    /// Link count.
    pub(crate) links: u32,
}

/// How the data of an inode is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Data<'a> {
    /// There is none.
    None,
    /// In consecutive blocks; the last, incomplete one may stand behind the inode if `tail` is true.
    Flat { size: u64, tail: bool },
    /// In chunks, some of which are holes.
    Chunks(Chunks<'a>),
    /// Compressed.
    Packed(&'a PackedFile),
    /// Within the file of fragments, from this byte on.
    Fragment(u64),
}

/// All inodes in the order of the walk, the root first and the file of fragments last.
pub(crate) struct Census<'a> {
    pub(crate) tree: &'a Tree,
    packed: Option<&'a Packed>,
    /// Ends of regular files may stand behind their inodes.
    tails: bool,
    /// Node by [`InodeId::index`]; `u32::MAX` for what no name leads to.
    numbers: Vec<u32>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) shared: Shared<'a>,
    /// The file of fragments.
    made: Inode,
}

impl<'a> Census<'a> {
    pub(crate) fn take(
        tree: &'a Tree,
        packed: Option<&'a Packed>,
        tails: bool,
        epoch: Timestamp,
    ) -> Result<Self, Error> {
        let fragments = packed.and_then(|packed| packed.fragments.as_ref());
        let made = Inode {
            // Only its length is asked for.
            kind: Kind::File(Blob::sparse(fragments.map_or(0, |file| file.len), vec![]).unwrap_or_default()),
            attrs: Attrs { mtime: epoch, ..Attrs::root(0) },
            xattrs: Xattrs::new(),
            origin: tree.inode(tree.root()).origin,
        };
        let numbers = vec![u32::MAX; tree.table_len()];
        let (nodes, shared) = (Vec::new(), Shared::default());
        let mut census = Self { tree, packed, tails, numbers, nodes, shared, made };
        census.number();
        if fragments.is_some() {
            census.nodes.push(Node { id: None, parent: 0, links: 1 });
        }
        census.check()?;
        Ok(census)
    }

    /// The inode of a node.
    pub(crate) fn inode(&self, node: &Node) -> &Inode {
        node.id.map_or(&self.made, |id| self.tree.inode(id))
    }

    /// The node of an inode that some name leads to.
    pub(crate) fn node_of(&self, id: InodeId) -> usize {
        self.numbers[id.index()] as usize
    }

    /// Lists every inode in the order of the walk, and counts names.
    fn number(&mut self) {
        let mut todo = vec![(self.tree.root(), 0)];
        while let Some((id, parent)) = todo.pop() {
            let kind = &self.tree.inode(id).kind;
            let number = self.numbers[id.index()];
            if number != u32::MAX {
                self.nodes[number as usize].links += 1;
                continue;
            }
            let number = self.nodes.len() as u32;
            self.numbers[id.index()] = number;
            let Kind::Directory(names) = kind else {
                self.nodes.push(Node { id: Some(id), parent, links: 1 });
                continue;
            };
            self.nodes.push(Node { id: Some(id), parent, links: 2 });
            if number > 0 {
                self.nodes[parent as usize].links += 1;
            }
            todo.extend(names.values().rev().map(|below| (*below, number)));
        }
    }

    /// Looks at every inode, and counts attributes.
    fn check(&mut self) -> Result<(), Error> {
        for index in 0..self.nodes.len() {
            let Some(id) = self.nodes[index].id else { continue };
            let inode = self.tree.inode(id);
            check(inode).map_err(|wrong| wrong.at(self, id))?;
            self.shared.count(&inode.xattrs).map_err(|refused| refused.at(self.path(id)))?;
            if let (Kind::File(blob), Some(packed)) = (&inode.kind, self.packed) {
                let known = packed.files.get(&id).is_none_or(|file| file.len == blob.len());
                let whole = packed.starts.get(&id).is_none_or(|start| start.len == blob.len());
                if !known || !whole {
                    return Err(Error::Stale { path: self.path(id) });
                }
            }
        }
        self.shared.place();
        // Sharing changes how much stands with each inode.
        for node in &self.nodes {
            let Some(id) = node.id else { continue };
            self.shared.body(&self.tree.inode(id).xattrs).map_err(|refused| refused.at(self.path(id)))?;
        }
        Ok(())
    }

    /// Attributes as they stand behind an inode.
    pub(crate) fn xattrs(&self, node: &Node) -> Vec<u8> {
        let body = self.shared.body(&self.inode(node).xattrs);
        body.expect("invariant: the census refused attributes that do not fit")
    }

    /// Length as the inode says it.
    pub(crate) fn size(&self, node: &Node) -> u64 {
        match &self.inode(node).kind {
            Kind::Directory(names) => directory::len(names),
            Kind::File(blob) => blob.len(),
            Kind::Symlink(target) => target.len() as u64,
            _ => 0,
        }
    }

    /// How a node's data is stored.
    pub(crate) fn data(&self, node: &Node) -> Data<'_> {
        let blob = match &self.inode(node).kind {
            Kind::Directory(_) | Kind::Symlink(_) => return Data::Flat { size: self.size(node), tail: true },
            Kind::File(blob) if !blob.is_empty() => blob,
            _ => return Data::None,
        };
        if let Some(packed) = self.packed {
            let file = match node.id {
                Some(id) => packed.files.get(&id),
                None => packed.fragments.as_ref(),
            };
            if let Some(file) = file {
                return Data::Packed(file);
            }
            if let Some(start) = node.id.and_then(|id| packed.starts.get(&id)) {
                return Data::Fragment(start.at);
            }
        }
        Chunks::of(blob).map_or(Data::Flat { size: blob.len(), tail: self.tails }, Data::Chunks)
    }

    /// The first path of an inode.
    pub(crate) fn path(&self, id: InodeId) -> TreePath {
        self.tree.walk().find(|entry| entry.id == id).map_or_else(TreePath::root, |entry| entry.path)
    }
}

/// What is wrong with an inode, before its path was looked up.
enum Wrong {
    FileTooLarge(u64),
    Symlink(&'static str),
    Device(u32, u32),
}

fn check(inode: &Inode) -> Result<(), Wrong> {
    match &inode.kind {
        Kind::File(blob) if blob.len() > i64::MAX as u64 => Err(Wrong::FileTooLarge(blob.len())),
        Kind::Symlink(target) => bad_target(target).map_or(Ok(()), |wrong| Err(Wrong::Symlink(wrong))),
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor }
            if is_large_device(*major, *minor) =>
        {
            Err(Wrong::Device(*major, *minor))
        }
        _ => Ok(()),
    }
}

impl Wrong {
    fn at(self, census: &Census<'_>, id: InodeId) -> Error {
        let path = census.path(id);
        match self {
            Self::FileTooLarge(len) => Error::FileTooLarge { path, len },
            Self::Symlink(wrong) => Error::Symlink { path, wrong },
            Self::Device(major, minor) => Error::Device { path, major, minor },
        }
    }
}

impl Refused {
    fn at(self, path: TreePath) -> Error {
        let text = |name: Box<[u8]>| name.escape_ascii().to_string();
        match self {
            Self::Name(name) => Error::XattrName { path, name: text(name) },
            Self::Acl(name) => Error::Acl { path, name: text(name) },
            Self::TooLarge { bytes, room } => Error::XattrsTooLarge { path, bytes, room },
        }
    }
}
