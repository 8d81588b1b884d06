//! Bitmaps and group descriptors: what each group holds.

use super::census::{Census, ino_of};
use super::checksum::Seed;
use super::format::{BLOCK, BLOCK_BYTES, BLOCK_UNINIT, Block, DESCRIPTOR, INODE_UNINIT, INODE_ZEROED};
use super::geometry::Geometry;
use super::place::Placement;
use super::superblock::{GroupUse, descriptor};
use pintle_model::Kind;
use std::ops::Range;

/// The bitmap of a group's blocks and the number of those in use; what lies behind the end of the file system is
/// marked but not counted.
pub(crate) fn block_bitmap(geometry: &Geometry, placement: &Placement, group: u64) -> (Block, u64) {
    let mut bits = [0; BLOCK];
    let range = geometry.range(group);
    let data_end = placement.end.clamp(range.start, range.end);
    let mut used = data_end - range.start;
    set(&mut bits, 0..used);
    for fixed in geometry.fixed_in(&(data_end..range.end)) {
        used += fixed.end - fixed.start;
        set(&mut bits, fixed.start - range.start..fixed.end - range.start);
    }
    set(&mut bits, range.end - range.start..8 * BLOCK_BYTES);
    (bits, used)
}

/// Inodes in use in a group: numbers are given without gaps.
pub(crate) fn used_inodes(census: &Census<'_>, geometry: &Geometry, group: u64) -> u64 {
    census.inodes().saturating_sub(group * geometry.inodes_per_group).min(geometry.inodes_per_group)
}

/// The bitmap of a group's inodes.
pub(crate) fn inode_bitmap(census: &Census<'_>, geometry: &Geometry, group: u64) -> Block {
    let mut bits = [0; BLOCK];
    set(&mut bits, 0..used_inodes(census, geometry, group));
    set(&mut bits, geometry.inodes_per_group..8 * BLOCK_BYTES);
    bits
}

fn set(bits: &mut Block, range: Range<u64>) {
    let (start, end) = (range.start as usize, range.end as usize);
    let (first, last) = (start.div_ceil(8), end / 8);
    if first <= last {
        bits[first..last].fill(0xFF);
        (start..first * 8).for_each(|bit| bits[bit / 8] |= 1 << (bit % 8));
        (last * 8..end).for_each(|bit| bits[bit / 8] |= 1 << (bit % 8));
    } else {
        (start..end).for_each(|bit| bits[bit / 8] |= 1 << (bit % 8));
    }
}

/// Descriptors of all groups, back to back.
pub(crate) fn descriptors(
    census: &Census<'_>,
    geometry: &Geometry,
    placement: &Placement,
    seed: Seed,
) -> (Vec<u8>, Vec<u16>) {
    let directories = directories(census, geometry);
    let mut bytes = Vec::with_capacity(geometry.groups.len() * DESCRIPTOR);
    let mut flags = Vec::with_capacity(geometry.groups.len());
    for (number, place) in geometry.groups.iter().enumerate() {
        let usage = GroupUse {
            directories: directories[number],
            ..group_use(census, geometry, placement, number as u64, seed)
        };
        flags.push(usage.flags);
        bytes.extend_from_slice(&descriptor(number as u32, place, &usage, seed));
    }
    (bytes, flags)
}

fn group_use(
    census: &Census<'_>,
    geometry: &Geometry,
    placement: &Placement,
    group: u64,
    seed: Seed,
) -> GroupUse {
    let range = geometry.range(group);
    let (bits, used) = block_bitmap(geometry, placement, group);
    let inodes = used_inodes(census, geometry, group);
    let free_inodes = (geometry.inodes_per_group - inodes) as u32;
    let mut usage = GroupUse {
        flags: INODE_ZEROED,
        free_blocks: (range.end - range.start - used) as u32,
        free_inodes,
        unused_inodes: free_inodes,
        ..GroupUse::default()
    };
    // A bitmap need not exist where it follows from the layout; the last group's never does (its end).
    if used == geometry.base(group) && group + 1 < geometry.groups.len() as u64 {
        usage.flags |= BLOCK_UNINIT;
    } else {
        usage.block_bitmap_sum = seed.bitmap(&bits);
    }
    if inodes == 0 {
        usage.flags |= INODE_UNINIT;
    } else {
        let bits = inode_bitmap(census, geometry, group);
        usage.inode_bitmap_sum = seed.bitmap(&bits[..geometry.inodes_per_group as usize / 8]);
    }
    usage
}

/// Directories by the group of their inode.
fn directories(census: &Census<'_>, geometry: &Geometry) -> Vec<u32> {
    let mut counts = vec![0; geometry.groups.len()];
    for (index, node) in census.nodes.iter().enumerate() {
        if matches!(census.inode(node).kind, Kind::Directory(_)) {
            counts[((u64::from(ino_of(index)) - 1) / geometry.inodes_per_group) as usize] += 1;
        }
    }
    counts
}
