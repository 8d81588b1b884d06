//! Parts of files, for readers that do not want whole ones in memory.

use super::{ReadError, Reader, Stat};
use crate::ext4::extents::Extent;

impl Reader<'_> {
    /// Fills `out` from byte `from` of the file whose data is in `extents`; holes, and what lies past its end, are
    /// zero.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read_range(
        &self,
        stat: &Stat,
        extents: &[Extent],
        from: u64,
        out: &mut [u8],
    ) -> Result<(), ReadError> {
        out.fill(0);
        let block = self.superblock.block_size;
        let end = from.saturating_add(out.len() as u64).min(stat.size);
        for extent in extents {
            let first = u64::from(extent.logical) * block;
            let start = first.max(from);
            let stop = (first + u64::from(extent.len) * block).min(end);
            if start < stop {
                let at = self.block_offset(extent.start, stat.ino)? + (start - first);
                self.read_at(at, &mut out[(start - from) as usize..(stop - from) as usize])?;
            }
        }
        Ok(())
    }
}
