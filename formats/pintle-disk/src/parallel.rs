//! Work on the pieces of a stream by several threads, collected in the order it was handed out: what comes out never
//! depends on how many threads there are or on their speed.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// One thread: what it is sent and what it gives back.
type Worker<J> = (SyncSender<J>, Receiver<io::Result<J>>);

/// Threads that each keep a codec of their own.
#[derive(Debug)]
pub(crate) struct Pool<J> {
    workers: Vec<Worker<J>>,
    /// Jobs that may wait for each worker.
    depth: usize,
    /// Jobs under way, and who has the oldest.
    waiting: usize,
    oldest: usize,
    spare: Vec<J>,
}

impl<J: Send + Default + 'static> Pool<J> {
    /// `threads` workers (one at least) that each run what `make` gives, with `depth` jobs waiting at most.
    ///
    /// # Errors
    /// Of `make`, and when a thread cannot be started.
    pub(crate) fn new<F>(
        name: &str,
        threads: usize,
        depth: usize,
        make: impl Fn() -> io::Result<F>,
    ) -> io::Result<Self>
    where
        F: FnMut(J) -> io::Result<J> + Send + 'static,
    {
        let start = |_| {
            let (jobs, queue) = sync_channel::<J>(depth);
            let (results, done) = sync_channel(depth);
            let mut work = make()?;
            thread::Builder::new().name(name.to_owned()).spawn(move || {
                // Ends when either side is dropped.
                while let Ok(job) = queue.recv() {
                    if results.send(work(job)).is_err() {
                        break;
                    }
                }
            })?;
            Ok((jobs, done))
        };
        let workers = (0..threads.max(1)).map(start).collect::<io::Result<Vec<_>>>()?;
        Ok(Self { workers, depth, waiting: 0, oldest: 0, spare: Vec::new() })
    }

    /// True when no further job may be handed out before one is collected.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting >= self.workers.len() * self.depth
    }

    /// True while a job is under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.waiting > 0
    }

    /// A used job, for its buffers, or a new one.
    pub(crate) fn spare(&mut self) -> J {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes a job back whose buffers may be used again.
    pub(crate) fn recycle(&mut self, job: J) {
        self.spare.push(job);
    }

    /// Hands out a job.
    pub(crate) fn submit(&mut self, job: J) -> io::Result<()> {
        let worker = (self.oldest + self.waiting) % self.workers.len();
        self.workers[worker].0.send(job).map_err(|_| died())?;
        self.waiting += 1;
        Ok(())
    }

    /// Waits for the oldest job; `None` when none is under way.
    pub(crate) fn collect(&mut self) -> io::Result<Option<J>> {
        if self.waiting == 0 {
            return Ok(None);
        }
        self.waiting -= 1;
        let job = self.workers[self.oldest].1.recv().map_err(|_| died())??;
        self.oldest = (self.oldest + 1) % self.workers.len();
        Ok(Some(job))
    }
}

fn died() -> io::Error {
    io::Error::other("a working thread has ended")
}
