//! Wire constants of ext4, after the kernel's `Documentation/filesystems/ext4` (sections "Super Block", "Block
//! Group Descriptors", "Inode Table Entry", "Directory Entries", "Extended Attributes"). All numbers on disk are
//! little-endian. Offsets of fields stand beside the code that fills them (`superblock.rs`, `inode.rs`).

/// Bytes of a block: the only size written.
pub(crate) const BLOCK: usize = 4096;
/// [`BLOCK`] as the type of offsets.
pub(crate) const BLOCK_BYTES: u64 = BLOCK as u64;
/// Blocks of a group: one bit each in one block.
pub(crate) const GROUP_BLOCKS: u64 = 8 * BLOCK_BYTES;
/// Inodes that one bitmap block can hold.
pub(crate) const GROUP_INODES_MAX: u64 = 8 * BLOCK_BYTES;
/// Groups whose bitmaps and inode tables stand together.
pub(crate) const FLEX_GROUPS: u64 = 16;
/// Bytes of a group descriptor with the 64bit feature.
pub(crate) const DESCRIPTOR: usize = 64;
/// Group descriptors in a block.
pub(crate) const DESCRIPTORS_PER_BLOCK: u64 = BLOCK_BYTES / DESCRIPTOR as u64;
/// Block numbers in an indirect block (only the resize inode has some).
pub(crate) const ADDRESSES_PER_BLOCK: u64 = BLOCK_BYTES / 4;
/// Blocks in total: 32-bit block numbers, because the resize inode knows no larger ones.
pub(crate) const BLOCKS_MAX: u64 = u32::MAX as u64;

/// Bytes of an inode.
pub(crate) const INODE: usize = 256;
/// Inodes in a block.
pub(crate) const INODES_PER_BLOCK: u64 = (BLOCK / INODE) as u64;
/// Bytes of the original inode; what follows is "extra".
pub(crate) const INODE_OLD: usize = 128;
/// Extra fields that are in use (up to and with `i_projid`).
pub(crate) const INODE_EXTRA: usize = 32;
/// The root directory.
pub(crate) const ROOT_INO: u32 = 2;
/// The journal, in file systems that have one.
pub(crate) const JOURNAL_INO: u32 = 8;
/// Holds the reserved group descriptor blocks.
pub(crate) const RESIZE_INO: u32 = 7;
/// The first inode that is not reserved: `lost+found`.
pub(crate) const FIRST_INO: u32 = 11;

/// Largest file: logical block numbers are 32 bit and the last one is a sentinel.
pub(crate) const FILE_MAX: u64 = (u32::MAX as u64) * BLOCK_BYTES;
/// Largest link count (`EXT4_LINK_MAX`); a directory beyond it says 1 (`dir_nlink`).
pub(crate) const LINKS_MAX: u32 = 65_000;
/// Longest target kept inside the inode.
pub(crate) const FAST_SYMLINK_MAX: usize = 59;
/// Length of `lost+found` as `mke2fs` makes it, so that `fsck` finds room without allocating.
pub(crate) const LOST_FOUND_BLOCKS: u32 = 4;

/// First and last second an inode's time can say: 34 bits, 1901-12-13 to 2446-05-10.
pub(crate) const TIME_MIN: i64 = -(1 << 31);
/// See [`TIME_MIN`].
pub(crate) const TIME_MAX: i64 = (1 << 31) - 1 + 3 * (1 << 32);

/// Superblock magic at byte 56.
pub(crate) const MAGIC: u16 = 0xEF53;
/// `ext_attr | resize_inode | dir_index`; what a reader may ignore.
pub(crate) const COMPAT: u32 = 0x8 | 0x20;
/// Set when there is a journal.
pub(crate) const COMPAT_HAS_JOURNAL: u32 = 0x4;
/// Set when group descriptor blocks are reserved.
pub(crate) const COMPAT_RESIZE_INODE: u32 = 0x10;
/// `filetype | extents | 64bit | flex_bg`: all that GRUB 2.12 knows of these, too.
pub(crate) const INCOMPAT: u32 = 0x2 | INCOMPAT_EXTENTS | INCOMPAT_64BIT | 0x200;
/// Files are mapped by extents.
pub(crate) const INCOMPAT_EXTENTS: u32 = 0x40;
/// Group descriptors are 64 bytes.
pub(crate) const INCOMPAT_64BIT: u32 = 0x80;
/// `sparse_super | large_file | huge_file | dir_nlink | extra_isize | metadata_csum`.
pub(crate) const RO_COMPAT: u32 = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x400;

/// Group flag: the inode bitmap and table were never written.
pub(crate) const INODE_UNINIT: u16 = 0x1;
/// Group flag: the block bitmap was never written; it follows from the layout.
pub(crate) const BLOCK_UNINIT: u16 = 0x2;
/// Group flag: unused inodes are zero on disk.
pub(crate) const INODE_ZEROED: u16 = 0x4;

/// Inode flag: the directory has a hash index.
pub(crate) const INDEX_FL: u32 = 0x1000;
/// Inode flag: `i_block` is an extent tree.
pub(crate) const EXTENTS_FL: u32 = 0x8_0000;

/// Longest extent; greater lengths mean "unwritten".
pub(crate) const EXTENT_MAX: u64 = 32_768;
/// Magic of an extent node.
pub(crate) const EXTENT_MAGIC: u16 = 0xF30A;
/// Extents (or index entries) in the inode.
pub(crate) const EXTENTS_IN_INODE: usize = 4;
/// Extents (or index entries) in a block, which ends in a checksum.
pub(crate) const EXTENTS_IN_BLOCK: usize = (BLOCK - 12 - 4) / 12;

/// Bytes of the checksum record that ends a directory block.
pub(crate) const DIR_TAIL: usize = 12;
/// Dirent file type of that record.
pub(crate) const DIR_TAIL_TYPE: u8 = 0xDE;

/// Magic of extended attributes, in the inode as in a block.
pub(crate) const XATTR_MAGIC: u32 = 0xEA02_0000;
/// Inodes that may share one attribute block (`EXT4_XATTR_REFCOUNT_MAX`).
pub(crate) const XATTR_REFERENCES_MAX: u32 = 1024;

/// One zeroed block to fill.
pub(crate) type Block = [u8; BLOCK];

/// Puts a 16-bit number.
pub(crate) fn put16(out: &mut [u8], at: usize, value: u16) {
    out[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

/// Puts a 32-bit number.
pub(crate) fn put32(out: &mut [u8], at: usize, value: u32) {
    out[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// Puts the low half of a number at `low` and the high half at `high`, 32 bits each.
pub(crate) fn put_split(out: &mut [u8], low: usize, high: usize, value: u64) {
    put32(out, low, value as u32);
    put32(out, high, (value >> 32) as u32);
}

/// Puts the low half of a number at `low` and the high half at `high`, 16 bits each.
pub(crate) fn put_halves(out: &mut [u8], low: usize, high: usize, value: u32) {
    put16(out, low, value as u16);
    put16(out, high, (value >> 16) as u16);
}
