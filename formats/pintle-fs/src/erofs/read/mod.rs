//! A reader: what an image says of itself, paths, files, attributes. It serves inspection and tests, knows what the
//! writer makes (and no compact indexes, no compressed ends behind inodes, no further devices), and takes every byte
//! for hostile: limits bound its work, the superblock's checksum is verified.

mod attributes;
mod compressed;
mod names;
mod stat;

pub use crate::ext4::read::ReadAt;
pub use stat::Stat;

use super::format::{
    BLOCK_BYTES, COMPAT_CHECKSUM, HOLE, INCOMPAT_CHUNKS, INCOMPAT_COMPRESSION, INCOMPAT_FRAGMENTS,
    INCOMPAT_ZERO_PADDING, MAGIC, SUPER, SUPER_AT,
};
use super::superblock::checksum;
use pintle_model::Limit;
use stat::Layout;
use std::io;
use uuid::Uuid;

/// Bounds on what a reader does for one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Length of a file or directory read whole: it is held in memory.
    pub file_bytes: Limit,
    /// Names met in one directory or on one walk: directories may lead in a circle.
    pub names: Limit,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            file_bytes: Limit::new(1 << 30, "bytes of one file in an EROFS image"),
            names: Limit::new(4_000_000, "names in an EROFS image"),
        }
    }
}

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No superblock.
    #[error("not an EROFS file system")]
    NotErofs,
    /// A feature that this reader does not know.
    #[error("the file system uses {0}, which this reader does not know")]
    Unsupported(String),
    /// The superblock contradicts itself.
    #[error("damaged superblock: {0}")]
    Superblock(&'static str),
    /// An inode, or what belongs to it, contradicts itself.
    #[error("damaged inode {nid}: {what}")]
    Damaged {
        /// The inode.
        nid: u64,
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
    /// Blocks of 4 KiB.
    pub block_count: u64,
    /// Inodes.
    pub inode_count: u64,
    /// Number of the root directory.
    pub root: u64,
    /// Features that a reader may ignore, and those that it may not.
    pub features: [u32; 2],
}

/// An opened image.
pub struct Reader<'a> {
    image: &'a dyn ReadAt,
    limits: ReadLimits,
    superblock: Superblock,
    epoch: pintle_model::Timestamp,
    /// Byte offset of inode 0.
    inodes_at: u64,
    /// Byte offset of shared attributes.
    shared_at: u64,
    /// The file of fragments.
    packed: Option<u64>,
    /// Logarithm of zstd's window.
    window_log: Option<u8>,
}

/// Little-endian numbers out of bytes whose length was checked.
fn get16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn get32(bytes: &[u8], at: usize) -> u32 {
    u32::from(get16(bytes, at)) | u32::from(get16(bytes, at + 2)) << 16
}

fn get64(bytes: &[u8], at: usize) -> u64 {
    u64::from(get32(bytes, at)) | u64::from(get32(bytes, at + 4)) << 32
}

/// Features that this reader must know and does.
const KNOWN: u32 = INCOMPAT_ZERO_PADDING | INCOMPAT_COMPRESSION | INCOMPAT_CHUNKS | INCOMPAT_FRAGMENTS;
/// Bit of zstd among the methods.
const ZSTD: u16 = 1 << 3;

