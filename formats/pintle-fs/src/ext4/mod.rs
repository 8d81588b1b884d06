//! A writer of ext4 file systems that needs neither root nor a mount, and a small reader.
//!
//! What it makes: 4 KiB blocks, extents, directory indexes, `metadata_csum`, `64bit`, `flex_bg`, 256-byte inodes
//! with times to the nanosecond from 1901 to 2446, a resize inode (the file system grows while mounted, by
//! `resize2fs` and by `systemd-growfs`), no journal unless asked for. The Linux kernel, e2fsprogs and GRUB 2.12 read it.
//!
//! Layout: each flex group of 16 groups begins with its bitmaps and inode tables; data fills what they leave from
//! front to back, directories first, then files in the order of the walk; what is free is at the end. Equal trees
//! and options give equal bytes. File data is pointed at ([`Sink::copy`]), never read, and starts at multiples of
//! 4 KiB. Memory: some hundred bytes per inode, extent and block group, and one directory at a time.
//!
//! Source: the kernel's `Documentation/filesystems/ext4`, and `fs/ext4` where that is silent.

mod census;
mod checksum;
mod directory;
mod dirhash;
mod error;
mod extents;
mod format;
mod geometry;
mod groups;
mod htree;
mod inode;
mod journal;
mod place;
pub mod read;
mod resize;
mod superblock;
mod write;
mod xattr;

pub use error::Error;
pub use extents::Extent;

use format::{BLOCK_BYTES, TIME_MAX};
use pintle_model::{Count, InodeId, Kind, Sink, Timestamp, Tree};
use std::ops::RangeInclusive;
use uuid::Uuid;

/// How to make a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Its UUID; also seeds the metadata checksums.
    pub uuid: Uuid,
    /// Seed of the hashes in directory indexes. On a system that users can write to it should not be guessable.
    pub hash_seed: Uuid,
    /// Volume label, at most 16 bytes.
    pub label: String,
    /// Length in bytes, of which whole blocks are used, and a last group of some MB only if it is worth it
    /// ([`Summary::size`] has the result). `None`: as small as content and [`Options::free`] allow.
    pub size: Option<u64>,
    /// Bytes to leave for the data of ordinary users where `size` is `None`: what `df` will show as available.
    pub free: u64,
    /// Per cent of all blocks that only root may use, 0 to 50.
    pub reserved_percent: u8,
    /// Time of making and of last writing.
    pub epoch: Timestamp,
    /// One inode for so many bytes at least; 16384 as with `mke2fs`. Growing keeps the ratio.
    pub inode_ratio: u32,
    /// Free inodes that there must be at least, whatever the ratio gives.
    pub free_inodes: u32,
    /// Bytes of a journal, of which whole blocks are used: 4 MiB to 40 GB. `None`, as in images whose slots are
    /// read-only: no journal.
    pub journal: Option<u64>,
    /// Bytes to which the file system must be able to grow while mounted with the descriptors reserved for that
    /// (1024 times its size is always possible, except that tiny ones reserve less). Beyond, the kernel still
    /// grows it, by another layout (`meta_bg`).
    pub grow_to: u64,
}

/// Blocks that a journal may have.
const JOURNAL: RangeInclusive<u64> = journal::MIN_BLOCKS..=journal::MAX_BLOCKS;

impl Options {
    /// No label, no journal, as small as possible, 1 % reserved, an inode for each 16 KiB and 1024 free ones at least, able to
    /// grow to 1 TiB.
    #[must_use]
    pub fn new(uuid: Uuid, hash_seed: Uuid, epoch: Timestamp) -> Self {
        Self {
            uuid,
            hash_seed,
            label: String::new(),
            size: None,
            free: 0,
            reserved_percent: 1,
            epoch,
            inode_ratio: 16384,
            free_inodes: 1024,
            journal: None,
            grow_to: 1 << 40,
        }
    }

    fn check(&self) -> Result<(), Error> {
        match self {
            Self { label, .. } if label.len() > 16 => Err(Error::Label { label: label.clone() }),
            Self { reserved_percent: 51.., .. } => Err(Error::ReservedPercent(self.reserved_percent)),
            Self { epoch, .. } if !(0..=TIME_MAX).contains(&epoch.secs) => Err(Error::Epoch(*epoch)),
            Self { journal: Some(bytes), .. } if !JOURNAL.contains(&(bytes / BLOCK_BYTES)) => {
                Err(Error::Journal { bytes: *bytes })
            }
            _ => Ok(()),
        }
    }
}

/// What was made, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Length in bytes. The last bytes may be zero and not have been put to the sink.
    pub size: u64,
    /// Length in blocks of 4 KiB.
    pub block_count: u64,
    /// Blocks that nothing uses, those reserved for root included.
    pub free_blocks: u64,
    /// Blocks reserved for root.
    pub reserved_blocks: u64,
    /// All inodes.
    pub inode_count: u32,
    /// Inodes that nothing uses.
    pub free_inodes: u32,
    /// Where the data of regular files is, in the order of the walk; files without data are left out.
    pub extents: Vec<(InodeId, Vec<Extent>)>,
}

/// Finds out what [`write()`] would make: the same function with a sink that only counts.
///
/// # Errors
/// [`Error`].
pub fn layout(tree: &Tree, options: &Options) -> Result<Summary, Error> {
    write(tree, options, &mut Count::default())
}

/// Writes `tree` as a file system. All calls to the sink ascend and do not overlap. A tree without `/lost+found`
/// gets an empty one.
///
/// # Errors
/// [`Error`].
pub fn write(tree: &Tree, options: &Options, sink: &mut dyn Sink) -> Result<Summary, Error> {
    options.check()?;
    let census = census::Census::take(tree, options)?;
    let (geometry, placement) = place::fit(&census, options)?;
    let journal = placement.journal().zip(options.journal).map(|(tree, bytes)| superblock::JournalPlace {
        block: tree.root(),
        size: bytes / BLOCK_BYTES * BLOCK_BYTES,
    });
    let totals = superblock::Totals {
        journal,
        free_blocks: place::free_blocks(&geometry, &placement),
        reserved_blocks: place::reserved(options, geometry.blocks),
        free_inodes: geometry.inodes() - census.inodes(),
    };
    let image = write::Image { options, census: &census, geometry: &geometry, placement: &placement, totals };
    image.write(sink)?;
    let extents = census.nodes.iter().enumerate().filter_map(|(index, node)| {
        let extents = placement.tree(index).extents;
        let is_file = matches!(census.inode(node).kind, Kind::File(_));
        (is_file && !extents.is_empty()).then_some((node.id?, extents.to_vec()))
    });
    Ok(Summary {
        size: geometry.blocks * BLOCK_BYTES,
        block_count: geometry.blocks,
        free_blocks: totals.free_blocks,
        reserved_blocks: totals.reserved_blocks,
        inode_count: geometry.inodes() as u32,
        free_inodes: totals.free_inodes as u32,
        extents: extents.collect(),
    })
}
