//! The bytes, in ascending order: fixed structures where the geometry has them, data in between.

use super::census::{Census, ino_of, node_of};
use super::checksum::Seed;
use super::extents::Extent;
use super::format::{
    BLOCK, BLOCK_BYTES, BLOCK_UNINIT, Block, EXTENTS_FL, FAST_SYMLINK_MAX, GROUP_BLOCKS, INDEX_FL, INODE,
    INODE_UNINIT, JOURNAL_INO, LINKS_MAX, RESIZE_INO,
};
use super::geometry::Geometry;
use super::inode::{Raw, device};
use super::place::{Placement, order, owned_xattrs};
use super::superblock::{Totals, super_block};
use super::xattr::Attributes;
use super::{Error, Options, groups, journal, resize};
use pintle_model::{Blob, Kind, Sink};
use std::iter::Peekable;
use std::vec;

/// Bytes of an inode table put down at once.
const TABLE_CHUNK: usize = 64 * BLOCK;

/// A structure at a fixed place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fixed {
    /// Superblock, descriptors and their reserve.
    Base(u64),
    BlockBitmap(u64),
    InodeBitmap(u64),
    InodeTable(u64),
}

/// All that the bytes are made from.
pub(crate) struct Image<'a> {
    pub(crate) options: &'a Options,
    pub(crate) census: &'a Census<'a>,
    pub(crate) geometry: &'a Geometry,
    pub(crate) placement: &'a Placement,
    pub(crate) totals: Totals,
}

impl Image<'_> {
    /// Hands the whole file system to `sink`.
    pub(crate) fn write(&self, sink: &mut dyn Sink) -> Result<(), Error> {
        let seed = Seed::of(&self.options.uuid);
        let (descriptors, flags) = groups::descriptors(self.census, self.geometry, self.placement, seed);
        let fixed = self.fixed(&flags).into_iter().peekable();
        let mut writer = Writer { image: self, seed, descriptors, fixed, sink };
        writer.data()?;
        writer.fixed_before(u64::MAX)
    }

    /// The fixed structures that have bytes, in the order of their places.
    fn fixed(&self, flags: &[u16]) -> Vec<(u64, Fixed)> {
        let mut all = Vec::new();
        for ((number, group), flags) in (0..).zip(&self.geometry.groups).zip(flags) {
            if self.geometry.base(number) > 0 {
                all.push((number * GROUP_BLOCKS, Fixed::Base(number)));
            }
            if flags & BLOCK_UNINIT == 0 {
                all.push((group.block_bitmap, Fixed::BlockBitmap(number)));
            }
            if flags & INODE_UNINIT == 0 {
                all.push((group.inode_bitmap, Fixed::InodeBitmap(number)));
                all.push((group.inode_table, Fixed::InodeTable(number)));
            }
        }
        all.sort_unstable();
        all
    }

    /// What inode `ino` says; `None` for reserved numbers that are not in use.
    fn inode(&self, ino: u64) -> Option<Raw> {
        if ino == u64::from(RESIZE_INO) {
            let block = self.placement.resize?;
            return Some(resize::inode(self.geometry, block, self.options.epoch));
        }
        if ino == u64::from(JOURNAL_INO) {
            let blocks = self.options.journal? / BLOCK_BYTES;
            return Some(journal::inode(&self.placement.journal()?, blocks, self.options.epoch));
        }
        let index = node_of(ino)?;
        let node = &self.census.nodes[index];
        let inode = self.census.inode(node);
        let tree = self.placement.tree(index);
        let extents_root = || (EXTENTS_FL, tree.root());
        let (size, (flags, block)) = match &inode.kind {
            Kind::Directory(_) => {
                let (flags, block) = extents_root();
                let index_flag = if node.indexed { INDEX_FL } else { 0 };
                (u64::from(node.dir_blocks) * BLOCK_BYTES, (flags | index_flag, block))
            }
            Kind::File(blob) => (blob.len(), extents_root()),
            Kind::Symlink(target) if target.len() > FAST_SYMLINK_MAX => (target.len() as u64, extents_root()),
            Kind::Symlink(target) => {
                let mut block = [0; 60];
                block[..target.len()].copy_from_slice(target);
                (target.len() as u64, (0, block))
            }
            Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
                (0, (0, device(*major, *minor)))
            }
            Kind::Fifo | Kind::Socket => (0, (0, [0; 60])),
        };
        let data: u64 = tree.extents.iter().map(|extent| u64::from(extent.len)).sum();
        Some(Raw {
            mode: inode.kind.type_bits() | (inode.attrs.mode & 0o7777),
            attrs: inode.attrs,
            // Only directories get so far; there 1 means "many" (dir_nlink).
            links: if node.links > LINKS_MAX { 1 } else { node.links as u16 },
            size,
            blocks: data + tree.own_blocks() + u64::from(node.xattr_block.is_some()),
            flags,
            block,
            xattr_block: node.xattr_block.map_or(0, |block| self.placement.xattr_blocks[block as usize]),
            xattrs: (!inode.xattrs.is_empty()).then(|| attributes(inode)),
        })
    }
}

fn attributes(inode: &pintle_model::Inode) -> Attributes {
    Attributes::new(&inode.xattrs).expect("invariant: the census refused attributes that do not fit")
}

/// One pass over an image.
struct Writer<'a, 's> {
    image: &'a Image<'a>,
    seed: Seed,
    /// All group descriptors.
    descriptors: Vec<u8>,
    /// Fixed structures still to come.
    fixed: Peekable<vec::IntoIter<(u64, Fixed)>>,
    sink: &'s mut dyn Sink,
}

