//! A small reader: what an image says of itself, paths, files, attributes. It serves inspection and tests, knows
//! extents only, ignores indexes (as GRUB does), and takes every byte for hostile: limits bound its work, checksums
//! of superblock and inodes are verified where the file system has them.

mod attributes;
mod names;
mod range;
mod stat;

pub use stat::Stat;

use super::checksum::{self, Seed};
use super::extents::Extent;
use super::format::{
    EXTENT_MAGIC, EXTENT_MAX, EXTENTS_FL, FAST_SYMLINK_MAX, INCOMPAT, INCOMPAT_64BIT, INODE_OLD, MAGIC,
};
use pintle_model::Limit;
use std::io;
use uuid::Uuid;

/// Bytes at offsets: an image file, a slice.
pub trait ReadAt {
    /// Fills `out` from byte `offset` on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] beyond the end, or whatever the place reports.
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
}

impl ReadAt for &[u8] {
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).ok();
        let bytes = start.and_then(|start| self.get(start..start.checked_add(out.len())?));
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Bounds on what a reader does for one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Length of a file or directory read whole: it is held in memory.
    pub file_bytes: Limit,
    /// Names met in one directory or on one walk: directories may lead in a circle.
    pub names: Limit,
    /// Blocks of one extent tree: they may refer to each other in a circle.
    pub tree_blocks: Limit,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            file_bytes: Limit::new(1 << 30, "bytes of one file in an ext4 image"),
            names: Limit::new(4_000_000, "names in an ext4 image"),
            tree_blocks: Limit::new(100_000, "blocks of one extent tree"),
        }
    }
}

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No superblock.
    #[error("not an ext4 file system")]
    NotExt4,
    /// A feature that this reader does not know.
    #[error("the file system uses {0}, which this reader does not know")]
    Unsupported(String),
    /// The superblock contradicts itself.
    #[error("damaged superblock: {0}")]
    Superblock(&'static str),
    /// An inode, or what belongs to it, contradicts itself.
    #[error("damaged inode {ino}: {what}")]
    Damaged {
        /// The inode.
        ino: u32,
        /// The structure.
        what: &'static str,
    },
    /// Over a limit.
    #[error("{value} are over the limit of {} {}", limit.max, limit.what)]
    Limit {
        /// The limit.
        limit: Limit,
        /// What was met.
        value: u64,
    },
    /// The image could not be read.
    #[error("cannot read the image at byte {offset}")]
    Io {
        /// Where.
        offset: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What a superblock says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// UUID of the file system.
    pub uuid: Uuid,
    /// Volume label, without padding.
    pub label: Vec<u8>,
    /// Bytes of a block.
    pub block_size: u64,
    /// Blocks.
    pub block_count: u64,
    /// Blocks not in use.
    pub free_blocks: u64,
    /// Inodes.
    pub inode_count: u32,
    /// Inodes not in use.
    pub free_inodes: u32,
    /// Feature words: compatible, incompatible, read-only compatible.
    pub features: [u32; 3],
}

/// An opened image.
pub struct Reader<'a> {
    image: &'a dyn ReadAt,
    limits: ReadLimits,
    superblock: Superblock,
    seed: Option<Seed>,
    inodes_per_group: u32,
    inode_size: usize,
    descriptor_size: u64,
    first_data_block: u64,
}

/// Little-endian numbers out of bytes whose length was checked.
pub(super) fn get16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn get32(bytes: &[u8], at: usize) -> u32 {
    u32::from(get16(bytes, at)) | u32::from(get16(bytes, at + 2)) << 16
}

/// `metadata_csum` among the read-only compatible features.
const METADATA_CSUM: u32 = 0x400;

