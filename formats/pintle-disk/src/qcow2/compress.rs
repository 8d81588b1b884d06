use super::format::CLUSTER;
use crate::parallel::Pool;
use flate2::{Compress, FlushCompress, Status};
use std::io;

/// How clusters are stored. Every variant gives the same bytes on any number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    None,
    /// Deflate, which every reader knows; level 0 to 9.
    Deflate(u32),
    /// Zstandard, which QEMU reads since 5.1; level 1 to 19.
    Zstd(i32),
}

/// QEMU inflates with a window of 2^12 bytes, so farther references must not be made.
const WINDOW_BITS: u8 = 12;
/// Clusters that may wait for each worker: enough that one slow cluster does not starve the others, and 1 MiB.
const QUEUE: usize = 16;

/// A cluster on its way.
#[derive(Debug, Default)]
pub(super) struct Job {
    pub(super) cluster: u64,
    /// Shorter ones are filled up with zeros.
    pub(super) plain: Vec<u8>,
    /// Empty where compression would not have made it smaller.
    pub(super) packed: Vec<u8>,
}

/// Threads that compress clusters; `None` when nothing is to be compressed.
///
/// # Errors
/// When a thread cannot be started.
pub(super) fn pool(compression: Compression, threads: usize) -> io::Result<Option<Pool<Job>>> {
    if compression == Compression::None {
        return Ok(None);
    }
    let make = || {
        let mut codec = Codec::new(compression)?;
        Ok(move |job| codec.run(job))
    };
    Pool::new("qcow2", threads, QUEUE, make).map(Some)
}

/// What one worker keeps between clusters.
enum Codec {
    Deflate(Box<Compress>),
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Codec {
    fn new(compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::Zstd(level) => Self::Zstd(zstd::bulk::Compressor::new(level)?),
            Compression::Deflate(level) => Self::deflate(level.min(9)),
            Compression::None => Self::deflate(0),
        })
    }

    fn deflate(level: u32) -> Self {
        let level = flate2::Compression::new(level);
        Self::Deflate(Box::new(Compress::new_with_window_bits(level, false, WINDOW_BITS)))
    }

    fn run(&mut self, mut job: Job) -> io::Result<Job> {
        job.packed.clear();
        // Room for the worst case, so that a stream always ends: zlib-rs 0.6.8 keeps what a full output left in it
        // across a reset, and panics some streams later.
        job.packed.reserve_exact(2 * CLUSTER);
        match self {
            Self::Deflate(deflate) => {
                deflate.reset();
                let status = deflate.compress_vec(&job.plain, &mut job.packed, FlushCompress::Finish);
                if status.map_err(io::Error::other)? != Status::StreamEnd {
                    return Err(io::Error::other("a compressed cluster has no end"));
                }
            }
            Self::Zstd(zstd) => {
                zstd.compress_to_buffer(&job.plain, &mut job.packed)?;
            }
        }
        if job.packed.len() >= CLUSTER {
            job.packed.clear();
        }
        Ok(job)
    }
}
