//! What an inode says.

use super::{ReadError, Reader, get16, get32, get64};
use crate::erofs::format::{CHUNKS, COMPACT, COMPRESSED_FULL, EXTENDED, FLAT_INLINE, FLAT_PLAIN, SLOT};
use pintle_model::{Attrs, Timestamp};

/// How data is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Plain,
    Inline,
    Chunks,
    Compressed,
}

/// An inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its number: its place in multiples of 32 bytes.
    pub nid: u64,
    /// File type and permissions, as `st_mode`.
    pub mode: u16,
    /// Permissions, owner, modification time.
    pub attrs: Attrs,
    /// Link count as stored.
    pub links: u32,
    /// Length in bytes.
    pub size: u64,
    /// Device number of a device node: major, minor.
    pub device: Option<(u32, u32)>,
    pub(super) layout: Layout,
    /// First block, format of chunks, or number of compressed blocks.
    pub(super) place: u32,
    /// Byte offset of the attributes, and their length.
    pub(super) xattrs: (u64, usize),
    /// Byte offset of what stands behind them.
    pub(super) tail: u64,
}

impl Stat {
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

    /// True where data is compressed.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.layout == Layout::Compressed
    }

    pub(super) fn damaged(&self, what: &'static str) -> ReadError {
        ReadError::Damaged { nid: self.nid, what }
    }
}

impl Reader<'_> {
    /// The inode of number `nid`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn inode(&self, nid: u64) -> Result<Stat, ReadError> {
        let damaged = |what| ReadError::Damaged { nid, what };
        let at = nid.checked_mul(SLOT).and_then(|at| at.checked_add(self.inodes_at));
        let at = at.ok_or(damaged("number"))?;
        let mut bytes = [0; EXTENDED as usize];
        self.read_at(at, &mut bytes[..COMPACT as usize])?;
        let extended = bytes[0] & 1 != 0;
        if extended {
            self.read_at(at, &mut bytes)?;
        }
        let b = &bytes[..];
        let layout = match get16(b, 0) >> 1 {
            FLAT_PLAIN => Layout::Plain,
            COMPRESSED_FULL => Layout::Compressed,
            FLAT_INLINE => Layout::Inline,
            CHUNKS => Layout::Chunks,
            other => return Err(ReadError::Unsupported(format!("layout {other} of inode {nid}"))),
        };
        let (mode, place) = (get16(b, 4), get32(b, 16));
        let own = if extended { EXTENDED } else { COMPACT };
        let xattrs = match get16(b, 2) {
            0 => 0,
            words => 12 + 4 * (usize::from(words) - 1),
        };
        let attrs = |uid, gid, mtime| Attrs { mode: mode & 0o7777, uid, gid, mtime };
        let (size, links, attrs) = if extended {
            let mtime = Timestamp { secs: get64(b, 32) as i64, nanos: get32(b, 40) };
            (get64(b, 8), get32(b, 44), attrs(get32(b, 24), get32(b, 28), mtime))
        } else {
            let [uid, gid] = [24, 26].map(|at| u32::from(get16(b, at)));
            (u64::from(get32(b, 8)), u32::from(get16(b, 6)), attrs(uid, gid, self.epoch))
        };
        let device = matches!(mode >> 12, 2 | 6)
            .then_some((place >> 8 & 0xFFF, place & 0xFF | place >> 12 & 0xF_FF00));
        let xattrs_at = at + own;
        let tail = xattrs_at + xattrs as u64;
        Ok(Stat { nid, mode, attrs, links, size, device, layout, place, xattrs: (xattrs_at, xattrs), tail })
    }
}