impl<'a> Reader<'a> {
    /// Reads the superblock.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn open(image: &'a dyn ReadAt, limits: ReadLimits) -> Result<Self, ReadError> {
        let mut sb = [0; 1024];
        image.read_exact_at(1024, &mut sb).map_err(|_| ReadError::NotExt4)?;
        if get16(&sb, 0x38) != MAGIC {
            return Err(ReadError::NotExt4);
        }
        let damaged = ReadError::Superblock;
        let features = [0x5C, 0x60, 0x64].map(|at| get32(&sb, at));
        if features[1] & !INCOMPAT != 0 {
            return Err(ReadError::Unsupported(format!(
                "incompatible features {:#x}",
                features[1] & !INCOMPAT
            )));
        }
        let has_sums = features[2] & METADATA_CSUM != 0;
        if has_sums && checksum::superblock(&sb[..0x3FC]) != get32(&sb, 0x3FC) {
            return Err(damaged("checksum"));
        }
        let split = |low, high| u64::from(get32(&sb, low)) | u64::from(get32(&sb, high)) << 32;
        let uuid = Uuid::from_slice(&sb[0x68..0x78]).map_err(|_| damaged("UUID"))?;
        let label = sb[0x78..0x88].split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        let log_block_size = get32(&sb, 0x18);
        let inode_size = usize::from(get16(&sb, 0x58));
        let descriptor_size =
            if features[1] & INCOMPAT_64BIT != 0 { u64::from(get16(&sb, 0xFE)) } else { 32 };
        let inodes_per_group = get32(&sb, 0x28);
        if log_block_size > 6 {
            return Err(damaged("block size"));
        }
        let block_size = 1024 << log_block_size;
        if !inode_size.is_power_of_two() || !(INODE_OLD..=block_size).contains(&inode_size) {
            return Err(damaged("inode size"));
        }
        if inodes_per_group == 0 || !(32..=1024).contains(&descriptor_size) {
            return Err(damaged("block groups"));
        }
        let superblock = Superblock {
            uuid,
            label,
            block_size: block_size as u64,
            block_count: split(0x04, 0x150),
            free_blocks: split(0x0C, 0x158),
            inode_count: get32(&sb, 0x00),
            free_inodes: get32(&sb, 0x10),
            features,
        };
        let seed = has_sums.then(|| Seed::of(&uuid));
        let first_data_block = u64::from(get32(&sb, 0x14));
        Ok(Self {
            image,
            limits,
            superblock,
            seed,
            inodes_per_group,
            inode_size,
            descriptor_size,
            first_data_block,
        })
    }

    /// What the superblock says.
    #[must_use]
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// The inode of number `ino`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn inode(&self, ino: u32) -> Result<Stat, ReadError> {
        let damaged = |what| ReadError::Damaged { what, ino };
        if ino == 0 || ino > self.superblock.inode_count {
            return Err(damaged("number"));
        }
        let (group, index) = ((ino - 1) / self.inodes_per_group, (ino - 1) % self.inodes_per_group);
        let mut descriptor = [0; 64];
        let size = self.descriptor_size.min(64) as usize;
        let at = (self.first_data_block + 1) * self.superblock.block_size
            + u64::from(group) * self.descriptor_size;
        self.read_at(at, &mut descriptor[..size])?;
        let table = u64::from(get32(&descriptor, 0x08)) | u64::from(get32(&descriptor, 0x28)) << 32;
        let mut bytes = vec![0; self.inode_size];
        let inside = u64::from(index) * self.inode_size as u64;
        let at = self.block_offset(table, ino)?.checked_add(inside).ok_or(damaged("place"))?;
        self.read_at(at, &mut bytes)?;
        if let Some(seed) = self.seed
            && !seed.inode_is_sealed(ino, &bytes)
        {
            return Err(damaged("checksum"));
        }
        Ok(Stat::new(ino, bytes))
    }

    /// The whole content of a file, directory or symbolic link; holes are zero.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&self, stat: &Stat) -> Result<Vec<u8>, ReadError> {
        let limit = self.limits.file_bytes;
        if !limit.allows(stat.size) {
            return Err(ReadError::Limit { limit, value: stat.size });
        }
        let size = stat.size as usize;
        if stat.flags() & EXTENTS_FL == 0 {
            return match stat.is_symlink() && size <= FAST_SYMLINK_MAX {
                true => Ok(stat.block()[..size].to_vec()),
                false if size == 0 => Ok(Vec::new()),
                false => Err(ReadError::Unsupported(format!("a block map in inode {}", stat.ino))),
            };
        }
        let extents = self.extents(stat)?;
        let mut out = vec![0; size];
        let block_size = self.superblock.block_size as usize;
        for extent in extents {
            let start = extent.logical as usize * block_size;
            let end = size.min(start.saturating_add(extent.len as usize * block_size));
            if start < end {
                self.read_at(self.block_offset(extent.start, stat.ino)?, &mut out[start..end])?;
            }
        }
        Ok(out)
    }

    /// Where the data of an inode is: ascending, not overlapping; what was never written is left out.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn extents(&self, stat: &Stat) -> Result<Vec<Extent>, ReadError> {
        let mut walk = ExtentWalk { reader: self, ino: stat.ino, out: Vec::new(), end: 0, blocks: 0 };
        walk.node(stat.block(), None)?;
        Ok(walk.out)
    }

    fn block_offset(&self, block: u64, ino: u32) -> Result<u64, ReadError> {
        let offset =
            block.checked_mul(self.superblock.block_size).filter(|_| block < self.superblock.block_count);
        offset.ok_or(ReadError::Damaged { what: "block number", ino })
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), ReadError> {
        self.image.read_exact_at(offset, out).map_err(|source| ReadError::Io { offset, source })
    }
}

