//! What the tree holds, before anything has a place: numbers of inodes, sizes in blocks, and every reason to
//! refuse the tree.

use super::directory::{Directory, Entry};
use super::dirhash::HashSeed;
use super::extents::data_runs;
use super::format::{
    FAST_SYMLINK_MAX, FILE_MAX, FIRST_INO, LINKS_MAX, LOST_FOUND_BLOCKS, ROOT_INO, TIME_MAX, TIME_MIN,
    XATTR_REFERENCES_MAX,
};
use super::xattr::{Attributes, Refused};
use super::{Error, Options};
use crate::common::{bad_target, file_type, is_large_device};
use pintle_model::{Attrs, Inode, InodeId, Kind, Tree, TreePath, Xattrs};
use std::collections::BTreeMap;

const LOST_FOUND: &[u8] = b"lost+found";

/// One inode of the file system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    /// Its inode in the tree; `None` for a `lost+found` that the tree does not have.
    pub(crate) id: Option<InodeId>,
    /// Number of the directory that holds it, for `..`.
    pub(crate) parent: u32,
    /// Link count; may exceed 65,000 in directories.
    pub(crate) links: u32,
    /// Length of a directory in blocks.
    pub(crate) dir_blocks: u32,
    /// The directory has an index.
    pub(crate) indexed: bool,
    /// Index into [`Census::xattr_blocks`].
    pub(crate) xattr_block: Option<u32>,
}

/// A block of attributes, written once for all inodes that have the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct XattrBlock {
    /// The first node with it, beside whose data it stands.
    pub(crate) owner: u32,
    /// Inodes that point to it.
    pub(crate) references: u32,
}

/// All inodes in the order of their numbers: the root, `lost+found`, then the tree's walk.
pub(crate) struct Census<'a> {
    tree: &'a Tree,
    pub(crate) hash: HashSeed,
    /// Inode number by [`InodeId::index`]; 0 for what no name leads to.
    numbers: Vec<u32>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) xattr_blocks: Vec<XattrBlock>,
    made: Inode,
}

/// The inode number of node `index`.
pub(crate) fn ino_of(index: usize) -> u32 {
    if index == 0 { ROOT_INO } else { FIRST_INO - 1 + index as u32 }
}

/// The node behind an inode number; reserved numbers have none.
pub(crate) fn node_of(ino: u64) -> Option<usize> {
    match ino {
        2 => Some(0),
        ino => usize::try_from(ino.checked_sub(u64::from(FIRST_INO) - 1)?).ok().filter(|index| *index > 0),
    }
}

impl<'a> Census<'a> {
    pub(crate) fn take(tree: &'a Tree, options: &Options) -> Result<Self, Error> {
        if tree.table_len() as u64 > u64::from(u32::MAX - FIRST_INO) {
            return Err(Error::TooManyInodes { inodes: tree.table_len() as u64 });
        }
        let attrs = Attrs { mtime: options.epoch, ..Attrs::root(0o700) };
        let made = Inode {
            kind: Kind::Directory(BTreeMap::new()),
            attrs,
            xattrs: Xattrs::new(),
            origin: tree.inode(tree.root()).origin,
        };
        let hash = HashSeed::new(&options.hash_seed);
        let numbers = vec![0; tree.table_len()];
        let mut census = Self { tree, hash, numbers, nodes: Vec::new(), xattr_blocks: Vec::new(), made };
        census.number()?;
        census.measure()?;
        Ok(census)
    }

    /// The inode of a node: the tree's, or the made `lost+found`.
    pub(crate) fn inode(&self, node: &Node) -> &Inode {
        node.id.map_or(&self.made, |id| self.tree.inode(id))
    }

    /// Inodes that are in use, the reserved ones included.
    pub(crate) fn inodes(&self) -> u64 {
        u64::from(ino_of(self.nodes.len() - 1))
    }

    /// Gives every inode its number, in the order of the walk, and counts names.
    fn number(&mut self) -> Result<(), Error> {
        let root = self.tree.root();
        let node =
            |id, parent| Node { id, parent, links: 1, dir_blocks: 0, indexed: false, xattr_block: None };
        self.numbers[root.index()] = ROOT_INO;
        self.nodes.push(Node { links: 3, ..node(Some(root), ROOT_INO) });
        let lost_found = self.lost_found()?;
        self.nodes.push(Node { links: 2, ..node(lost_found, ROOT_INO) });
        let mut todo = Vec::new();
        self.push_names(root, &mut todo);
        while let Some((id, parent)) = todo.pop() {
            let known = node_of(u64::from(self.numbers[id.index()]));
            let is_directory = matches!(self.tree.inode(id).kind, Kind::Directory(_));
            if let Some(index) = known {
                self.nodes[index].links += u32::from(!is_directory);
            } else {
                self.numbers[id.index()] = ino_of(self.nodes.len());
                let links = if is_directory { 2 } else { 1 };
                self.nodes.push(Node { links, ..node(Some(id), parent) });
                if is_directory {
                    let above = node_of(u64::from(parent)).expect("invariant: parents are numbered first");
                    self.nodes[above].links += 1;
                }
            }
            self.push_names(id, &mut todo);
        }
        Ok(())
    }

    /// Finds the tree's own `lost+found` and gives it the number that belongs to it.
    fn lost_found(&mut self) -> Result<Option<InodeId>, Error> {
        let Kind::Directory(names) = &self.tree.inode(self.tree.root()).kind else { return Ok(None) };
        let Some(id) = names.get(LOST_FOUND) else { return Ok(None) };
        self.numbers[id.index()] = FIRST_INO;
        match &self.tree.inode(*id).kind {
            Kind::Directory(_) => Ok(Some(*id)),
            other => Err(Error::LostFound { kind: other.noun() }),
        }
    }

