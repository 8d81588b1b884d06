//! xz by several threads: one stream after the other, which every reader takes for one file (The .xz File Format,
//! section 2).

use crate::blocks::{Blocks, Job};
use liblzma::stream::{Action, Check, Status, Stream};
use std::io::{self, Write};

/// Bytes of a stream: what a thread holds, twice the dictionary of preset 2.
const BLOCK: usize = 4 << 20;
/// What a stream may need beyond its content: header, index and footer, and 3 bytes for each chunk of 64 KiB.
const SLACK: usize = BLOCK / 1024 + 1024;

/// Compresses what is written; [`Writer::finish`] must be called. The number of threads does not change the result.
#[derive(Debug)]
pub struct Writer<W> {
    blocks: Blocks<W>,
}

impl<W: Write> Writer<W> {
    /// Compresses into `out` with `preset` (0 to 9).
    ///
    /// # Errors
    /// Of the compressor; a thread that cannot be started.
    pub fn new(out: W, preset: u32, threads: usize) -> io::Result<Self> {
        let blocks = Blocks::new(out, "xz", BLOCK, threads, || Ok(move |job| pack(preset.min(9), job)))?;
        Ok(Self { blocks })
    }

    /// Writes what is under way, and gives the writer back.
    ///
    /// # Errors
    /// Of the writer.
    pub fn finish(self) -> io::Result<W> {
        let (mut out, ..) = self.blocks.finish()?;
        out.flush()?;
        Ok(out)
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.blocks.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.blocks.flush()
    }
}

fn pack(preset: u32, mut job: Job) -> io::Result<Job> {
    let mut stream = Stream::new_easy_encoder(preset, Check::Crc64)?;
    job.packed.clear();
    job.packed.reserve_exact(job.plain.len() + SLACK);
    let mut status = Status::Ok;
    while status == Status::Ok {
        let rest = &job.plain[stream.total_in() as usize..];
        status = stream.process_vec(rest, &mut job.packed, Action::Finish)?;
    }
    match status {
        Status::StreamEnd => Ok(job),
        _ => Err(io::Error::other("a compressed block has no end")),
    }
}
