//! Where the fixed structures stand: superblocks, group descriptors, bitmaps, inode tables. Everything else is
//! free for data. Depends on the number of blocks and inodes only.

use super::format::{
    BLOCK_BYTES, DESCRIPTORS_PER_BLOCK, FLEX_GROUPS, GROUP_BLOCKS, GROUP_INODES_MAX, INODES_PER_BLOCK,
};
use std::ops::Range;

/// Blocks that the last group must offer beyond its own structures, or it is not made (as `mke2fs` does).
const LAST_GROUP_MIN: u64 = 50;

/// What the geometry is computed from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// Blocks of the file system; the geometry may have fewer (see [`LAST_GROUP_MIN`]).
    pub(crate) blocks: u64,
    /// Inodes there must be at least, reserved ones included.
    pub(crate) inodes: u64,
    /// Bytes of the file system per inode, where that gives more inodes.
    pub(crate) inode_ratio: u64,
    /// Bytes to which the file system must be able to grow by reserved descriptors.
    pub(crate) grow_to: u64,
}

/// The structures of one group; all block numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Group {
    pub(crate) block_bitmap: u64,
    pub(crate) inode_bitmap: u64,
    pub(crate) inode_table: u64,
}

/// The fixed part of a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) blocks: u64,
    pub(crate) inodes_per_group: u64,
    /// Blocks of group descriptors, in each copy.
    pub(crate) descriptor_blocks: u64,
    /// Blocks kept behind them for more groups, in each copy.
    pub(crate) reserved_blocks: u64,
    pub(crate) groups: Vec<Group>,
    /// Blocks taken by all of the above: sorted, apart from each other.
    pub(crate) fixed: Vec<Range<u64>>,
}

/// True for groups that hold a copy of superblock and descriptors (`sparse_super`): 0, 1 and powers of 3, 5, 7.
pub(crate) fn has_super(group: u64) -> bool {
    let power_of = |base: u64| {
        let mut power = base;
        while power < group {
            power *= base;
        }
        power == group
    };
    group <= 1 || [3, 5, 7].into_iter().any(power_of)
}

impl Geometry {
    /// Lays out a file system; `None` when the blocks do not even hold the structures.
    pub(crate) fn new(wish: &Wish) -> Option<Self> {
        let mut blocks = wish.blocks;
        loop {
            let mut geometry = Self::sized(wish, blocks)?;
            let last = geometry.groups.len() as u64 - 1;
            let rest = blocks - last * GROUP_BLOCKS;
            if rest >= geometry.last_group_min() {
                geometry.place()?;
                return Some(geometry);
            }
            if last == 0 {
                return None;
            }
            blocks = last * GROUP_BLOCKS;
        }
    }

    /// A number of blocks, not below `blocks` and not much above, whose last group is worth having.
    pub(crate) fn round_up(wish: &Wish, mut blocks: u64) -> u64 {
        // More blocks may mean more inodes, thus larger tables: again, until it holds.
        while let Some(geometry) = Self::sized(wish, blocks) {
            let least = (geometry.groups.len() as u64 - 1) * GROUP_BLOCKS + geometry.last_group_min();
            if blocks >= least {
                break;
            }
            blocks = least;
        }
        blocks
    }

    fn sized(wish: &Wish, blocks: u64) -> Option<Self> {
        let count = blocks.div_ceil(GROUP_BLOCKS);
        if count == 0 {
            return None;
        }
        let wanted = wish.inodes.max(blocks * BLOCK_BYTES / wish.inode_ratio.max(1));
        let limit = (u64::from(u32::MAX) / count).min(GROUP_INODES_MAX) / INODES_PER_BLOCK * INODES_PER_BLOCK;
        let per_group = wanted.div_ceil(count).next_multiple_of(INODES_PER_BLOCK).min(limit);
        let descriptor_blocks = count.div_ceil(DESCRIPTORS_PER_BLOCK);
        Some(Self {
            blocks,
            inodes_per_group: per_group,
            descriptor_blocks,
            reserved_blocks: reserved_blocks(wish, blocks, descriptor_blocks),
            groups: vec![Group::default(); usize::try_from(count).ok()?],
            fixed: Vec::new(),
        })
    }

    fn last_group_min(&self) -> u64 {
        let last = self.groups.len() as u64 - 1;
        let spare = if last == 0 { 0 } else { LAST_GROUP_MIN };
        self.base(last) + 2 + self.table_blocks() + spare
    }

    /// Blocks of one group's inode table.
    pub(crate) fn table_blocks(&self) -> u64 {
        self.inodes_per_group / INODES_PER_BLOCK
    }

    /// Inodes of the file system.
    pub(crate) fn inodes(&self) -> u64 {
        self.inodes_per_group * self.groups.len() as u64
    }

    /// Blocks at the start of `group` that hold the superblock, the descriptors and their reserve.
    pub(crate) fn base(&self, group: u64) -> u64 {
        if has_super(group) { 1 + self.descriptor_blocks + self.reserved_blocks } else { 0 }
    }

    /// The blocks of `group`.
    pub(crate) fn range(&self, group: u64) -> Range<u64> {
        group * GROUP_BLOCKS..self.blocks.min((group + 1) * GROUP_BLOCKS)
    }

    /// Groups beside the first that hold copies of the superblock.
    pub(crate) fn backups(&self) -> impl Iterator<Item = u64> + use<> {
        (1..self.groups.len() as u64).filter(|group| has_super(*group))
    }