impl<'a> Reader<'a> {
    /// Reads the superblock.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn open(image: &'a dyn ReadAt, limits: ReadLimits) -> Result<Self, ReadError> {
        let mut block = [0; BLOCK_BYTES as usize];
        image.read_exact_at(0, &mut block).map_err(|_| ReadError::NotErofs)?;
        let sb = &mut block[SUPER_AT..];
        if get32(sb, 0) != MAGIC {
            return Err(ReadError::NotErofs);
        }
        let features = [8, 80].map(|at| get32(sb, at));
        if features[1] & !KNOWN != 0 {
            let unknown = features[1] & !KNOWN;
            return Err(ReadError::Unsupported(format!("incompatible features {unknown:#x}")));
        }
        if u64::from(sb[12]) != u64::from(BLOCK_BYTES.trailing_zeros()) {
            return Err(ReadError::Unsupported(format!("blocks of 2^{} bytes", sb[12])));
        }
        if sb[13] != 0 || sb[90] != 0 || get16(sb, 86) != 0 {
            return Err(ReadError::Unsupported("extensions of the superblock or further devices".into()));
        }
        let stored = get32(sb, 4);
        sb[4..8].fill(0);
        if features[0] & COMPAT_CHECKSUM != 0 && checksum(sb) != stored {
            return Err(ReadError::Superblock("checksum"));
        }
        let uuid = Uuid::from_slice(&sb[48..64]).map_err(|_| ReadError::Superblock("UUID"))?;
        let superblock = Superblock {
            uuid,
            label: sb[64..80].split(|byte| *byte == 0).next().unwrap_or_default().to_vec(),
            block_count: u64::from(get32(sb, 36)),
            inode_count: get64(sb, 16),
            root: u64::from(get16(sb, 14)),
            features,
        };
        let block_at = |at| u64::from(get32(sb, at)) * BLOCK_BYTES;
        Ok(Self {
            image,
            limits,
            superblock,
            epoch: pintle_model::Timestamp { secs: get64(sb, 24) as i64, nanos: get32(sb, 32) },
            inodes_at: block_at(40),
            shared_at: block_at(44),
            packed: (features[1] & INCOMPAT_FRAGMENTS != 0).then(|| get64(sb, 96)),
            window_log: (get16(sb, 84) == ZSTD && features[1] & INCOMPAT_COMPRESSION != 0)
                .then(|| sb[SUPER + 3].saturating_add(10)),
        })
    }

    /// What the superblock says.
    #[must_use]
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
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
        let mut out = vec![0; stat.size as usize];
        if stat.device.is_none() {
            self.fill(stat, 0, &mut out)?;
        }
        Ok(out)
    }

    /// Fills `out` with what stands in a file from byte `from` on; holes are zero.
    ///
    /// # Errors
    /// [`ReadError`], also for bytes behind the end.
    pub fn read_range(&self, stat: &Stat, from: u64, out: &mut [u8]) -> Result<(), ReadError> {
        out.fill(0);
        self.fill(stat, from, out)
    }

    /// Fills `out`, which is zero, with what stands in a file from byte `from` on.
    fn fill(&self, stat: &Stat, from: u64, out: &mut [u8]) -> Result<(), ReadError> {
        if from.checked_add(out.len() as u64).is_none_or(|end| end > stat.size) {
            return Err(stat.damaged("range"));
        }
        match stat.layout {
            Layout::Plain => self.flat(stat, from, out, stat.size),
            Layout::Inline => self.flat(stat, from, out, stat.size / BLOCK_BYTES * BLOCK_BYTES),
            Layout::Chunks => self.chunks(stat, from, out),
            Layout::Compressed => self.compressed(stat, from, out),
        }
    }

    /// Consecutive blocks, of which those from byte `split` on stand behind the inode.
    fn flat(&self, stat: &Stat, from: u64, out: &mut [u8], split: u64) -> Result<(), ReadError> {
        let in_blocks = split.saturating_sub(from).min(out.len() as u64) as usize;
        let (blocks, tail) = out.split_at_mut(in_blocks);
        if !blocks.is_empty() {
            self.read_at(u64::from(stat.place) * BLOCK_BYTES + from, blocks)?;
        }
        if !tail.is_empty() {
            let inside = (from + in_blocks as u64) - split;
            let whole = stat.tail % BLOCK_BYTES + (stat.size - split);
            if whole > BLOCK_BYTES {
                return Err(stat.damaged("end that crosses a block"));
            }
            self.read_at(stat.tail + inside, tail)?;
        }
        Ok(())
    }

    fn chunks(&self, stat: &Stat, from: u64, out: &mut [u8]) -> Result<(), ReadError> {
        if stat.place & !0x1F != 0 {
            return Err(ReadError::Unsupported(format!("chunks of format {:#x}", stat.place)));
        }
        let chunk = BLOCK_BYTES << stat.place;
        let (mut at, end) = (from, from + out.len() as u64);
        while at < end {
            let stop = end.min((at / chunk + 1).saturating_mul(chunk));
            let entry = stat.tail.checked_add(at / chunk * 4).ok_or(stat.damaged("map of chunks"))?;
            let mut block = [0; 4];
            self.read_at(entry, &mut block)?;
            let block = u32::from_le_bytes(block);
            if block != HOLE {
                let target = &mut out[(at - from) as usize..(stop - from) as usize];
                self.read_at(u64::from(block) * BLOCK_BYTES + at % chunk, target)?;
            }
            at = stop;
        }
        Ok(())
    }

    /// Bytes of the image, which must be within its blocks.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), ReadError> {
        let end = offset.checked_add(out.len() as u64);
        if end.is_none_or(|end| end > self.superblock.block_count * BLOCK_BYTES) {
            let source = io::ErrorKind::UnexpectedEof.into();
            return Err(ReadError::Io { offset, source });
        }
        self.image.read_exact_at(offset, out).map_err(|source| ReadError::Io { offset, source })
    }
}
