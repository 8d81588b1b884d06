use super::{ReadError, Volume, fill};
use std::io::{Read, Seek};

/// A walk along a chain; counts its steps, so it ends.
pub(super) struct Chain {
    first: u32,
    next: Option<u32>,
    steps: u32,
}

impl Chain {
    pub(super) fn new(first: u32) -> Self {
        Self { first, next: Some(first), steps: 0 }
    }

    /// Byte offset of the next cluster; `None` at the end of the chain.
    pub(super) fn next<R: Read + Seek>(&mut self, volume: &mut Volume<R>) -> Result<Option<u64>, ReadError> {
        let bad = |why| Err(ReadError::Chain { first: self.first, why });
        let Some(cluster) = self.next else { return Ok(None) };
        if cluster < 2 || cluster - 2 >= volume.shape.clusters {
            return bad("leaves the volume");
        }
        if self.steps >= volume.shape.clusters {
            return bad("runs in a circle");
        }
        self.steps += 1;
        // The last eight values of each width mean "end"; the one below them is a bad cluster.
        let end = (0x0FFF_FFF8u32) & (u32::MAX >> (32 - u32::from(volume.shape.bits)));
        let next = volume.table_entry(cluster)?;
        self.next = (next < end).then_some(next);
        Ok(Some(volume.shape.data + u64::from(cluster - 2) * volume.shape.per_cluster * volume.shape.sector))
    }
}

impl<R: Read + Seek> Volume<R> {
    /// The table's entry for `cluster`, which must be one of the volume.
    fn table_entry(&mut self, cluster: u32) -> Result<u32, ReadError> {
        /// FAT12 entries cross any even boundary, so a window holds one byte more than its step.
        const STEP: u64 = 4096;
        let offset = u64::from(cluster) * u64::from(self.shape.bits) / 8;
        let from = offset / STEP * STEP;
        if self.window.1.is_empty() || self.window.0 != from {
            let len = (u64::from(self.shape.clusters + 2) * u64::from(self.shape.bits)).div_ceil(8);
            let mut bytes = vec![0; (len - from).min(STEP + 1) as usize];
            fill(&mut self.reader, self.shape.table + from, &mut bytes)?;
            self.window = (from, bytes);
        }
        let byte = |n: u64| u32::from(self.window.1.get((offset - from + n) as usize).copied().unwrap_or(0));
        let low = byte(0) | byte(1) << 8;
        Ok(match self.shape.bits {
            12 if cluster % 2 == 1 => low >> 4,
            12 => low & 0xFFF,
            16 => low,
            _ => (low | byte(2) << 16 | byte(3) << 24) & 0x0FFF_FFFF,
        })
    }
}