    /// Blocks of `within` that the fixed structures take.
    pub(crate) fn fixed_in(&self, within: &Range<u64>) -> impl Iterator<Item = Range<u64>> + use<'_> {
        let within = within.clone();
        let first = self.fixed.partition_point(|range| range.end <= within.start);
        let until = within.end;
        self.fixed[first..]
            .iter()
            .take_while(move |range| range.start < until)
            .map(move |range| range.start.max(within.start)..range.end.min(within.end))
    }

    /// Puts the bitmaps and inode tables of each flex group at its front, around the copies of the superblock.
    fn place(&mut self) -> Option<()> {
        let count = self.groups.len() as u64;
        let table = self.table_blocks();
        let mut fixed: Vec<Range<u64>> = Vec::new();
        for first in (0..count).step_by(FLEX_GROUPS as usize) {
            let members = first..count.min(first + FLEX_GROUPS);
            let mut at = first * GROUP_BLOCKS;
            for group in members.clone() {
                self.groups[group as usize].block_bitmap = self.next_place(&mut at, 1);
            }
            for group in members.clone() {
                self.groups[group as usize].inode_bitmap = self.next_place(&mut at, 1);
            }
            for group in members.clone() {
                self.groups[group as usize].inode_table = self.next_place(&mut at, table);
            }
            for group in members {
                let base = group * GROUP_BLOCKS;
                let Group { block_bitmap, inode_bitmap, inode_table } = self.groups[group as usize];
                fixed.extend([
                    base..base + self.base(group),
                    block_bitmap..block_bitmap + 1,
                    inode_bitmap..inode_bitmap + 1,
                    inode_table..inode_table + table,
                ]);
            }
        }
        fixed.retain(|range| !range.is_empty());
        fixed.sort_by_key(|range| range.start);
        for range in fixed {
            match self.fixed.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => self.fixed.push(range),
            }
        }
        self.fixed.last().is_none_or(|range| range.end <= self.blocks).then_some(())
    }

    /// The next `len` blocks in a row from `at` on that no copy of the superblock takes.
    fn next_place(&self, at: &mut u64, len: u64) -> u64 {
        loop {
            let group = *at / GROUP_BLOCKS;
            let base_end = group * GROUP_BLOCKS + self.base(group);
            *at = (*at).max(base_end);
            let next = (group + 1..=(*at + len - 1) / GROUP_BLOCKS).find(|group| self.base(*group) > 0);
            match next {
                Some(group) => *at = group * GROUP_BLOCKS,
                None => {
                    let place = *at;
                    *at += len;
                    return place;
                }
            }
        }
    }
}

/// Descriptor blocks to keep for growth: enough for 1024 times the size (as `mke2fs` does) and for
/// [`Wish::grow_to`], but at most what one indirect block can list and a 32nd of the first group.
fn reserved_blocks(wish: &Wish, blocks: u64, descriptor_blocks: u64) -> u64 {
    let target = (wish.grow_to / BLOCK_BYTES).max(blocks.saturating_mul(1024)).min(1 << 32);
    let wanted =
        target.div_ceil(GROUP_BLOCKS).div_ceil(DESCRIPTORS_PER_BLOCK).saturating_sub(descriptor_blocks);
    let room = (blocks.min(GROUP_BLOCKS) / 32).max(1);
    wanted.min(super::format::ADDRESSES_PER_BLOCK).min(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(blocks: u64) -> Wish {
        Wish { blocks, inodes: 100, inode_ratio: 16384, grow_to: 1 << 40 }
    }

    #[test]
    fn copies_of_the_superblock_are_sparse() {
        let holders: Vec<u64> = (0..130).filter(|group| has_super(*group)).collect();
        assert_eq!(holders, [0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125]);
    }

    #[test]
    fn structures_never_overlap() {
        for (blocks, inodes, inode_ratio) in [
            (40, 12, 1 << 20),
            (32_768, 12, 16384),
            (40_000, 12, 16384),
            (17 * GROUP_BLOCKS, 12, 4096),
            (130 * GROUP_BLOCKS + 5_000, 130 * 32_768, 1),
            (520 * GROUP_BLOCKS, 12, 16384),
        ] {
            let wish = Wish { inodes, inode_ratio, ..wish(blocks) };
            let geometry = Geometry::new(&wish).unwrap();
            let pieces: u64 = (0..geometry.groups.len() as u64)
                .map(|group| geometry.base(group) + 2 + geometry.table_blocks())
                .sum();
            let fixed: u64 = geometry.fixed.iter().map(|range| range.end - range.start).sum();
            assert_eq!(pieces, fixed, "{blocks} blocks");
            assert!(geometry.fixed.is_sorted_by(|a, b| a.end < b.start), "{blocks} blocks");
            assert!(geometry.inodes() >= inodes);
        }
    }

    #[test]
    fn a_useless_last_group_is_not_made() {
        assert_eq!(Geometry::new(&wish(GROUP_BLOCKS + 20)).unwrap().blocks, GROUP_BLOCKS);
        let rounded = Geometry::round_up(&wish(0), GROUP_BLOCKS + 20);
        assert_eq!(Geometry::new(&wish(rounded)).unwrap().blocks, rounded);
        assert!(Geometry::new(&wish(3)).is_none());
    }
}