    fn push_names(&self, id: InodeId, todo: &mut Vec<(InodeId, u32)>) {
        if let Kind::Directory(names) = &self.tree.inode(id).kind {
            let parent = self.numbers[id.index()];
            todo.extend(names.values().rev().map(|below| (*below, parent)));
        }
    }

    /// Checks every inode and finds out what it needs beside its data.
    fn measure(&mut self) -> Result<(), Error> {
        let mut shared: BTreeMap<&'a Xattrs, u32> = BTreeMap::new();
        for index in 0..self.nodes.len() {
            let node = self.nodes[index];
            let Some(id) = node.id else {
                self.nodes[index].dir_blocks = LOST_FOUND_BLOCKS;
                continue;
            };
            let inode = self.tree.inode(id);
            check(inode, node.links).map_err(|error| error.at(self, id))?;
            if let Kind::Directory(names) = &inode.kind {
                let directory = self.directory(index).map_err(|error| error.at(self, id, names.len()))?;
                let (dir_blocks, indexed) = (directory.blocks(), directory.is_indexed());
                self.nodes[index] = Node { dir_blocks, indexed, ..node };
            }
            if inode.xattrs.is_empty() {
                continue;
            }
            let attributes = Attributes::new(&inode.xattrs).map_err(|refused| refused.at(self, id))?;
            if attributes.need_block() {
                self.nodes[index].xattr_block = Some(self.share(&mut shared, &inode.xattrs, index));
            }
        }
        Ok(())
    }

    fn share(&mut self, shared: &mut BTreeMap<&'a Xattrs, u32>, xattrs: &'a Xattrs, node: usize) -> u32 {
        let block = shared.get(xattrs).copied();
        let block = block.filter(|at| self.xattr_blocks[*at as usize].references < XATTR_REFERENCES_MAX);
        let block = block.unwrap_or_else(|| {
            self.xattr_blocks.push(XattrBlock { owner: node as u32, references: 0 });
            self.xattr_blocks.len() as u32 - 1
        });
        self.xattr_blocks[block as usize].references += 1;
        shared.insert(xattrs, block);
        block
    }

    /// The content of the directory that node `index` is.
    pub(crate) fn directory(&self, index: usize) -> Result<Directory<'_>, super::directory::TooManyEntries> {
        let mut entries = Vec::new();
        if let Kind::Directory(names) = &self.inode(&self.nodes[index]).kind {
            entries.extend(names.iter().map(|(name, id)| Entry {
                name,
                ino: self.numbers[id.index()],
                file_type: file_type(&self.tree.inode(*id).kind),
            }));
        }
        if index == 0 && self.nodes[1].id.is_none() {
            entries.push(Entry { name: LOST_FOUND, ino: FIRST_INO, file_type: file_type(&self.made.kind) });
        }
        let min_blocks = if index == 1 { LOST_FOUND_BLOCKS } else { 1 };
        Directory::new(entries, min_blocks, self.hash)
    }

    /// The blocks of a node's data, as runs of (first, number) within it.
    pub(crate) fn runs<'n>(&'n self, node: &Node) -> Box<dyn Iterator<Item = (u64, u64)> + 'n> {
        match &self.inode(node).kind {
            Kind::Directory(_) => Box::new(std::iter::once((0, u64::from(node.dir_blocks)))),
            Kind::File(blob) => Box::new(data_runs(blob)),
            Kind::Symlink(target) if target.len() > FAST_SYMLINK_MAX => Box::new(std::iter::once((0, 1))),
            _ => Box::new(std::iter::empty()),
        }
    }

    fn path(&self, id: InodeId) -> TreePath {
        self.tree.walk().find(|entry| entry.id == id).map_or_else(TreePath::root, |entry| entry.path)
    }
}

/// What is wrong with an inode, before its path was looked up.
enum Wrong {
    FileTooLarge(u64),
    Links(u32),
    Time(i64),
    Symlink(&'static str),
    Device(u32, u32),
}

fn check(inode: &Inode, links: u32) -> Result<(), Wrong> {
    let secs = inode.attrs.mtime.secs;
    match &inode.kind {
        _ if !(TIME_MIN..=TIME_MAX).contains(&secs) => Err(Wrong::Time(secs)),
        Kind::Directory(_) => Ok(()),
        _ if links > LINKS_MAX => Err(Wrong::Links(links)),
        Kind::File(blob) if blob.len() > FILE_MAX => Err(Wrong::FileTooLarge(blob.len())),
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
            Self::Links(links) => Error::TooManyLinks { path, links },
            Self::Time(secs) => Error::Time { path, secs },
            Self::Symlink(wrong) => Error::Symlink { path, wrong },
            Self::Device(major, minor) => Error::Device { path, major, minor },
        }
    }
}

impl Refused {
    fn at(self, census: &Census<'_>, id: InodeId) -> Error {
        let path = census.path(id);
        let text = |name: Box<[u8]>| name.escape_ascii().to_string();
        match self {
            Self::Name(name) => Error::XattrName { path, name: text(name) },
            Self::Acl(name) => Error::Acl { path, name: text(name) },
            Self::TooLarge { bytes, room } => Error::XattrsTooLarge { path, bytes, room },
        }
    }
}

impl super::directory::TooManyEntries {
    fn at(self, census: &Census<'_>, id: InodeId, entries: usize) -> Error {
        Error::DirectoryTooLarge { path: census.path(id), entries }
    }
}
