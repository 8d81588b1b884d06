//! What an inode says.

use super::{get16, get32};
use crate::ext4::format::INODE_OLD;
use pintle_model::{Attrs, Timestamp};

/// An inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its number.
    pub ino: u32,
    /// File type and permissions, as `st_mode`.
    pub mode: u16,
    /// Permissions, owner, modification time.
    pub attrs: Attrs,
    /// Link count as stored.
    pub links: u16,
    /// Length in bytes.
    pub size: u64,
    /// Device number of a device node: major, minor.
    pub device: Option<(u32, u32)>,
    bytes: Vec<u8>,
}

impl Stat {
    /// From at least 128 bytes.
    pub(super) fn new(ino: u32, bytes: Vec<u8>) -> Self {
        let b = &bytes[..];
        let mode = get16(b, 0);
        let halves = |low, high| u32::from(get16(b, low)) | u32::from(get16(b, high)) << 16;
        let attrs =
            Attrs { mode: mode & 0o7777, uid: halves(0x02, 0x78), gid: halves(0x18, 0x7A), mtime: mtime(b) };
        let size = u64::from(get32(b, 0x04)) | u64::from(get32(b, 0x6C)) << 32;
        let device = matches!(mode >> 12, 2 | 6).then(|| device(get32(b, 0x28), get32(b, 0x2C)));
        Self { ino, mode, attrs, links: get16(b, 0x1A), size, device, bytes }
    }

    /// True for a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.mode >> 12 == 0o04
    }

    /// True for a regular file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.mode >> 12 == 0o10
    }

    /// True for a symbolic link.
    #[must_use]
    pub fn is_symlink(&self) -> bool {
        self.mode >> 12 == 0o12
    }

    pub(super) fn flags(&self) -> u32 {
        get32(&self.bytes, 0x20)
    }

    /// The 60 bytes of block map, extent tree or short target.
    pub(super) fn block(&self) -> &[u8] {
        &self.bytes[0x28..0x64]
    }

    /// Block of attributes; 0 for none.
    pub(super) fn xattr_block(&self) -> u64 {
        u64::from(get32(&self.bytes, 0x68)) | u64::from(get16(&self.bytes, 0x76)) << 32
    }

    /// What stands behind the extra fields.
    pub(super) fn tail(&self) -> &[u8] {
        let extra = extra_len(&self.bytes);
        self.bytes.get(INODE_OLD + extra..).unwrap_or_default()
    }
}

/// Bytes of extra fields that an inode claims.
fn extra_len(bytes: &[u8]) -> usize {
    if bytes.len() > INODE_OLD + 2 { usize::from(get16(bytes, 0x80)) } else { 0 }
}

fn mtime(bytes: &[u8]) -> Timestamp {
    let low = i64::from(get32(bytes, 0x10) as i32);
    // `i_mtime_extra` ends 12 bytes behind the original inode.
    let extra = if extra_len(bytes) >= 12 { get32(bytes, 0x88) } else { 0 };
    Timestamp { secs: low + (i64::from(extra & 3) << 32), nanos: extra >> 2 }
}

fn device(old: u32, new: u32) -> (u32, u32) {
    match old {
        0 => (new >> 8 & 0xFFF, new & 0xFF | new >> 12 & 0xF_FF00),
        old => (old >> 8 & 0xFF, old & 0xFF),
    }
}