impl Writer<'_, '_> {
    /// Everything that the placement placed, in its order.
    fn data(&mut self) -> Result<(), Error> {
        let image = self.image;
        if let Some(block) = image.placement.resize {
            self.block(block, &resize::double_indirect(image.geometry))?;
        }
        self.journal()?;
        for index in order(image.census) {
            let node = &image.census.nodes[index];
            let inode = image.census.inode(node);
            if let Some(block) = owned_xattrs(image.census, node, index) {
                let number = image.placement.xattr_blocks[block];
                let mut bytes = attributes(inode).block(image.census.xattr_blocks[block].references);
                self.seed.seal_xattrs(&mut bytes, number);
                self.block(number, &bytes)?;
            }
            let extents = image.placement.tree(index).extents;
            match &inode.kind {
                Kind::Directory(_) => self.directory(index, extents)?,
                Kind::File(blob) => self.file(blob, extents)?,
                Kind::Symlink(target) => {
                    for extent in extents {
                        self.bytes(extent.start, target)?;
                    }
                }
                _ => {}
            }
            let seed = self.seed.inode(ino_of(index));
            image.placement.tree(index).blocks(seed, |number, block| self.block(number, block))?;
        }
        Ok(())
    }

    fn journal(&mut self) -> Result<(), Error> {
        let Some((tree, bytes)) = self.image.placement.journal().zip(self.image.options.journal) else {
            return Ok(());
        };
        let superblock = journal::superblock(&self.image.options.uuid, bytes / BLOCK_BYTES);
        self.block(tree.extents[0].start, &superblock)?;
        let seed = self.seed.inode(JOURNAL_INO);
        tree.blocks(seed, |number, block| self.block(number, block))
    }

    fn directory(&mut self, index: usize, extents: &[Extent]) -> Result<(), Error> {
        let image = self.image;
        let directory = image
            .census
            .directory(index)
            .expect("invariant: the census refused directories that are too large");
        let ino = ino_of(index);
        let mut places = extents.iter().flat_map(|extent| extent.start..extent.start + u64::from(extent.len));
        directory.write(ino, image.census.nodes[index].parent, self.seed.inode(ino), |block| {
            let place = places.next().expect("invariant: as many blocks were allocated as the directory has");
            self.block(place, block)
        })
    }

    /// Points the sink to the file's data, extent by extent.
    fn file(&mut self, blob: &Blob, extents: &[Extent]) -> Result<(), Error> {
        let mut segments = blob.segments();
        for extent in extents {
            self.fixed_before(extent.start)?;
            let start = u64::from(extent.logical) * BLOCK_BYTES;
            let end = start + u64::from(extent.len) * BLOCK_BYTES;
            while let Some(segment) = segments.first().filter(|segment| segment.at < end) {
                let segment_end = segment.at + segment.len;
                let (from, to) = (segment.at.max(start), segment_end.min(end));
                let place = extent.start * BLOCK_BYTES + (from - start);
                self.sink.copy(place, &segment.bytes, from - segment.at, to - from).map_err(Error::Sink)?;
                if segment_end > end {
                    break;
                }
                segments = &segments[1..];
            }
        }
        Ok(())
    }

    fn block(&mut self, number: u64, block: &Block) -> Result<(), Error> {
        self.bytes(number, block)
    }

    fn bytes(&mut self, block: u64, bytes: &[u8]) -> Result<(), Error> {
        self.fixed_before(block)?;
        self.sink.write(block * BLOCK_BYTES, bytes).map_err(Error::Sink)
    }

    /// Puts down the fixed structures that stand before `block`.
    fn fixed_before(&mut self, block: u64) -> Result<(), Error> {
        while let Some((at, fixed)) = self.fixed.next_if(|(at, _)| *at < block) {
            let image = self.image;
            match fixed {
                Fixed::Base(group) => self.base(at, group)?,
                Fixed::BlockBitmap(group) => {
                    self.put(at, &groups::block_bitmap(image.geometry, image.placement, group).0)?;
                }
                Fixed::InodeBitmap(group) => {
                    self.put(at, &groups::inode_bitmap(image.census, image.geometry, group))?;
                }
                Fixed::InodeTable(group) => self.inode_table(at, group)?,
            }
        }
        Ok(())
    }

    fn put(&mut self, block: u64, bytes: &[u8]) -> Result<(), Error> {
        self.sink.write(block * BLOCK_BYTES, bytes).map_err(Error::Sink)
    }

    fn base(&mut self, at: u64, group: u64) -> Result<(), Error> {
        let Image { options, geometry, totals, .. } = self.image;
        self.put(at, &super_block(options, geometry, totals, group))?;
        self.sink.write((at + 1) * BLOCK_BYTES, &self.descriptors).map_err(Error::Sink)?;
        // The copies of the spares stay zero.
        let spares = if group == 0 { geometry.reserved_blocks } else { 0 };
        let first = at + 1 + geometry.descriptor_blocks;
        (0..spares).try_for_each(|spare| self.put(first + spare, &resize::indirect(geometry, spare)))
    }

    /// The part of a group's inode table that is in use.
    fn inode_table(&mut self, at: u64, group: u64) -> Result<(), Error> {
        let image = self.image;
        let first = group * image.geometry.inodes_per_group + 1;
        let used = groups::used_inodes(image.census, image.geometry, group);
        let mut place = at * BLOCK_BYTES;
        let mut chunk = Vec::with_capacity(TABLE_CHUNK);
        for ino in first..first + used {
            let bytes = image.inode(ino).map_or([0; INODE], |inode| inode.bytes(ino as u32, self.seed));
            chunk.extend_from_slice(&bytes);
            if chunk.len() == TABLE_CHUNK || ino + 1 == first + used {
                self.sink.write(place, &chunk).map_err(Error::Sink)?;
                place += chunk.len() as u64;
                chunk.clear();
            }
        }
        Ok(())
    }
}
