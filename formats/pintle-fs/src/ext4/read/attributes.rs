//! Extended attributes.

use super::{ReadError, Reader, Stat, get16, get32};
use crate::ext4::format::XATTR_MAGIC;
use crate::ext4::xattr::prefix;
use pintle_model::Xattrs;

impl Reader<'_> {
    /// The extended attributes of an inode by full name; POSIX ACLs in the form they have on disk. Attributes of
    /// kinds that this project does not write are left out.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn xattrs(&self, stat: &Stat) -> Result<Xattrs, ReadError> {
        let mut out = Xattrs::new();
        let damaged = || ReadError::Damaged { what: "extended attributes", ino: stat.ino };
        let tail = stat.tail();
        if tail.len() >= 4 && get32(tail, 0) == XATTR_MAGIC {
            collect(&tail[4..], 0, &mut out).ok_or_else(damaged)?;
        }
        if stat.xattr_block() != 0 {
            let mut block = vec![0; self.superblock.block_size as usize];
            self.read_at(self.block_offset(stat.xattr_block(), stat.ino)?, &mut block)?;
            if get32(&block, 0) != XATTR_MAGIC {
                return Err(damaged());
            }
            collect(&block, 32, &mut out).ok_or_else(damaged)?;
        }
        Ok(out)
    }
}

/// Adds the entries from `at` on; values are at offsets in `bytes`.
fn collect(bytes: &[u8], mut at: usize, out: &mut Xattrs) -> Option<()> {
    loop {
        if get32(bytes.get(at..at + 4)?, 0) == 0 {
            return Some(());
        }
        let entry = bytes.get(at..at + 16)?;
        let name = bytes.get(at + 16..at + 16 + usize::from(entry[0]))?;
        let start = usize::from(get16(entry, 2));
        let len = usize::try_from(get32(entry, 8)).ok()?;
        let value = bytes.get(start..start.checked_add(len)?)?;
        if let Some(prefix) = prefix(entry[1]) {
            out.insert([prefix, name].concat().into(), value.into());
        }
        at += (16 + name.len()).next_multiple_of(4);
    }
}
