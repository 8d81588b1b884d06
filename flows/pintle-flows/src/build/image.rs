use crate::outputs::{DiskImage, Tables, io_kind};
use pintle_image::ImagePlan;
use pintle_model::{Blob, Bytes, Sink};
use pintle_world::Fetcher;
use std::io;

/// A plan as something that can be written in any format.
pub(super) struct Image<'a> {
    pub(super) plan: &'a ImagePlan,
    /// Knows whether the user wants to stop.
    pub(super) fetcher: &'a Fetcher,
}

impl DiskImage for Image<'_> {
    fn size(&self) -> u64 {
        self.plan.report.disk_size
    }

    fn write(&self, sink: &mut dyn Sink) -> io::Result<()> {
        let mut sink = Stoppable { sink, fetcher: self.fetcher };
        pintle_image::write(self.plan, &mut sink).map(drop).map_err(place_error)
    }

    fn tables(&self, size: u64) -> io::Result<Tables> {
        let table = pintle_image::table(self.plan, size).map_err(place_error)?;
        Ok(Tables { head: table.primary(), tail: table.backup() })
    }
}

/// Where the place is at fault (no space left, no permission), that decides what to do.
fn place_error(error: pintle_image::WriteError) -> io::Error {
    io::Error::new(io_kind(&error).unwrap_or(io::ErrorKind::Other), error)
}

/// Ends the writing soon after the user wants to stop.
struct Stoppable<'a> {
    sink: &'a mut dyn Sink,
    fetcher: &'a Fetcher,
}

impl Stoppable<'_> {
    fn check(&self) -> io::Result<()> {
        // Not `Interrupted`: that means "try again".
        if self.fetcher.cancelled() { Err(io::Error::other("stopped")) } else { Ok(()) }
    }
}

impl Sink for Stoppable<'_> {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.check()?;
        self.sink.write(at, bytes)
    }

    fn copy(&mut self, at: u64, from: &Bytes, skip: u64, len: u64) -> io::Result<()> {
        self.check()?;
        self.sink.copy(at, from, skip, len)
    }

    fn blob(&mut self, at: u64, blob: &Blob) -> io::Result<()> {
        self.check()?;
        self.sink.blob(at, blob)
    }
}