/// A walk over one extent tree.
struct ExtentWalk<'r, 'a> {
    reader: &'r Reader<'a>,
    ino: u32,
    out: Vec<Extent>,
    /// First logical block that may come next.
    end: u64,
    blocks: u64,
}

impl ExtentWalk<'_, '_> {
    /// One node, whose depth must be `depth` unless it is the root.
    fn node(&mut self, bytes: &[u8], depth: Option<u16>) -> Result<(), ReadError> {
        let damaged = ReadError::Damaged { what: "extent tree", ino: self.ino };
        let (count, own_depth) = (usize::from(get16(bytes, 2)), get16(bytes, 6));
        let entries = bytes[12..].chunks_exact(12);
        let expected = depth.is_none_or(|depth| depth == own_depth) && own_depth <= 5;
        if get16(bytes, 0) != EXTENT_MAGIC || count > entries.len() || !expected {
            return Err(damaged);
        }
        for entry in entries.take(count) {
            if own_depth == 0 {
                self.leaf(entry)?;
                continue;
            }
            self.blocks += 1;
            let limit = self.reader.limits.tree_blocks;
            if !limit.allows(self.blocks) {
                return Err(ReadError::Limit { limit, value: self.blocks });
            }
            let block = u64::from(get32(entry, 4)) | u64::from(get16(entry, 8)) << 32;
            let mut below = vec![0; self.reader.superblock.block_size as usize];
            self.reader.read_at(self.reader.block_offset(block, self.ino)?, &mut below)?;
            self.node(&below, Some(own_depth - 1))?;
        }
        Ok(())
    }

    fn leaf(&mut self, entry: &[u8]) -> Result<(), ReadError> {
        let logical = get32(entry, 0);
        let said = u64::from(get16(entry, 4));
        let (len, written) = if said > EXTENT_MAX { (said - EXTENT_MAX, false) } else { (said, true) };
        if u64::from(logical) < self.end || len == 0 {
            return Err(ReadError::Damaged { what: "extent", ino: self.ino });
        }
        self.end = u64::from(logical) + len;
        if written {
            let start = u64::from(get32(entry, 8)) | u64::from(get16(entry, 6)) << 32;
            self.out.push(Extent { logical, len: len as u32, start });
        }
        Ok(())
    }
}
