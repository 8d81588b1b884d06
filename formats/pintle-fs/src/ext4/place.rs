//! Gives everything its blocks: one pass over the free blocks from front to back, so that data stands in the order
//! of the walk and what is left free is in one piece at the end.

use super::census::{Census, Node};
use super::extents::{Extent, ExtentTree, Run, tree_blocks};
use super::format::{BLOCK_BYTES, BLOCKS_MAX, EXTENT_MAX, GROUP_BLOCKS, GROUP_INODES_MAX};
use super::geometry::{Geometry, Wish};
use super::{Error, Options};
use pintle_model::Kind;
use std::ops::Range;

/// Where the data of one node is.
#[derive(Clone, Debug, Default)]
struct Place {
    extents: Range<usize>,
    tree: Range<usize>,
}

/// Where everything is that the geometry leaves open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Placement {
    /// The double indirect block of the resize inode, if it has one.
    pub(crate) resize: Option<u64>,
    journal: Option<Place>,
    /// Block numbers of [`Census::xattr_blocks`].
    pub(crate) xattr_blocks: Vec<u64>,
    /// Behind the last block in use: every block before it is.
    pub(crate) end: u64,
    extents: Vec<Extent>,
    trees: Vec<Run>,
    places: Vec<Place>,
}

impl Placement {
    /// A node's data.
    pub(crate) fn tree(&self, node: usize) -> ExtentTree<'_> {
        self.tree_at(&self.places[node])
    }

    /// The journal, if there is one.
    pub(crate) fn journal(&self) -> Option<ExtentTree<'_>> {
        self.journal.as_ref().map(|place| self.tree_at(place))
    }

    fn tree_at(&self, place: &Place) -> ExtentTree<'_> {
        ExtentTree { extents: &self.extents[place.extents.clone()], blocks: &self.trees[place.tree.clone()] }
    }

    /// Places everything, beyond the end of the file system if need be. Directories come first, together: what a
    /// path lookup reads is then in one place; then the rest in the order of the walk.
    fn new(census: &Census<'_>, options: &Options, geometry: &Geometry) -> Self {
        let mut free = Free { fixed: &geometry.fixed, at: 0 };
        let mut placement = Self {
            xattr_blocks: vec![0; census.xattr_blocks.len()],
            places: vec![Place::default(); census.nodes.len()],
            ..Self::default()
        };
        if geometry.reserved_blocks > 0 {
            placement.resize = Some(free.take(1).start);
        }
        placement.journal =
            options.journal.map(|bytes| placement.place([(0, bytes / BLOCK_BYTES)].into_iter(), &mut free));
        for index in order(census) {
            placement.place_node(census, index, &mut free);
        }
        placement.end = free.at;
        placement
    }

    fn place_node(&mut self, census: &Census<'_>, index: usize, free: &mut Free<'_>) {
        let node = &census.nodes[index];
        if let Some(block) = owned_xattrs(census, node, index) {
            self.xattr_blocks[block] = free.take(1).start;
        }
        self.places[index] = self.place(census.runs(node), free);
    }

    /// Gives blocks to runs of data, then to the tree over them.
    fn place(&mut self, runs: impl Iterator<Item = (u64, u64)>, free: &mut Free<'_>) -> Place {
        let first = self.extents.len();
        for (mut logical, mut left) in runs {
            while left > 0 {
                let run = free.take(left.min(EXTENT_MAX));
                self.extents.push(Extent { logical: logical as u32, len: run.len as u32, start: run.start });
                logical += run.len;
                left -= run.len;
            }
        }
        let first_tree = self.trees.len();
        let mut left = tree_blocks(self.extents.len() - first);
        while left > 0 {
            let run = free.take(left);
            left -= run.len;
            self.trees.push(run);
        }
        Place { extents: first..self.extents.len(), tree: first_tree..self.trees.len() }
    }
}

/// The nodes in the order of their data: directories, then the rest.
pub(crate) fn order(census: &Census<'_>) -> impl Iterator<Item = usize> {
    let is_directory = |index: &usize| matches!(census.inode(&census.nodes[*index]).kind, Kind::Directory(_));
    let all = 0..census.nodes.len();
    all.clone().filter(move |index| is_directory(index)).chain(all.filter(move |index| !is_directory(index)))
}

