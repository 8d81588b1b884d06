//! The hash index of a large directory (`Documentation/filesystems/ext4`, "Hash Tree Directories"): a root block,
//! in large ones a level of nodes, then leaves filled with names in the order of their hashes.

use super::checksum::Seed;
use super::directory::{Entry, ROOM, TooManyEntries, dots, entry_len, leaf, put_entry};
use super::dirhash::HashSeed;
use super::format::{BLOCK, Block, put16, put32};

/// Where the entries of the root begin: behind `.`, `..` and the root's own description.
const ROOT_ENTRIES: usize = 32;
/// Where the entries of a node begin: behind an empty directory entry.
const NODE_ENTRIES: usize = 8;
/// Entries in the root and in a node; the first slot's hash holds limit and count, the last is the checksum.
const ROOT_LIMIT: usize = (BLOCK - ROOT_ENTRIES) / 8 - 1;
const NODE_LIMIT: usize = (BLOCK - NODE_ENTRIES) / 8 - 1;
/// The version of the hash in `dirhash.rs`; that bytes are unsigned is said in the superblock.
pub(crate) const HALF_MD4: u8 = 1;

/// A leaf: the lowest hash that it is responsible for, and where its entries end.
struct Leaf {
    hash: u32,
    end: usize,
}

/// Entries in leaf order and their division.
pub(crate) struct Index<'a> {
    entries: Vec<Entry<'a>>,
    leaves: Vec<Leaf>,
    nodes: usize,
}

impl<'a> Index<'a> {
    pub(crate) fn new(entries: Vec<Entry<'a>>, seed: HashSeed) -> Result<Self, TooManyEntries> {
        let mut hashed: Vec<_> = entries.into_iter().map(|entry| (seed.hash(entry.name), entry)).collect();
        hashed.sort_by(|(a_hash, a), (b_hash, b)| (a_hash, a.name).cmp(&(b_hash, b.name)));
        let mut leaves: Vec<Leaf> = Vec::new();
        let (mut left, mut previous) = (0, None);
        for (end, ((hash, _), entry)) in hashed.iter().enumerate() {
            let len = entry_len(entry.name.len());
            if len > left {
                // Equal hashes on both sides of the border: the low bit sends a search on to the next leaf.
                let continued = u32::from(previous == Some(*hash));
                leaves.push(Leaf { hash: hash | continued, end });
                left = ROOM;
            }
            left -= len;
            previous = Some(*hash);
            if let Some(leaf) = leaves.last_mut() {
                leaf.end = end + 1;
            }
        }
        let nodes = if leaves.len() <= ROOT_LIMIT { 0 } else { leaves.len().div_ceil(NODE_LIMIT) };
        if nodes > ROOT_LIMIT {
            return Err(TooManyEntries);
        }
        Ok(Self { entries: hashed.into_iter().map(|(_, entry)| entry).collect(), leaves, nodes })
    }

    /// Length of the directory.
    pub(crate) fn blocks(&self) -> u32 {
        (1 + self.nodes + self.leaves.len()) as u32
    }

    /// Hands out the root, the nodes, the leaves.
    pub(crate) fn write<E>(
        &self,
        ino: u32,
        parent: u32,
        seed: Seed,
        mut put: impl FnMut(&Block) -> Result<(), E>,
    ) -> Result<(), E> {
        let first_leaf = 1 + self.nodes as u32;
        let leaves: Vec<(u32, u32)> =
            self.leaves.iter().zip(first_leaf..).map(|(leaf, block)| (leaf.hash, block)).collect();
        let nodes: Vec<(u32, u32)> =
            leaves.chunks(NODE_LIMIT).zip(1..).map(|(leaves, block)| (leaves[0].0, block)).collect();
        let top = if self.nodes == 0 { &leaves } else { &nodes };
        put(&root(ino, parent, u8::from(self.nodes > 0), top, seed))?;
        if self.nodes > 0 {
            leaves.chunks(NODE_LIMIT).try_for_each(|leaves| put(&node(leaves, seed)))?;
        }
        let mut start = 0;
        self.leaves.iter().try_for_each(|part| {
            let block = leaf(self.entries[start..part.end].iter(), seed);
            start = part.end;
            put(&block)
        })
    }
}

fn root(ino: u32, parent: u32, levels: u8, entries: &[(u32, u32)], seed: Seed) -> Block {
    let mut block = [0; BLOCK];
    let [dot, dot_dot] = dots(ino, parent);
    put_entry(&mut block, &dot, 12);
    // To a reader that knows no index, `..` covers all of it.
    put_entry(&mut block[12..], &dot_dot, BLOCK - 12);
    block[28..32].copy_from_slice(&[HALF_MD4, 8, levels, 0]);
    put_entries(&mut block, ROOT_ENTRIES, ROOT_LIMIT, entries);
    seed.seal_index(&mut block, ROOT_ENTRIES, entries.len());
    block
}

fn node(entries: &[(u32, u32)], seed: Seed) -> Block {
    let mut block = [0; BLOCK];
    put16(&mut block, 4, BLOCK as u16);
    put_entries(&mut block, NODE_ENTRIES, NODE_LIMIT, entries);
    seed.seal_index(&mut block, NODE_ENTRIES, entries.len());
    block
}

fn put_entries(block: &mut Block, at: usize, limit: usize, entries: &[(u32, u32)]) {
    for (slot, (hash, child)) in block[at..].chunks_exact_mut(8).zip(entries) {
        put32(slot, 0, *hash);
        put32(slot, 4, *child);
    }
    put16(block, at, limit as u16);
    put16(block, at + 2, entries.len() as u16);
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    /// Two names of equal hash, one the last of its leaf and one the first of the next: the index must say so.
    #[test]
    fn equal_hashes_across_a_border_are_marked() {
        let seed = HashSeed::new(&Uuid::nil());
        let mut names: Vec<String> = (0..200_000).map(|n| format!("{n:08}")).collect();
        names.sort_by_key(|name| seed.hash(name.as_bytes()).0);
        let hash = |name: &String| seed.hash(name.as_bytes()).0;
        let twin = names.windows(2).position(|pair| hash(&pair[0]) == hash(&pair[1])).unwrap();
        let in_leaf = ROOM / entry_len(8);
        let skip = (twin + 1) % in_leaf;
        let entry = |name| Entry { name, ino: 12, file_type: 1 };
        let entries = names[skip..].iter().map(|name| entry(name.as_bytes())).collect();
        let index = Index::new(entries, seed).unwrap_or_else(|_| panic!("too many"));
        let border = (twin + 1 - skip) / in_leaf;
        assert_eq!(index.leaves[border].hash, hash(&names[twin]) | 1);
        let marked = index.leaves.iter().filter(|leaf| leaf.hash & 1 == 1).count();
        assert!(marked < 5, "{marked}");
    }
}
