use super::Store;
use pintle_model::{Bytes, Contents as _, Sink, SourceId};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

/// Writes up to this size are gathered.
const SMALL: u64 = 64 << 10;
/// Gathered bytes are written when they reach this.
const BUFFER: usize = 1 << 20;
/// Gaps below this are filled with zeros rather than started over: no file system keeps smaller holes.
const BLOCK: u64 = 4096;
/// Jobs that may wait for the threads that do them, each with at most [`BUFFER`] bytes in memory.
const WAITING: usize = 4;

/// Writes an image into a sparse file. Bytes of packs are copied by the kernel (shared, where the file system can).
///
/// The file must be empty at first: what no call covers is left as a hole.
pub struct FileSink<'a> {
    file: &'a File,
    store: &'a Store,
    /// Small neighbours, not yet read and written.
    patch: Patch,
    /// A copy not yet made: neighbours in the pack that are neighbours in the image become one.
    copy: Option<Copy>,
    /// The threads that do the work; none: it is done at once.
    crew: Option<Crew>,
    /// End of the last call, to hold the caller to ascending order.
    end: u64,
}

/// Something to be done to the file. No two touch the same bytes, so their order is all the same.
enum Job {
    Patch(Patch),
    Copy(Copy),
}

/// A piece of the image, of bytes that are here and of bytes that are still to be read.
#[derive(Default)]
struct Patch {
    at: u64,
    buffer: Vec<u8>,
    /// Where in the buffer they go, source, offset and length there.
    reads: Vec<(usize, SourceId, u64, usize)>,
}

#[derive(Clone, Copy)]
struct Copy {
    at: u64,
    source: SourceId,
    offset: u64,
    len: u64,
}

/// Threads at work, and what became of it when they have ended: a result from each.
struct Crew {
    jobs: SyncSender<Job>,
    results: Receiver<io::Result<()>>,
}

impl<'a> FileSink<'a> {
    /// Writes into `file`, with the bytes of `store`.
    #[must_use]
    pub fn new(file: &'a File, store: &'a Store) -> Self {
        Self { file, store, patch: Patch::default(), copy: None, crew: None, end: 0 }
    }

    /// The same by `threads` threads of `scope`, while the caller goes on.
    #[must_use]
    pub fn beside<'scope>(
        scope: &'scope Scope<'scope, '_>,
        file: &'a File,
        store: &'a Store,
        threads: usize,
    ) -> Self
    where
        'a: 'scope,
    {
        let (jobs, to_do) = sync_channel::<Job>(WAITING);
        let (tell, results) = sync_channel(threads);
        let to_do = Arc::new(Mutex::new(to_do));
        for _ in 0..threads {
            let (to_do, tell) = (Arc::clone(&to_do), tell.clone());
            scope.spawn(move || {
                // Nobody listens where the writing failed.
                tell.send(work(&to_do, file, store)).ok();
            });
        }
        Self { crew: Some(Crew { jobs, results }), ..Self::new(file, store) }
    }

    /// Writes what is still gathered and gives the file its length.
    ///
    /// # Errors
    /// Of writing.
    pub fn finish(mut self, len: u64) -> io::Result<()> {
        self.flush()?;
        self.join()?;
        if len < self.end {
            let text = format!("image writer wrote up to {}, past the image's end {len}", self.end);
            return Err(io::Error::other(text));
        }
        self.file.set_len(len)
    }

    fn advance(&mut self, at: u64, len: u64) -> io::Result<()> {
        if at < self.end {
            return Err(io::Error::other(format!("image writer went back from {} to {at}", self.end)));
        }
        self.end = at + len;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flush_patch()?;
        self.flush_copy()
    }

    fn flush_patch(&mut self) -> io::Result<()> {
        if self.patch.buffer.is_empty() {
            return Ok(());
        }
        let patch = std::mem::take(&mut self.patch);
        self.give(Job::Patch(patch))
    }

    fn flush_copy(&mut self) -> io::Result<()> {
        self.copy.take().map_or(Ok(()), |copy| self.give(Job::Copy(copy)))
    }

    /// Makes room for `len` bytes at `at` and returns where in the buffer it is.
    fn gather(&mut self, at: u64, len: u64) -> io::Result<usize> {
        self.flush_copy()?;
        let gap = at.wrapping_sub(self.patch.at + self.patch.buffer.len() as u64);
        if !self.patch.buffer.is_empty() && (gap >= BLOCK || self.patch.buffer.len() >= BUFFER) {
            self.flush_patch()?;
        }
        if self.patch.buffer.is_empty() {
            self.patch.at = at;
            self.patch.buffer.reserve(BUFFER + SMALL as usize);
        }
        let start = (at - self.patch.at) as usize;
        self.patch.buffer.resize(start + len as usize, 0);
        Ok(start)
    }

    fn give(&mut self, job: Job) -> io::Result<()> {
        match &self.crew {
            None => job.run(self.file, self.store),
            Some(crew) if crew.jobs.send(job).is_ok() => Ok(()),
            // All have ended early, and have a reason.
            Some(_) => self.join(),
        }
    }

    /// Waits for the threads.
    fn join(&mut self) -> io::Result<()> {
        let Some(Crew { jobs, results }) = self.crew.take() else { return Ok(()) };
        drop(jobs);
        // Ends when the last of them has let go of its sender.
        results.iter().collect()
    }
}

