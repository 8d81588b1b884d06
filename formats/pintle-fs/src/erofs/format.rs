//! Wire constants of EROFS, after the kernel's `fs/erofs/erofs_fs.h` and `Documentation/filesystems/erofs.rst`. All
//! numbers on disk are little-endian. Offsets of fields stand beside the code that fills them (`superblock.rs`,
//! `inode.rs`, `index.rs`).

/// Bytes of a block: the only size written, and the only one that every kernel mounts.
pub(crate) const BLOCK: usize = 4096;
/// [`BLOCK`] as the type of offsets.
pub(crate) const BLOCK_BYTES: u64 = BLOCK as u64;
/// Block numbers are of 32 bits, and the last one means "hole".
pub(crate) const BLOCKS_MAX: u64 = u32::MAX as u64;

/// Magic at byte 0 of the superblock.
pub(crate) const MAGIC: u32 = 0xE0F5_E1E2;
/// Where the superblock stands.
pub(crate) const SUPER_AT: usize = 1024;
/// Its length without extensions; compression parameters follow.
pub(crate) const SUPER: usize = 128;
/// Feature that readers may ignore: the superblock's block has a checksum.
pub(crate) const COMPAT_CHECKSUM: u32 = 0x1;
/// Feature that readers may ignore: times are those of modification.
pub(crate) const COMPAT_MTIME: u32 = 0x2;
/// Compressed data stands at the end of its blocks, zeros before it.
pub(crate) const INCOMPAT_ZERO_PADDING: u32 = 0x1;
/// Compressed extents of more than a block, and parameters of compression behind the superblock.
pub(crate) const INCOMPAT_COMPRESSION: u32 = 0x2;
/// Files in chunks, some of which may be holes.
pub(crate) const INCOMPAT_CHUNKS: u32 = 0x4;
/// Short files and ends of files stand together in a file of their own.
pub(crate) const INCOMPAT_FRAGMENTS: u32 = 0x20;

/// Inodes start at multiples of this, and are named by the multiple (`nid`).
pub(crate) const SLOT: u64 = 32;
/// Bytes of an inode that says everything.
pub(crate) const EXTENDED: u64 = 64;
/// Bytes of one with 16-bit owners and links, 32-bit size, and the file system's time.
pub(crate) const COMPACT: u64 = 32;

/// `i_format`: data in consecutive blocks.
pub(crate) const FLAT_PLAIN: u16 = 0;
/// `i_format`: compressed, eight bytes for each block of plain data.
pub(crate) const COMPRESSED_FULL: u16 = 1;
/// `i_format`: data in consecutive blocks, and its last, incomplete block behind the inode.
pub(crate) const FLAT_INLINE: u16 = 2;
/// `i_format`: in chunks.
pub(crate) const CHUNKS: u16 = 4;

/// Bytes of a directory entry before its name.
pub(crate) const DIRENT: usize = 12;
/// Block number that stands for a hole.
pub(crate) const HOLE: u32 = u32::MAX;
/// Bytes of a compressed extent at most.
pub(crate) const EXTENT_MAX: u64 = 1 << 20;

/// Puts a 16-bit number.
pub(crate) fn put16(out: &mut [u8], at: usize, value: u16) {
    out[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

/// Puts a 32-bit number.
pub(crate) fn put32(out: &mut [u8], at: usize, value: u32) {
    out[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// Puts a 64-bit number.
pub(crate) fn put64(out: &mut [u8], at: usize, value: u64) {
    out[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

/// Blocks that hold `bytes`.
pub(crate) fn blocks(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK_BYTES)
}
