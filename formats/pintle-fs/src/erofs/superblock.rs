//! The first block: superblock and parameters of compression (`erofs_fs.h`, `struct erofs_super_block`,
//! `struct z_erofs_lz4_cfgs`, `struct z_erofs_zstd_cfgs`).

use super::Options;
use super::format::{BLOCK, COMPAT_CHECKSUM, COMPAT_MTIME, MAGIC, SUPER, SUPER_AT, put16, put32, put64};

/// Numbers that are known once all is placed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) blocks: u64,
    pub(crate) inodes: u64,
    /// Block where shared attributes start, or 0.
    pub(crate) xattr_block: u64,
    pub(crate) incompat: u32,
    /// Number of the file of fragments.
    pub(crate) packed: Option<u64>,
    /// Bit of the method of compression, and its parameters.
    pub(crate) method: Option<(u16, Vec<u8>)>,
    /// Where the root is.
    pub(crate) root: u64,
}

/// Checksum of the superblock's block from the superblock on, its own field being zero: CRC-32C whose register is
/// not inverted at the end.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    !crc32c::crc32c(bytes)
}

/// The sealed block.
pub(crate) fn first_block(options: &Options, totals: &Totals) -> [u8; BLOCK] {
    let mut out = [0; BLOCK];
    let o = &mut out[SUPER_AT..];
    put32(o, 0, MAGIC);
    put32(o, 8, COMPAT_CHECKSUM | COMPAT_MTIME);
    o[12] = BLOCK.trailing_zeros() as u8;
    put16(o, 14, totals.root as u16);
    put64(o, 16, totals.inodes);
    put64(o, 24, options.epoch.secs as u64);
    put32(o, 32, options.epoch.nanos);
    put32(o, 36, totals.blocks as u32);
    // Inodes are numbered from the start of the file system, where no inode is: none has the number 0.
    put32(o, 40, 0);
    put32(o, 44, totals.xattr_block as u32);
    o[48..64].copy_from_slice(options.uuid.as_bytes());
    o[64..64 + options.label.len()].copy_from_slice(options.label.as_bytes());
    put32(o, 80, totals.incompat);
    if let Some((bit, parameters)) = &totals.method {
        put16(o, 84, *bit);
        put16(o, SUPER, parameters.len() as u16);
        o[SUPER + 2..SUPER + 2 + parameters.len()].copy_from_slice(parameters);
    }
    put64(o, 96, totals.packed.unwrap_or(0));
    let sum = checksum(o);
    put32(o, 4, sum);
    out
}
