use super::Error;
use super::format::{ENTRY, ShortName, UNITS_PER_ENTRY};
use super::names::{LongName, aliases, folded, is_exact};
use pintle_model::{Blob, Inode, InodeId, Kind, Timestamp, Tree, TreePath};
use std::collections::BTreeMap;

/// Most bytes of a directory that is a chain of clusters (fatgen103 page 25: 65536 entries).
const DIRECTORY_ENTRIES_MAX: u64 = 65_536;

/// A tree as FAT sees it: one node per name, directories before what is in them, in path order.
pub(super) struct Plan<'a> {
    /// The first is the root.
    pub(super) nodes: Vec<Node<'a>>,
    /// 32-byte entries of the root directory.
    pub(super) root_entries: u64,
}

/// One name.
pub(super) struct Node<'a> {
    pub(super) name: LongName,
    pub(super) short: ShortName,
    pub(super) mtime: Timestamp,
    pub(super) content: Content<'a>,
}

pub(super) enum Content<'a> {
    File(&'a Blob),
    /// Indices of the nodes in it and of the one it is in; how many 32-byte entries it takes in all.
    Directory {
        children: Vec<usize>,
        parent: usize,
        entries: u64,
    },
}

impl Node<'_> {
    /// Bytes it takes in clusters.
    pub(super) fn bytes(&self) -> u64 {
        match &self.content {
            Content::File(blob) => blob.len(),
            Content::Directory { entries, .. } => entries * ENTRY as u64,
        }
    }
}

/// How many long-name entries stand before the short one.
fn long_entries(name: &LongName, short: &ShortName) -> u64 {
    if is_exact(name, short) { 0 } else { name.units.len().div_ceil(UNITS_PER_ENTRY) as u64 }
}

/// Checks the whole tree and gives every name its alias.
pub(super) fn plan<'a>(tree: &'a Tree, label: bool) -> Result<Plan<'a>, Error> {
    let root = tree.inode(tree.root());
    let mut nodes = vec![Node {
        name: LongName { text: String::new(), units: Vec::new() },
        short: [b' '; 11],
        mtime: root.attrs.mtime,
        content: directory(0),
    }];
    let mut todo = Vec::new();
    enter(&mut nodes, &mut todo, Open { node: 0, path: TreePath::root(), inode: root })?;
    while let Some(Named { parent, path, name, short, id }) = todo.pop() {
        let inode = tree.inode(id);
        let index = nodes.len();
        if let Content::Directory { children, .. } = &mut nodes[parent].content {
            children.push(index);
        }
        let content = content(&path, &inode.kind, parent)?;
        let is_directory = matches!(content, Content::Directory { .. });
        nodes.push(Node { name, short, mtime: inode.attrs.mtime, content });
        if is_directory {
            enter(&mut nodes, &mut todo, Open { node: index, path, inode })?;
        }
    }
    let root_entries = nodes[0].bytes() / ENTRY as u64 + u64::from(label);
    if let Content::Directory { entries, .. } = &mut nodes[0].content {
        *entries = root_entries;
    }
    Ok(Plan { nodes, root_entries })
}

fn directory<'a>(parent: usize) -> Content<'a> {
    Content::Directory { children: Vec::new(), parent, entries: 0 }
}

fn content<'a>(path: &TreePath, kind: &'a Kind, parent: usize) -> Result<Content<'a>, Error> {
    match kind {
        Kind::Directory(_) => Ok(directory(parent)),
        Kind::File(blob) if blob.len() <= u64::from(u32::MAX) => Ok(Content::File(blob)),
        Kind::File(blob) => Err(Error::FileTooLarge { path: path.clone(), len: blob.len() }),
        other => Err(Error::Kind { path: path.clone(), kind: other.noun() }),
    }
}

/// A directory whose names are to be read.
struct Open<'a> {
    node: usize,
    path: TreePath,
    inode: &'a Inode,
}

/// A name that waits for its turn.
struct Named {
    parent: usize,
    path: TreePath,
    name: LongName,
    short: ShortName,
    id: InodeId,
}

/// Puts the names of one directory on the stack, the last first, and counts their entries.
fn enter(nodes: &mut [Node], todo: &mut Vec<Named>, open: Open) -> Result<(), Error> {
    let Kind::Directory(names) = &open.inode.kind else { return Ok(()) };
    let below = |name: &[u8]| open.path.join(name).expect("invariant: names in a tree make good paths");
    let mut long = Vec::with_capacity(names.len());
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for name in names.keys() {
        let checked = LongName::new(name).map_err(|source| Error::Name { path: below(name), source })?;
        if let Some(other) = seen.insert(folded(&checked.text), checked.text.clone()) {
            return Err(Error::SameName { path: below(name), other });
        }
        long.push(checked);
    }
    // "." and ".." stand in every directory but the root.
    let mut count = if open.path.is_root() { 0 } else { 2 };
    let from = todo.len();
    let short = aliases(&long);
    for (((name, id), long), short) in names.iter().zip(long).zip(short) {
        let path = below(name);
        let short = short.ok_or_else(|| Error::NoAlias(path.clone()))?;
        count += 1 + long_entries(&long, &short);
        todo.push(Named { parent: open.node, path, name: long, short, id: *id });
    }
    todo[from..].reverse();
    if count > DIRECTORY_ENTRIES_MAX {
        return Err(Error::DirectoryTooLarge { path: open.path, entries: count, max: DIRECTORY_ENTRIES_MAX });
    }
    if let Content::Directory { entries, .. } = &mut nodes[open.node].content {
        *entries = count;
    }
    Ok(())
}
