//! Directory blocks: entries in a row, each block ending in a checksum record. A directory of more than one block
//! gets an index (`htree.rs`). (`Documentation/filesystems/ext4`, "Directory Entries".)

use super::checksum::Seed;
use super::dirhash::HashSeed;
use super::format::{BLOCK, Block, DIR_TAIL, DIR_TAIL_TYPE, put16, put32};
use super::htree::Index;
use crate::common::DIRECTORY;

/// Bytes for entries in a block.
pub(crate) const ROOM: usize = BLOCK - DIR_TAIL;
/// `.` and `..`, at the start of every directory.
const DOTS: usize = 24;

/// One name in a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) ino: u32,
    pub(crate) file_type: u8,
}

/// Bytes of an entry with a name of `name` bytes.
pub(crate) fn entry_len(name: usize) -> usize {
    (8 + name).next_multiple_of(4)
}

/// A directory ready to be counted or written.
pub(crate) enum Directory<'a> {
    /// Everything in the first block; empty blocks may follow.
    Linear { entries: Vec<Entry<'a>>, blocks: u32 },
    /// With an index.
    Indexed(Index<'a>),
}

/// More names than an index of two levels can lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyEntries;

impl<'a> Directory<'a> {
    /// Decides the form. `min_blocks` is the length to which a small directory is filled up.
    pub(crate) fn new(
        entries: Vec<Entry<'a>>,
        min_blocks: u32,
        hash: HashSeed,
    ) -> Result<Self, TooManyEntries> {
        let bytes: usize = entries.iter().map(|entry| entry_len(entry.name.len())).sum();
        if DOTS + bytes <= ROOM {
            return Ok(Self::Linear { entries, blocks: min_blocks.max(1) });
        }
        Index::new(entries, hash).map(Self::Indexed)
    }

    /// Length in blocks.
    pub(crate) fn blocks(&self) -> u32 {
        match self {
            Self::Linear { blocks, .. } => *blocks,
            Self::Indexed(index) => index.blocks(),
        }
    }

    /// True when the inode must say that there is an index.
    pub(crate) fn is_indexed(&self) -> bool {
        matches!(self, Self::Indexed(_))
    }

    /// Hands out all blocks in order. `seed` is that of the directory's inode.
    pub(crate) fn write<E>(
        &self,
        ino: u32,
        parent: u32,
        seed: Seed,
        mut put: impl FnMut(&Block) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Linear { entries, blocks } => {
                put(&leaf(dots(ino, parent).iter().chain(entries), seed))?;
                (1..*blocks).try_for_each(|_| put(&leaf([].iter(), seed)))
            }
            Self::Indexed(index) => index.write(ino, parent, seed, put),
        }
    }
}

/// The entries every directory begins with.
pub(crate) fn dots(ino: u32, parent: u32) -> [Entry<'static>; 2] {
    [(&b"."[..], ino), (b"..", parent)].map(|(name, ino)| Entry { name, ino, file_type: DIRECTORY })
}

/// Puts one entry that takes `len` bytes.
pub(crate) fn put_entry(out: &mut [u8], entry: &Entry<'_>, len: usize) {
    put32(out, 0, entry.ino);
    put16(out, 4, len as u16);
    out[6] = entry.name.len() as u8;
    out[7] = entry.file_type;
    out[8..8 + entry.name.len()].copy_from_slice(entry.name);
}

/// A sealed block of entries, the last of which reaches to the tail.
pub(crate) fn leaf<'e, 'a: 'e>(entries: impl Iterator<Item = &'e Entry<'a>>, seed: Seed) -> Block {
    let mut block = [0; BLOCK];
    let (mut at, mut last) = (0, 0);
    for entry in entries {
        let len = entry_len(entry.name.len());
        put_entry(&mut block[at..], entry, len);
        last = at;
        at += len;
    }
    put16(&mut block, last + 4, (ROOM - last) as u16);
    put16(&mut block, ROOM + 4, DIR_TAIL as u16);
    block[ROOM + 7] = DIR_TAIL_TYPE;
    seed.seal_leaf(&mut block);
    block
}
