//! Extended attributes.

use super::{ReadError, Reader, Stat, get16, get32};
use crate::erofs::xattr::prefix;
use pintle_model::Xattrs;

impl Reader<'_> {
    /// All attributes of an inode, by their full names.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn xattrs(&self, stat: &Stat) -> Result<Xattrs, ReadError> {
        let damaged = || stat.damaged("extended attributes");
        let (at, len) = stat.xattrs;
        let mut out = Xattrs::new();
        if len == 0 {
            return Ok(out);
        }
        let mut bytes = vec![0; len];
        self.read_at(at, &mut bytes)?;
        let shared = usize::from(bytes[4]);
        let ids = bytes.get(12..12 + 4 * shared).ok_or_else(damaged)?;
        for id in ids.chunks_exact(4) {
            let at = self.shared_at + 4 * u64::from(get32(id, 0));
            let mut head = [0; 4];
            self.read_at(at, &mut head)?;
            let mut entry = vec![0; 4 + usize::from(head[0]) + usize::from(get16(&head, 2))];
            self.read_at(at, &mut entry)?;
            add(&mut out, &entry).ok_or_else(damaged)?;
        }
        let mut rest = &bytes[12 + 4 * shared..];
        while !rest.is_empty() {
            let taken = add(&mut out, rest).ok_or_else(damaged)?;
            rest = rest.get(taken..).ok_or_else(damaged)?;
        }
        Ok(out)
    }
}

/// Adds the attribute that `bytes` start with, and says how many bytes it takes.
fn add(out: &mut Xattrs, bytes: &[u8]) -> Option<usize> {
    let head = bytes.get(..4)?;
    let name_end = 4 + usize::from(head[0]);
    let end = name_end + usize::from(get16(head, 2));
    let name = [prefix(head[1])?, bytes.get(4..name_end)?].concat();
    let old = out.insert(name.into(), bytes.get(name_end..end)?.into());
    old.is_none().then_some(end.next_multiple_of(4))
}
