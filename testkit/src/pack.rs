//! A pack of the content store, in memory.

use pintle_model::{Contents, PackSink, SourceId};
use std::io;

/// Keeps file bytes as the content store would: each file at a multiple of 4096. It is every source.
#[derive(Clone, Debug, Default)]
pub struct Memory(pub Vec<u8>);

impl PackSink for Memory {
    fn begin(&mut self) -> io::Result<u64> {
        self.0.resize(self.0.len().next_multiple_of(4096), 0);
        Ok(self.0.len() as u64)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

impl Contents for Memory {
    fn read_exact_at(&self, _source: SourceId, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let from = offset as usize;
        out.copy_from_slice(self.0.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
