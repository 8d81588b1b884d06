//! Metadata checksums (`metadata_csum`): CRC-32C whose register is neither inverted before nor after, seeded by
//! the file system's UUID and, for what belongs to an inode, by its number and generation.
//! (`Documentation/filesystems/ext4`, "Checksums".)

use super::format::{
    BLOCK, DESCRIPTOR, DIR_TAIL, EXTENTS_IN_BLOCK, INODE, INODE_OLD, put_halves, put16, put32,
};
use uuid::Uuid;

/// The register after `bytes`.
fn crc(register: u32, bytes: &[u8]) -> u32 {
    !crc32c::crc32c_append(!register, bytes)
}

/// Checksum of a superblock's first 1020 bytes; it alone is not seeded.
pub(crate) fn superblock(bytes: &[u8]) -> u32 {
    crc(!0, bytes)
}

/// The seed of one file system, or of one inode in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(u32);

impl Seed {
    /// Of the file system.
    pub(crate) fn of(uuid: &Uuid) -> Self {
        Self(crc(!0, uuid.as_bytes()))
    }

    /// Of an inode of generation 0.
    pub(crate) fn inode(self, ino: u32) -> Self {
        Self(crc(crc(self.0, &ino.to_le_bytes()), &[0; 4]))
    }

    /// Of a bitmap: the part of it that counts.
    pub(crate) fn bitmap(self, bits: &[u8]) -> u32 {
        crc(self.0, bits)
    }

    /// Seals a group descriptor.
    pub(crate) fn seal_descriptor(self, group: u32, descriptor: &mut [u8; DESCRIPTOR]) {
        put16(descriptor, 0x1E, 0);
        let sum = crc(crc(self.0, &group.to_le_bytes()), descriptor);
        put16(descriptor, 0x1E, sum as u16);
    }

    /// Seals an inode; `self` is the inode's seed.
    pub(crate) fn seal_inode(self, inode: &mut [u8; INODE]) {
        put_halves(inode, 0x7C, 0x82, 0);
        let sum = crc(self.0, inode);
        put_halves(inode, 0x7C, 0x82, sum);
    }

    /// True when the bytes of inode `ino`, as read, carry their right checksum; `self` is the file system's.
    pub(crate) fn inode_is_sealed(self, ino: u32, bytes: &[u8]) -> bool {
        let mut plain = bytes.to_vec();
        plain[0x7C..0x7E].fill(0);
        let mut stored = u32::from(u16::from_le_bytes([bytes[0x7C], bytes[0x7D]]));
        let mut mask = 0xFFFF;
        // The upper half is there if the extra fields reach so far.
        if bytes.len() > INODE_OLD && u16::from_le_bytes([bytes[0x80], bytes[0x81]]) >= 4 {
            plain[0x82..0x84].fill(0);
            stored |= u32::from(u16::from_le_bytes([bytes[0x82], bytes[0x83]])) << 16;
            mask = u32::MAX;
        }
        let generation = &bytes[0x64..0x68];
        let seed = crc(crc(self.0, &ino.to_le_bytes()), generation);
        bytes.iter().all(|byte| *byte == 0) || crc(seed, &plain) & mask == stored
    }

    /// Seals a directory leaf, whose tail record is in place.
    pub(crate) fn seal_leaf(self, block: &mut [u8; BLOCK]) {
        let sum = crc(self.0, &block[..BLOCK - DIR_TAIL]);
        put32(block, BLOCK - 4, sum);
    }

    /// Seals a node of a directory index whose `count` entries begin at `entries`.
    pub(crate) fn seal_index(self, block: &mut [u8; BLOCK], entries: usize, count: usize) {
        let sum = crc(self.0, &block[..entries + count * 8]);
        // The tail: four reserved bytes, then the checksum, taken as zero.
        put32(block, BLOCK - 4, crc(sum, &[0; 8]));
    }

    /// Seals an extent tree block.
    pub(crate) fn seal_extents(self, block: &mut [u8; BLOCK]) {
        let end = 12 + 12 * EXTENTS_IN_BLOCK;
        let sum = crc(self.0, &block[..end]);
        put32(block, end, sum);
    }

    /// Seals an attribute block that stands at `number`.
    pub(crate) fn seal_xattrs(self, block: &mut [u8; BLOCK], number: u64) {
        put32(block, 16, 0);
        let sum = crc(crc(self.0, &number.to_le_bytes()), block);
        put32(block, 16, sum);
    }
}
