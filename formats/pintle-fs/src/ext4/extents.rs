//! Extents and the tree that holds them (`Documentation/filesystems/ext4`, "Extent Tree").

use super::checksum::Seed;
use super::format::{
    BLOCK, BLOCK_BYTES, Block, EXTENT_MAGIC, EXTENTS_IN_BLOCK, EXTENTS_IN_INODE, put16, put32,
};
use pintle_model::Blob;

/// A run of a file's blocks in the file system. Units are blocks of 4 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First block, within the file.
    pub logical: u32,
    /// Number of blocks, at most 32768.
    pub len: u32,
    /// First block, within the file system.
    pub start: u64,
}

/// A run of blocks in the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: u64,
    pub(crate) len: u64,
}

/// Block `index` of a list of runs, which must reach so far.
pub(crate) fn nth_block(runs: &[Run], index: u64) -> u64 {
    let mut before = 0;
    let found = runs.iter().find_map(|run| {
        let inside = index - before;
        before += run.len;
        (inside < run.len).then_some(run.start + inside)
    });
    found.expect("invariant: as many blocks were allocated as the tree has")
}

/// The file's blocks that hold data, as (first, number): segments rounded out to blocks and joined.
pub(crate) fn data_runs(blob: &Blob) -> impl Iterator<Item = (u64, u64)> + '_ {
    let mut segments =
        blob.segments().iter().map(|s| (s.at / BLOCK_BYTES, (s.at + s.len).div_ceil(BLOCK_BYTES)));
    let mut held = segments.next();
    std::iter::from_fn(move || {
        let (start, mut end) = held.take()?;
        for (next, next_end) in segments.by_ref() {
            if next > end {
                held = Some((next, next_end));
                break;
            }
            end = end.max(next_end);
        }
        Some((start, end - start))
    })
}

/// Sizes of the tree's levels in blocks, leaves first; empty when the inode holds all extents.
fn levels(extents: usize) -> Vec<usize> {
    let mut levels = Vec::new();
    let mut nodes = extents;
    while nodes > EXTENTS_IN_INODE {
        nodes = nodes.div_ceil(EXTENTS_IN_BLOCK);
        levels.push(nodes);
    }
    levels
}

/// Blocks that the tree over so many extents takes beside the inode.
pub(crate) fn tree_blocks(extents: usize) -> u64 {
    levels(extents).iter().sum::<usize>() as u64
}

/// The extent tree of one inode. Its blocks are numbered level by level, leaves first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExtentTree<'a> {
    pub(crate) extents: &'a [Extent],
    /// Where the tree's own blocks are.
    pub(crate) blocks: &'a [Run],
}

impl ExtentTree<'_> {
    /// What the inode holds in its 60 bytes.
    pub(crate) fn root(&self) -> [u8; 60] {
        let mut out = [0; 60];
        let levels = levels(self.extents.len());
        self.node(&mut out, EXTENTS_IN_INODE, levels.len(), 0, &levels);
        out
    }

    /// Number of the tree's own blocks.
    pub(crate) fn own_blocks(&self) -> u64 {
        self.blocks.iter().map(|run| run.len).sum()
    }

    /// Every block of the tree and its number in the file system, in ascending order.
    pub(crate) fn blocks<E>(
        &self,
        seed: Seed,
        mut put: impl FnMut(u64, &Block) -> Result<(), E>,
    ) -> Result<(), E> {
        let levels = levels(self.extents.len());
        let mut number = 0;
        for (depth, nodes) in levels.iter().enumerate() {
            for node in 0..*nodes {
                let mut block = [0; BLOCK];
                self.node(&mut block, EXTENTS_IN_BLOCK, depth, node, &levels);
                seed.seal_extents(&mut block);
                put(nth_block(self.blocks, number), &block)?;
                number += 1;
            }
        }
        Ok(())
    }

    /// Node `index` of the level at `depth` (0: leaves), which has room for `max` entries.
    fn node(&self, out: &mut [u8], max: usize, depth: usize, index: usize, levels: &[usize]) {
        let below = if depth == 0 { self.extents.len() } else { levels[depth - 1] };
        let first = index * EXTENTS_IN_BLOCK;
        let count = (below - first).min(max);
        put16(out, 0, EXTENT_MAGIC);
        put16(out, 2, count as u16);
        put16(out, 4, max as u16);
        put16(out, 6, depth as u16);
        // Number, within the tree, of the first block of the level below.
        let base: usize = levels[..depth.saturating_sub(1)].iter().sum();
        let stride = EXTENTS_IN_BLOCK.pow(depth as u32);
        for (entry, child) in out[12..].chunks_exact_mut(12).zip(first..first + count) {
            let extent = &self.extents[child * stride];
            put32(entry, 0, extent.logical);
            if depth == 0 {
                put16(entry, 4, extent.len as u16);
                put16(entry, 6, (extent.start >> 32) as u16);
                put32(entry, 8, extent.start as u32);
            } else {
                let block = nth_block(self.blocks, (base + child) as u64);
                put32(entry, 4, block as u32);
                put16(entry, 8, (block >> 32) as u16);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::{Bytes, Segment, SourceId};

    #[test]
    fn segments_become_blocks() {
        let segment = |at, len| Segment { at, len, bytes: Bytes::At { source: SourceId(0), offset: 0 } };
        let blob = Blob::sparse(
            1 << 20,
            vec![
                segment(1, 1),
                segment(4095, 2),
                segment(8192, 1),
                segment(16_384, 4096),
                segment(65_535, 1),
            ],
        )
        .unwrap();
        assert_eq!(data_runs(&blob).collect::<Vec<_>>(), [(0, 3), (4, 1), (15, 1)]);
        assert_eq!(data_runs(&Blob::default()).count(), 0);
    }

    #[test]
    fn the_tree_grows_by_levels() {
        assert_eq!([4, 5, 340, 1360, 1361].map(tree_blocks), [0, 1, 1, 4, 6]);
    }
}