/// The attribute block that stands before the data of node `index`.
pub(crate) fn owned_xattrs(census: &Census<'_>, node: &Node, index: usize) -> Option<usize> {
    let block = node.xattr_block? as usize;
    (census.xattr_blocks[block].owner as usize == index).then_some(block)
}

/// The blocks that are still free: all from `at` on but the fixed ones.
struct Free<'a> {
    fixed: &'a [Range<u64>],
    at: u64,
}

impl Free<'_> {
    /// Takes the next blocks in a row, at least 1 and at most `want`.
    fn take(&mut self, want: u64) -> Run {
        while let Some(range) = self.fixed.first().filter(|range| range.start <= self.at) {
            self.at = self.at.max(range.end);
            self.fixed = &self.fixed[1..];
        }
        let room = self.fixed.first().map_or(u64::MAX, |range| range.start - self.at);
        let run = Run { start: self.at, len: want.min(room) };
        self.at += run.len;
        run
    }
}

/// Finds the geometry in which the content has its place.
pub(crate) fn fit(census: &Census<'_>, options: &Options) -> Result<(Geometry, Placement), Error> {
    let Some(size) = options.size else { return grow(census, options) };
    let blocks = size / BLOCK_BYTES;
    if blocks > BLOCKS_MAX {
        return Err(Error::TooLarge { size });
    }
    if let Some(geometry) = Geometry::new(&wish(census, options, blocks)) {
        let placement = Placement::new(census, options, &geometry);
        if placement.end <= geometry.blocks && geometry.inodes() >= inodes(census, options) {
            return Ok((geometry, placement));
        }
    }
    // Where a size is given, content may take what would be reserved for root.
    let least = Options { free: 0, reserved_percent: 0, ..options.clone() };
    let (needed, _) = grow(census, &least)?;
    Err(Error::TooSmall { size, needed: needed.blocks * BLOCK_BYTES })
}

fn inodes(census: &Census<'_>, options: &Options) -> u64 {
    census.inodes() + u64::from(options.free_inodes)
}

fn wish(census: &Census<'_>, options: &Options, blocks: u64) -> Wish {
    Wish {
        blocks,
        inodes: inodes(census, options),
        inode_ratio: u64::from(options.inode_ratio),
        grow_to: options.grow_to,
    }
}

/// Enlarges a guess until the content and the free space asked for fit. Each step adds exactly what was missing, which
/// only moves the structures a little, so a few steps suffice.
fn grow(census: &Census<'_>, options: &Options) -> Result<(Geometry, Placement), Error> {
    let inodes = inodes(census, options);
    if inodes > u64::from(u32::MAX) {
        return Err(Error::TooManyInodes { inodes });
    }
    let free = options.free.div_ceil(BLOCK_BYTES);
    // At least as many groups as it takes to number the inodes, the last one as small as it can be.
    let mut blocks = ((inodes.div_ceil(GROUP_INODES_MAX) - 1) * GROUP_BLOCKS + 1).max(16);
    loop {
        blocks = Geometry::round_up(&wish(census, options, blocks), blocks);
        let too_large = Error::TooLarge { size: blocks.saturating_mul(BLOCK_BYTES) };
        if blocks > BLOCKS_MAX {
            return Err(too_large);
        }
        let Some(geometry) = Geometry::new(&wish(census, options, blocks)) else {
            blocks += 16;
            continue;
        };
        if geometry.inodes() < inodes {
            blocks += GROUP_BLOCKS;
            continue;
        }
        let placement = Placement::new(census, options, &geometry);
        let wanted = free + reserved(options, geometry.blocks);
        let used_to = placement.end + wanted;
        let left = free_blocks(&geometry, &placement);
        let missing = if placement.end > geometry.blocks {
            used_to - geometry.blocks
        } else {
            wanted.saturating_sub(left)
        };
        if missing == 0 {
            return Ok((geometry, placement));
        }
        blocks = geometry.blocks.saturating_add(missing).max(blocks + 1);
    }
}

/// Blocks that only root may use.
pub(crate) fn reserved(options: &Options, blocks: u64) -> u64 {
    blocks * u64::from(options.reserved_percent) / 100
}

/// Blocks that nothing uses.
pub(crate) fn free_blocks(geometry: &Geometry, placement: &Placement) -> u64 {
    let rest = placement.end..geometry.blocks;
    let fixed: u64 = geometry.fixed_in(&rest).map(|range| range.end - range.start).sum();
    (rest.end - rest.start.min(rest.end)).saturating_sub(fixed)
}
