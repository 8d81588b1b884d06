//! The resize inode: a file of which every block is a spare for group descriptors. Its double indirect block lists
//! the spares behind the first copy of the descriptors, each of which lists its fellows behind the other copies.
//! The kernel takes them from there when the file system grows while mounted. (`fs/ext4/resize.c`,
//! `verify_reserved_gdb`.)

use super::format::{ADDRESSES_PER_BLOCK, BLOCK, BLOCK_BYTES, Block, GROUP_BLOCKS, put32};
use super::geometry::Geometry;
use super::inode::Raw;
use pintle_model::{Attrs, Timestamp};

/// Length of the file: all that direct, indirect and double indirect blocks can map.
const SIZE: u64 = (ADDRESSES_PER_BLOCK * ADDRESSES_PER_BLOCK + ADDRESSES_PER_BLOCK + 12) * BLOCK_BYTES;
/// Index of the double indirect block among the fifteen of an inode.
const DOUBLE_INDIRECT: usize = 13;

/// The inode, whose double indirect block is at `block`.
pub(crate) fn inode(geometry: &Geometry, block: u64, epoch: Timestamp) -> Raw {
    let mut map = [0; 60];
    put32(&mut map, DOUBLE_INDIRECT * 4, block as u32);
    let copies = 1 + geometry.backups().count() as u64;
    Raw {
        mode: 0o100_600,
        attrs: Attrs { mtime: epoch, ..Attrs::root(0o600) },
        links: 1,
        size: SIZE,
        blocks: 1 + geometry.reserved_blocks * copies,
        flags: 0,
        block: map,
        xattr_block: 0,
        xattrs: None,
    }
}

/// The double indirect block: each spare at the index of the descriptor block it would become.
pub(crate) fn double_indirect(geometry: &Geometry) -> Block {
    let mut out = [0; BLOCK];
    for spare in 0..geometry.reserved_blocks {
        let index = (geometry.descriptor_blocks + spare) % ADDRESSES_PER_BLOCK;
        put32(&mut out, index as usize * 4, spare_block(geometry, spare, 0) as u32);
    }
    out
}

/// The content of spare number `spare` in the first group.
pub(crate) fn indirect(geometry: &Geometry, spare: u64) -> Block {
    let mut out = [0; BLOCK];
    for (slot, group) in out.chunks_exact_mut(4).zip(geometry.backups()) {
        put32(slot, 0, spare_block(geometry, spare, group) as u32);
    }
    out
}

fn spare_block(geometry: &Geometry, spare: u64, group: u64) -> u64 {
    group * GROUP_BLOCKS + 1 + geometry.descriptor_blocks + spare
}
