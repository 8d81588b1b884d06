//! A stream cut into blocks that are compressed apart from each other and written one after the other.

use crate::parallel::Pool;
use std::io::{self, Write};

/// Blocks that may wait for each thread.
const QUEUE: usize = 2;

/// A block on its way.
#[derive(Debug, Default)]
pub(crate) struct Job {
    pub(crate) plain: Vec<u8>,
    pub(crate) packed: Vec<u8>,
    /// Where the format wants one.
    pub(crate) crc: crc32fast::Hasher,
    /// A whole block of zeros, which is compressed once and for all.
    zeros: bool,
}

#[derive(Debug)]
pub(crate) struct Blocks<W> {
    out: W,
    pool: Pool<Job>,
    size: usize,
    block: Vec<u8>,
    crc: crc32fast::Hasher,
    len: u64,
    /// A block of zeros, compressed: images are full of them.
    zeros: Job,
}

impl<W: Write> Blocks<W> {
    /// Blocks of `size` bytes, compressed by what `make` gives.
    pub(crate) fn new<F>(
        out: W,
        name: &str,
        size: usize,
        threads: usize,
        make: impl Fn() -> io::Result<F>,
    ) -> io::Result<Self>
    where
        F: FnMut(Job) -> io::Result<Job> + Send + 'static,
    {
        let zeros = make()?(Job { plain: vec![0; size], ..Job::default() })?;
        let pool = Pool::new(name, threads, QUEUE, || {
            let mut pack = make()?;
            Ok(move |job: Job| if job.zeros { Ok(job) } else { pack(job) })
        })?;
        let crc = crc32fast::Hasher::new();
        Ok(Self { out, pool, size, block: Vec::with_capacity(size), crc, len: 0, zeros })
    }

    /// Writes what is under way; gives the writer back, and checksum and length of what was written. Nothing at all is
    /// one empty block.
    pub(crate) fn finish(mut self) -> io::Result<(W, u32, u64)> {
        if !self.block.is_empty() || self.len == 0 && !self.pool.is_busy() {
            self.submit()?;
        }
        while self.collect()? {}
        Ok((self.out, self.crc.finalize(), self.len))
    }

    /// Hands the block being filled out.
    fn submit(&mut self) -> io::Result<()> {
        while self.pool.is_full() {
            self.collect()?;
        }
        let mut job = self.pool.spare();
        job.plain.clear();
        job.zeros = self.block == self.zeros.plain;
        std::mem::swap(&mut job.plain, &mut self.block);
        self.block.reserve_exact(self.size);
        self.pool.submit(job)
    }

    /// Writes the oldest block under way; false when there is none.
    fn collect(&mut self) -> io::Result<bool> {
        let Some(job) = self.pool.collect()? else { return Ok(false) };
        let done = if job.zeros { &self.zeros } else { &job };
        self.out.write_all(&done.packed)?;
        self.crc.combine(&done.crc);
        self.len += done.plain.len() as u64;
        self.pool.recycle(job);
        Ok(true)
    }
}

impl<W: Write> Write for Blocks<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let now = bytes.len().min(self.size - self.block.len());
        self.block.extend_from_slice(&bytes[..now]);
        if self.block.len() == self.size {
            self.submit()?;
        }
        Ok(now)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
