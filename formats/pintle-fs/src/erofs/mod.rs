//! A writer of EROFS, the kernel's read-only file system, that needs neither root nor a mount, and a reader.
//!
//! What it makes: 4 KiB blocks, a checksum of the superblock, 32-byte inodes where those say all (owners and links of
//! 16 bits, the time that [`Options::epoch`] names) and 64-byte ones with times to the nanosecond else, names sorted
//! for search by halves, attributes beside their inodes and, if three have the same, once for all, files with large
//! holes in chunks. Compressed ([`pack`]): LZ4 or Zstandard, extents of 128 KiB in as many blocks as they need, short
//! files together.
//!
//! Layout: superblock, inodes in the order of the walk with what is short enough to stand behind them (links, ends of
//! directories), shared attributes, directories, files in the order of the walk. Unless asked otherwise, data of files
//! starts at a multiple of 4 KiB and nothing else is in its blocks: an image that differs in some files differs in
//! few blocks. Equal trees and options give equal bytes. File data is pointed at ([`Sink::copy`]), never read (but
//! to compress it). Memory: some dozen bytes per inode, and one directory at a time.
//!
//! Source: the kernel's `fs/erofs/erofs_fs.h` and `Documentation/filesystems/erofs.rst`.

mod census;
mod chunks;
mod codec;
mod directory;
mod error;
mod format;
mod index;
mod inode;
mod pack;
mod place;
pub mod read;
mod superblock;
mod write;
mod xattr;

pub use codec::{Method, ZSTD_LEVEL};
pub use error::Error;
pub use pack::{Packed, Packing, pack};

use format::BLOCK_BYTES;
use pintle_model::{Count, Sink, Timestamp, Tree};
use uuid::Uuid;

/// How to make a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Its UUID.
    pub uuid: Uuid,
    /// Volume label, at most 16 bytes.
    pub label: String,
    /// Time of making. Inodes with this time are half as long as others.
    pub epoch: Timestamp,
    /// The ends of regular files that are not compressed stand behind their inodes where they fit, which saves room;
    /// else they have blocks of their own, which keeps images alike that differ little.
    pub pack_tails: bool,
}

impl Options {
    /// No label, ends of files in blocks of their own.
    #[must_use]
    pub fn new(uuid: Uuid, epoch: Timestamp) -> Self {
        Self { uuid, label: String::new(), epoch, pack_tails: false }
    }

    fn check(&self) -> Result<(), Error> {
        if self.label.len() > 16 {
            return Err(Error::Label { label: self.label.clone() });
        }
        Ok(())
    }
}

/// What was made, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Length in bytes. The last bytes may be zero and not have been put to the sink.
    pub size: u64,
    /// Length in blocks of 4 KiB.
    pub block_count: u64,
    /// All inodes.
    pub inode_count: u64,
}

/// Finds out what [`write()`] would make: the same function with a sink that only counts.
///
/// # Errors
/// [`Error`].
pub fn layout(tree: &Tree, packed: Option<&Packed>, options: &Options) -> Result<Summary, Error> {
    write(tree, packed, options, &mut Count::default())
}

/// Writes `tree` as a file system, with the files that `packed` has in their compressed form. All calls to the sink
/// ascend and do not overlap.
///
/// # Errors
/// [`Error`].
pub fn write(
    tree: &Tree,
    packed: Option<&Packed>,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<Summary, Error> {
    options.check()?;
    let census = census::Census::take(tree, packed, options.pack_tails, options.epoch)?;
    let placement = place::place(&census, options.epoch)?;
    write::Image { options, packed, census: &census, placement: &placement }.write(sink)?;
    Ok(Summary {
        size: placement.blocks * BLOCK_BYTES,
        block_count: placement.blocks,
        inode_count: census.nodes.len() as u64,
    })
}
