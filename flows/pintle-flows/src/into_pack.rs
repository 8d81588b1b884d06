//! What unpacking a package or a store path writes into.

use pintle_model::PackSink;
use pintle_world::{Fetcher, PackWriter};
use std::io;

/// The store's pack as formats know it; ends soon after the user wants to stop.
pub(crate) struct IntoPack<'a> {
    pub(crate) writer: PackWriter<'a>,
    pub(crate) fetcher: &'a Fetcher,
}

impl PackSink for IntoPack<'_> {
    fn begin(&mut self) -> io::Result<u64> {
        self.writer.begin()
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Not `Interrupted`: that means "try again".
        if self.fetcher.cancelled() {
            return Err(io::Error::other("stopped"));
        }
        self.writer.append(bytes)
    }
}
