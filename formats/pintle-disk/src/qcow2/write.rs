use super::compress::{Compression, Job, pool};
use super::file::HostFile;
use super::format::{CLUSTER, L1_MAX, L2_ENTRIES};
use crate::parallel::Pool;
use pintle_model::{Bytes, Contents, Sink};
use std::io::{self, Seek, Write};

/// What the image shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length of the disk in bytes; readers see it rounded up to 512.
    pub size: u64,
    /// How clusters are stored.
    pub compression: Compression,
    /// Threads that compress; they do not change the result.
    pub threads: usize,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Length of the file in bytes.
    pub len: u64,
    /// Clusters stored as they are.
    pub plain: u64,
    /// Clusters stored compressed.
    pub compressed: u64,
}

/// Why an image cannot be written.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// QEMU would not open it.
    #[error("a qcow2 image cannot have {size} bytes: 2 PiB is the most")]
    TooLarge {
        /// The length asked for.
        size: u64,
    },
    /// A call past the end of the disk.
    #[error("the image writer put {len} bytes at {at}, past the end of the disk of {size} bytes")]
    PastEnd {
        /// Offset of the call.
        at: u64,
        /// Its length.
        len: u64,
        /// Length of the disk.
        size: u64,
    },
    /// A call before the end of the one before.
    #[error("the image writer went back from {end} to {at}")]
    WentBack {
        /// End of the call before.
        end: u64,
        /// Offset of this one.
        at: u64,
    },
}

/// Bytes read at once from a source.
const READ: usize = 16 * CLUSTER;

/// Writes a disk that comes as calls of a [`Sink`] into an empty seekable file. The same calls give the same file.
///
/// [`Writer::finish`] must be called: without it there is no header. A small unbuffered `out` is fine: nearly all
/// writes are tens of kilobytes.
pub struct Writer<'a, W> {
    file: HostFile<W>,
    contents: &'a dyn Contents,
    options: Options,
    pool: Option<Pool<Job>>,
    summary: Summary,
    /// The cluster being filled and its bytes so far.
    cluster: u64,
    buffer: Vec<u8>,
    /// End of the last call.
    end: u64,
    /// For reading sources.
    scratch: Vec<u8>,
}

impl<'a, W: Write + Seek> Writer<'a, W> {
    /// Starts an image; file bytes come from `contents`.
    ///
    /// # Errors
    /// [`Error::TooLarge`], inside an [`io::Error`] as all of [`Error`]; a thread that cannot be started.
    pub fn new(out: W, contents: &'a dyn Contents, options: Options) -> io::Result<Self> {
        let l1 = options.size.div_ceil(CLUSTER as u64 * L2_ENTRIES);
        if l1 > L1_MAX {
            return Err(io::Error::other(Error::TooLarge { size: options.size }));
        }
        Ok(Self {
            file: HostFile::new(out, l1 as usize),
            contents,
            options,
            pool: pool(options.compression, options.threads)?,
            summary: Summary::default(),
            cluster: 0,
            buffer: Vec::with_capacity(CLUSTER),
            end: 0,
            scratch: Vec::new(),
        })
    }

    /// Writes what is under way, the tables and the header.
    ///
    /// # Errors
    /// Of the file.
    pub fn finish(mut self) -> io::Result<(W, Summary)> {
        self.emit()?;
        while self.collect()? {}
        let zstd = matches!(self.options.compression, Compression::Zstd(_));
        let (out, len) = self.file.finish(self.options.size.next_multiple_of(512), zstd)?;
        Ok((out, Summary { len, ..self.summary }))
    }

    /// Adds bytes of one cluster, from `offset` in it on.
    fn fill(&mut self, cluster: u64, offset: usize, bytes: &[u8]) -> io::Result<()> {
        if cluster != self.cluster {
            self.emit()?;
            self.cluster = cluster;
        }
        if bytes.len() == CLUSTER {
            return self.store(cluster, bytes);
        }
        self.buffer.resize(offset, 0);
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Passes the cluster being filled on.
    fn emit(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        self.store(self.cluster, &buffer)?;
        self.buffer = buffer;
        self.buffer.clear();
        Ok(())
    }

    fn store(&mut self, cluster: u64, bytes: &[u8]) -> io::Result<()> {
        static ZEROS: [u8; CLUSTER] = [0; CLUSTER];
        if bytes == &ZEROS[..bytes.len()] {
            return Ok(());
        }
        while self.pool.as_ref().is_some_and(Pool::is_full) {
            self.collect()?;
        }
        match &mut self.pool {
            Some(pool) => {
                let mut job = pool.spare();
                job.cluster = cluster;
                job.plain.clear();
                job.plain.extend_from_slice(bytes);
                job.plain.resize(CLUSTER, 0);
                pool.submit(job)
            }
            None => {
                self.summary.plain += 1;
                self.file.plain(cluster, bytes)
            }
        }
    }

    /// Writes the oldest cluster under way; false when there is none.
    fn collect(&mut self) -> io::Result<bool> {
        let Some(pool) = &mut self.pool else { return Ok(false) };
        let Some(job) = pool.collect()? else { return Ok(false) };
        if job.packed.is_empty() {
            self.summary.plain += 1;
            self.file.plain(job.cluster, &job.plain)?;
        } else {
            self.summary.compressed += 1;
            self.file.packed(job.cluster, &job.packed)?;
        }
        pool.recycle(job);
        Ok(true)
    }
}

impl<W: Write + Seek> Sink for Writer<'_, W> {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let (len, size) = (bytes.len() as u64, self.options.size);
        if at < self.end {
            return Err(io::Error::other(Error::WentBack { end: self.end, at }));
        }
        if at.checked_add(len).is_none_or(|end| end > size) {
            return Err(io::Error::other(Error::PastEnd { at, len, size }));
        }
        self.end = at + len;
        let (mut at, mut bytes) = (at, bytes);
        while !bytes.is_empty() {
            let (cluster, offset) = (at / CLUSTER as u64, (at % CLUSTER as u64) as usize);
            let (now, later) = bytes.split_at(bytes.len().min(CLUSTER - offset));
            self.fill(cluster, offset, now)?;
            at += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    fn copy(&mut self, at: u64, from: &Bytes, skip: u64, len: u64) -> io::Result<()> {
        let (source, offset) = match from {
            Bytes::Inline(bytes) => return self.write(at, &bytes[skip as usize..(skip + len) as usize]),
            Bytes::At { source, offset } => (*source, offset + skip),
        };
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.resize(READ.max(scratch.len()), 0);
        let mut done = 0;
        let mut result = Ok(());
        while done < len && result.is_ok() {
            // Up to a boundary of clusters of the disk, so that whole ones need no copy.
            let whole = READ - ((at + done) % CLUSTER as u64) as usize;
            let part = &mut scratch[..(len - done).min(whole as u64) as usize];
            result = self.contents.read_exact_at(source, offset + done, part);
            if result.is_ok() {
                result = self.write(at + done, part);
            }
            done += part.len() as u64;
        }
        self.scratch = scratch;
        result
    }
}
