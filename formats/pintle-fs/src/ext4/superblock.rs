//! The superblock and the group descriptors (`Documentation/filesystems/ext4`, "Super Block", "Block Group
//! Descriptors").

use super::Options;
use super::checksum::{self, Seed};
use super::format::{
    BLOCK, Block, COMPAT, COMPAT_HAS_JOURNAL, COMPAT_RESIZE_INODE, DESCRIPTOR, FIRST_INO, GROUP_BLOCKS,
    INCOMPAT, INODE, INODE_EXTRA, JOURNAL_INO, MAGIC, RO_COMPAT, put_halves, put_split, put16, put32,
};
use super::geometry::{Geometry, Group};
use super::htree::HALF_MD4;

/// What the superblock repeats of the journal's inode.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JournalPlace {
    pub(crate) block: [u8; 60],
    pub(crate) size: u64,
}

/// Numbers that are known once all is placed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Totals {
    pub(crate) journal: Option<JournalPlace>,
    pub(crate) free_blocks: u64,
    pub(crate) reserved_blocks: u64,
    pub(crate) free_inodes: u64,
}

/// The 1024 bytes of the copy that stands in `group`.
fn superblock(options: &Options, geometry: &Geometry, totals: &Totals, group: u64) -> [u8; 1024] {
    let mut out = [0; 1024];
    let o = &mut out[..];
    put32(o, 0x00, geometry.inodes() as u32);
    put_split(o, 0x04, 0x150, geometry.blocks);
    put_split(o, 0x08, 0x154, totals.reserved_blocks);
    put_split(o, 0x0C, 0x158, totals.free_blocks);
    put32(o, 0x10, totals.free_inodes as u32);
    let log_block_size = BLOCK.trailing_zeros() - 10;
    put32(o, 0x18, log_block_size);
    put32(o, 0x1C, log_block_size);
    put32(o, 0x20, GROUP_BLOCKS as u32);
    put32(o, 0x24, GROUP_BLOCKS as u32);
    put32(o, 0x28, geometry.inodes_per_group as u32);
    // Never checked for the number of mounts.
    put16(o, 0x36, u16::MAX);
    put16(o, 0x38, MAGIC);
    // Copies never claim to be clean: whoever has to fall back on one gets a check.
    put16(o, 0x3A, u16::from(group == 0));
    // On errors: continue, the kernel's default.
    put16(o, 0x3C, 1);
    put32(o, 0x4C, 1);
    put32(o, 0x54, FIRST_INO);
    put16(o, 0x58, INODE as u16);
    put16(o, 0x5A, group as u16);
    let resize_inode = if geometry.reserved_blocks > 0 { COMPAT_RESIZE_INODE } else { 0 };
    let has_journal = if options.journal.is_some() { COMPAT_HAS_JOURNAL } else { 0 };
    put32(o, 0x5C, COMPAT | resize_inode | has_journal);
    put32(o, 0x60, INCOMPAT);
    put32(o, 0x64, RO_COMPAT);
    o[0x68..0x78].copy_from_slice(options.uuid.as_bytes());
    o[0x78..0x78 + options.label.len()].copy_from_slice(options.label.as_bytes());
    put16(o, 0xCE, geometry.reserved_blocks as u16);
    o[0xEC..0xFC].copy_from_slice(options.hash_seed.as_bytes());
    o[0xFC] = HALF_MD4;
    if let Some(journal) = &totals.journal {
        put32(o, 0xE0, JOURNAL_INO);
        // What the inode says, should it be lost: its map, and the halves of its size.
        o[0xFD] = 1;
        o[0x10C..0x148].copy_from_slice(&journal.block);
        put_split(o, 0x14C, 0x148, journal.size);
    }
    put16(o, 0xFE, DESCRIPTOR as u16);
    // Mount options: user_xattr, acl.
    put32(o, 0x100, 0x4 | 0x8);
    put16(o, 0x15C, INODE_EXTRA as u16);
    put16(o, 0x15E, INODE_EXTRA as u16);
    // Names are hashed as unsigned bytes.
    put32(o, 0x160, 0x2);
    o[0x174] = super::format::FLEX_GROUPS.trailing_zeros() as u8;
    // Checksums are CRC-32C.
    o[0x175] = 1;
    let epoch = options.epoch.secs as u64;
    for (low, high) in [(0x30, 0x274), (0x40, 0x277), (0x108, 0x276)] {
        put32(o, low, epoch as u32);
        o[high] = (epoch >> 32) as u8;
    }
    let sum = checksum::superblock(&out[..0x3FC]);
    put32(&mut out, 0x3FC, sum);
    out
}

/// The block at the start of `group`: the first group leaves room for a boot sector.
pub(crate) fn super_block(options: &Options, geometry: &Geometry, totals: &Totals, group: u64) -> Block {
    let mut block = [0; BLOCK];
    let at = if group == 0 { 1024 } else { 0 };
    block[at..at + 1024].copy_from_slice(&superblock(options, geometry, totals, group));
    block
}

/// What a group descriptor says beside places.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GroupUse {
    pub(crate) flags: u16,
    pub(crate) free_blocks: u32,
    pub(crate) free_inodes: u32,
    pub(crate) directories: u32,
    /// Inodes at the end of the table that were never used.
    pub(crate) unused_inodes: u32,
    pub(crate) block_bitmap_sum: u32,
    pub(crate) inode_bitmap_sum: u32,
}

/// The sealed descriptor of group `number`.
pub(crate) fn descriptor(number: u32, group: &Group, usage: &GroupUse, seed: Seed) -> [u8; DESCRIPTOR] {
    let mut out = [0; DESCRIPTOR];
    let o = &mut out[..];
    put_split(o, 0x00, 0x20, group.block_bitmap);
    put_split(o, 0x04, 0x24, group.inode_bitmap);
    put_split(o, 0x08, 0x28, group.inode_table);
    put_halves(o, 0x0C, 0x2C, usage.free_blocks);
    put_halves(o, 0x0E, 0x2E, usage.free_inodes);
    put_halves(o, 0x10, 0x30, usage.directories);
    put16(o, 0x12, usage.flags);
    put_halves(o, 0x18, 0x38, usage.block_bitmap_sum);
    put_halves(o, 0x1A, 0x3A, usage.inode_bitmap_sum);
    put_halves(o, 0x1C, 0x32, usage.unused_inodes);
    seed.seal_descriptor(number, &mut out);
    out
}
