//! An empty journal (`Documentation/filesystems/ext4`, "Journal (jbd2)"; its numbers are big-endian): a file whose
//! first block says that nothing is to be replayed. The rest is zero and the kernel's to fill.

use super::extents::ExtentTree;
use super::format::{BLOCK, BLOCK_BYTES, Block, EXTENTS_FL};
use super::inode::Raw;
use pintle_model::{Attrs, Timestamp};
use uuid::Uuid;

/// Fewest blocks the kernel accepts (`JBD2_MIN_JOURNAL_BLOCKS`).
pub(crate) const MIN_BLOCKS: u64 = 1024;
/// Most blocks `mke2fs` makes (40 GB); more only makes mounting slow.
pub(crate) const MAX_BLOCKS: u64 = 10_240_000;

/// Magic, "superblock, version 2".
const MAGIC: u32 = 0xC03B_3998;
const SUPERBLOCK_V2: u32 = 4;

/// The inode.
pub(crate) fn inode(tree: &ExtentTree<'_>, blocks: u64, epoch: Timestamp) -> Raw {
    Raw {
        mode: 0o100_600,
        attrs: Attrs { mtime: epoch, ..Attrs::root(0o600) },
        links: 1,
        size: blocks * BLOCK_BYTES,
        blocks: blocks + tree.own_blocks(),
        flags: EXTENTS_FL,
        block: tree.root(),
        xattr_block: 0,
        xattrs: None,
    }
}

/// The first block of a journal of so many blocks.
pub(crate) fn superblock(uuid: &Uuid, blocks: u64) -> Block {
    let mut out = [0; BLOCK];
    // Magic, type; block size, length, first block of the log, first transaction; start 0 means "clean".
    let words = [
        (0x00, MAGIC),
        (0x04, SUPERBLOCK_V2),
        (0x0C, BLOCK as u32),
        (0x10, blocks as u32),
        (0x14, 1),
        (0x18, 1),
    ];
    // One file system uses it.
    for (at, word) in words.into_iter().chain([(0x40, 1)]) {
        out[at..at + 4].copy_from_slice(&word.to_be_bytes());
    }
    out[0x30..0x40].copy_from_slice(uuid.as_bytes());
    out
}
