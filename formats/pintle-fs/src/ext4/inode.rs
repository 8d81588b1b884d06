//! Inodes as bytes (`Documentation/filesystems/ext4`, "Inode Table Entry").

use super::checksum::Seed;
use super::format::{INODE, INODE_EXTRA, INODE_OLD, put_halves, put_split, put16, put32};
use super::xattr::Attributes;
use pintle_model::{Attrs, Timestamp};

/// Everything an inode says.
pub(crate) struct Raw {
    /// Type and permissions.
    pub(crate) mode: u16,
    pub(crate) attrs: Attrs,
    pub(crate) links: u16,
    pub(crate) size: u64,
    /// Blocks of 4 KiB: data, extent tree, attributes.
    pub(crate) blocks: u64,
    pub(crate) flags: u32,
    /// Extent tree, target of a short link, device numbers.
    pub(crate) block: [u8; 60],
    /// Block of attributes, or 0.
    pub(crate) xattr_block: u64,
    pub(crate) xattrs: Option<Attributes>,
}

impl Raw {
    /// The sealed bytes; `seed` is the file system's.
    pub(crate) fn bytes(&self, ino: u32, seed: Seed) -> [u8; INODE] {
        let mut out = [0; INODE];
        let o = &mut out[..];
        put16(o, 0x00, self.mode);
        put_halves(o, 0x02, 0x78, self.attrs.uid);
        put_split(o, 0x04, 0x6C, self.size);
        put_halves(o, 0x18, 0x7A, self.attrs.gid);
        put16(o, 0x1A, self.links);
        // In sectors of 512 bytes, 48 bits (huge_file): enough for 16 TiB.
        let sectors = self.blocks * 8;
        put32(o, 0x1C, sectors as u32);
        put16(o, 0x74, (sectors >> 32) as u16);
        put32(o, 0x20, self.flags);
        o[0x28..0x64].copy_from_slice(&self.block);
        put32(o, 0x68, self.xattr_block as u32);
        put16(o, 0x76, (self.xattr_block >> 32) as u16);
        put16(o, 0x80, INODE_EXTRA as u16);
        // Access, change, modification, birth: the tree knows one time.
        for (low, extra) in [(0x08, 0x8C), (0x0C, 0x84), (0x10, 0x88), (0x90, 0x94)] {
            let (seconds, rest) = time(self.attrs.mtime);
            put32(o, low, seconds);
            put32(o, extra, rest);
        }
        if let Some(xattrs) = &self.xattrs {
            xattrs.put_in_inode(&mut o[INODE_OLD + INODE_EXTRA..]);
        }
        seed.inode(ino).seal_inode(&mut out);
        out
    }
}

/// The 32 bits of seconds, and the word of nanoseconds whose low two bits count 2^32 seconds more. The 32 bits are
/// signed: the two bits add to a number that may be negative.
fn time(time: Timestamp) -> (u32, u32) {
    let low = time.secs as i32;
    let epoch = ((time.secs - i64::from(low)) >> 32) as u32 & 3;
    (low as u32, time.nanos << 2 | epoch)
}

/// Device numbers as the kernel keeps them: the old form where it suffices, else the new one in the second word.
pub(crate) fn device(major: u32, minor: u32) -> [u8; 60] {
    let mut block = [0; 60];
    if major < 256 && minor < 256 {
        put32(&mut block, 0, major << 8 | minor);
    } else {
        put32(&mut block, 4, (minor & 0xFF) | major << 8 | (minor & !0xFF) << 12);
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_reach_from_1901_to_2446() {
        let parts = |secs| {
            let (low, extra) = time(Timestamp { secs, nanos: 999_999_999 });
            assert_eq!(extra >> 2, 999_999_999);
            (low, extra & 3)
        };
        assert_eq!(parts(-(1 << 31)), (0x8000_0000, 0));
        assert_eq!(parts(-1), (u32::MAX, 0));
        assert_eq!(parts((1 << 31) - 1), (0x7FFF_FFFF, 0));
        assert_eq!(parts(1 << 31), (0x8000_0000, 1));
        assert_eq!(parts(1 << 32), (0, 1));
        assert_eq!(parts((3 << 32) + (1 << 31) - 1), (0x7FFF_FFFF, 3));
    }
}