/// Does jobs until there are no more, or one fails.
fn work(to_do: &Mutex<Receiver<Job>>, file: &File, store: &Store) -> io::Result<()> {
    loop {
        // Who waits here keeps the others from asking, who would have to wait for the same.
        let job = to_do.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return Ok(()) };
        job.run(file, store)?;
    }
}

impl Job {
    fn run(self, file: &File, store: &Store) -> io::Result<()> {
        match self {
            Self::Patch(patch) => patch.write(store, file),
            Self::Copy(copy) => copy.make(store, file),
        }
    }
}

impl Patch {
    fn write(mut self, store: &Store, file: &File) -> io::Result<()> {
        for (at, source, offset, len) in self.reads {
            store.read_exact_at(source, offset, &mut self.buffer[at..at + len])?;
        }
        file.write_all_at(&self.buffer, self.at)
    }
}

impl Copy {
    /// Inside the kernel, if it can.
    fn make(self, store: &Store, file: &File) -> io::Result<()> {
        let source = store.file(self.source)?;
        let mut done = 0;
        while done < self.len {
            let (mut from, mut to) = (self.offset + done, self.at + done);
            let left = usize::try_from(self.len - done).unwrap_or(usize::MAX);
            match rustix::fs::copy_file_range(&*source, Some(&mut from), file, Some(&mut to), left) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => done += n as u64,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) if kernel_cannot_copy(error) => {
                    let rest =
                        Copy { at: self.at + done, offset: self.offset + done, len: self.len - done, ..self };
                    return copy_by_hand(&source, file, rest);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Errors that say "not between these files", not "the disk is broken" (copy_file_range(2)).
fn kernel_cannot_copy(error: rustix::io::Errno) -> bool {
    use rustix::io::Errno as E;
    matches!(error, E::XDEV | E::INVAL | E::NOSYS | E::OPNOTSUPP | E::BADF | E::PERM | E::IO | E::OVERFLOW)
}

fn copy_by_hand(source: &File, file: &File, copy: Copy) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER.min(copy.len as usize)];
    let mut done = 0;
    while done < copy.len {
        let n = (copy.len - done).min(BUFFER as u64) as usize;
        source.read_exact_at(&mut buffer[..n], copy.offset + done)?;
        file.write_all_at(&buffer[..n], copy.at + done)?;
        done += n as u64;
    }
    Ok(())
}

impl Sink for FileSink<'_> {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let len = bytes.len() as u64;
        self.advance(at, len)?;
        if len <= SMALL {
            let start = self.gather(at, len)?;
            self.patch.buffer[start..].copy_from_slice(bytes);
            return Ok(());
        }
        self.flush()?;
        self.file.write_all_at(bytes, at)
    }

    fn copy(&mut self, at: u64, from: &Bytes, skip: u64, len: u64) -> io::Result<()> {
        let (source, offset) = match from {
            Bytes::Inline(bytes) => return self.write(at, &bytes[skip as usize..(skip + len) as usize]),
            Bytes::At { source, offset } => (*source, offset + skip),
        };
        self.advance(at, len)?;
        if let Some(last) = &mut self.copy {
            let follows = at == last.at + last.len && offset == last.offset + last.len;
            if follows && last.source == source {
                last.len += len;
                return Ok(());
            }
        }
        if len > SMALL {
            self.flush()?;
            self.copy = Some(Copy { at, source, offset, len });
            return Ok(());
        }
        let start = self.gather(at, len)?;
        self.patch.reads.push((start, source, offset, len as usize));
        Ok(())
    }
}
