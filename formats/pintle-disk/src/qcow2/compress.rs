use super::format::CLUSTER;
use flate2::{Compress, FlushCompress, Status};
use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

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
struct Job {
    input: Vec<u8>,
    output: Vec<u8>,
}

/// Threads that compress clusters, handed out and collected in turn, so that order never depends on their speed.
#[derive(Debug)]
pub(super) struct Pool {
    workers: Vec<(SyncSender<Job>, Receiver<io::Result<Job>>)>,
    /// Numbers of the clusters under way, oldest first, and who has the oldest.
    waiting: VecDeque<u64>,
    oldest: usize,
    spare: Vec<Job>,
}

/// A cluster that came back.
pub(super) struct Done<'a> {
    pub(super) cluster: u64,
    pub(super) plain: &'a [u8],
    /// `None` where compression would not have made it smaller.
    pub(super) packed: Option<&'a [u8]>,
}

impl Pool {
    /// `threads` workers (one at least); `None` when nothing is to be compressed.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub(super) fn new(compression: Compression, threads: usize) -> io::Result<Option<Self>> {
        if compression == Compression::None {
            return Ok(None);
        }
        let start = |_| {
            let (jobs, queue) = sync_channel::<Job>(QUEUE);
            let (results, done) = sync_channel(QUEUE);
            let mut codec = Codec::new(compression)?;
            thread::Builder::new().name("qcow2".into()).spawn(move || {
                // Ends when either side is dropped.
                while let Ok(job) = queue.recv() {
                    if results.send(codec.run(job)).is_err() {
                        break;
                    }
                }
            })?;
            Ok((jobs, done))
        };
        let workers = (0..threads.max(1)).map(start).collect::<io::Result<Vec<_>>>()?;
        Ok(Some(Self { workers, waiting: VecDeque::new(), oldest: 0, spare: Vec::new() }))
    }

    /// True when no further cluster may be handed out before one is collected.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= self.workers.len() * QUEUE
    }

    /// Hands out a cluster; shorter ones are filled up with zeros.
    pub(super) fn submit(&mut self, cluster: u64, bytes: &[u8]) -> io::Result<()> {
        let mut job = self.spare.pop().unwrap_or_default();
        job.input.clear();
        job.input.extend_from_slice(bytes);
        job.input.resize(CLUSTER, 0);
        let worker = (self.oldest + self.waiting.len()) % self.workers.len();
        self.workers[worker].0.send(job).map_err(|_| died())?;
        self.waiting.push_back(cluster);
        Ok(())
    }

    /// Waits for the oldest cluster and passes it on; `None` when none is under way.
    pub(super) fn collect<T>(&mut self, take: impl FnOnce(Done) -> io::Result<T>) -> io::Result<Option<T>> {
        let Some(cluster) = self.waiting.pop_front() else { return Ok(None) };
        let job = self.workers[self.oldest].1.recv().map_err(|_| died())??;
        self.oldest = (self.oldest + 1) % self.workers.len();
        let packed = Some(job.output.as_slice()).filter(|packed| !packed.is_empty());
        let result = take(Done { cluster, plain: &job.input, packed })?;
        self.spare.push(job);
        Ok(Some(result))
    }
}

fn died() -> io::Error {
    io::Error::other("a thread that compresses clusters has ended")
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

    /// Fills the job's output, or leaves it empty where it would be as long as the input.
    fn run(&mut self, mut job: Job) -> io::Result<Job> {
        job.output.clear();
        // Room for the worst case, so that a stream always ends: zlib-rs 0.6.8 keeps what a full output left in it
        // across a reset, and panics some streams later.
        job.output.reserve_exact(2 * CLUSTER);
        match self {
            Self::Deflate(deflate) => {
                deflate.reset();
                let status = deflate.compress_vec(&job.input, &mut job.output, FlushCompress::Finish);
                if status.map_err(io::Error::other)? != Status::StreamEnd {
                    return Err(io::Error::other("a compressed cluster has no end"));
                }
            }
            Self::Zstd(zstd) => {
                zstd.compress_to_buffer(&job.input, &mut job.output)?;
            }
        }
        if job.output.len() >= CLUSTER {
            job.output.clear();
        }
        Ok(job)
    }
}
