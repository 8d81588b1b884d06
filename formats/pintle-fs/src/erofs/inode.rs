//! Inodes as bytes (`erofs_fs.h`, `struct erofs_inode_compact` and `struct erofs_inode_extended`).

use super::format::{COMPACT, EXTENDED, put16, put32, put64};
use pintle_model::{Attrs, Timestamp};

/// Everything an inode says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw {
    /// `i_format` without the bit for the long form.
    pub(crate) layout: u16,
    /// Type and permissions.
    pub(crate) mode: u16,
    pub(crate) attrs: Attrs,
    pub(crate) links: u32,
    pub(crate) size: u64,
    /// First block, device, chunk format or number of compressed blocks, by layout and type.
    pub(crate) place: u32,
    /// Words of attributes, counted as the format does.
    pub(crate) xattr_count: u16,
    /// Number for programs that want 32 bits.
    pub(crate) number: u32,
}

impl Raw {
    /// The long form, or the short one where it can say the same.
    pub(crate) fn bytes(&self, epoch: Timestamp) -> Vec<u8> {
        let extended = !fits(&self.attrs, self.links, self.size, epoch);
        let mut out = vec![0; if extended { EXTENDED } else { COMPACT } as usize];
        let o = &mut out[..];
        put16(o, 0, self.layout << 1 | u16::from(extended));
        put16(o, 2, self.xattr_count);
        put16(o, 4, self.mode);
        put32(o, 16, self.place);
        put32(o, 20, self.number);
        if extended {
            put64(o, 8, self.size);
            put32(o, 24, self.attrs.uid);
            put32(o, 28, self.attrs.gid);
            put64(o, 32, self.attrs.mtime.secs as u64);
            put32(o, 40, self.attrs.mtime.nanos);
            put32(o, 44, self.links);
        } else {
            put16(o, 6, self.links as u16);
            put32(o, 8, self.size as u32);
            put16(o, 24, self.attrs.uid as u16);
            put16(o, 26, self.attrs.gid as u16);
        }
        out
    }
}

/// True where the short form suffices.
pub(crate) fn fits(attrs: &Attrs, links: u32, size: u64, epoch: Timestamp) -> bool {
    let small = |number: u32| number <= u32::from(u16::MAX);
    attrs.mtime == epoch
        && small(attrs.uid)
        && small(attrs.gid)
        && small(links)
        && size <= u64::from(u32::MAX)
}

/// Device numbers as the kernel keeps them.
pub(crate) fn device(major: u32, minor: u32) -> u32 {
    (minor & 0xFF) | major << 8 | (minor & !0xFF) << 12
}
