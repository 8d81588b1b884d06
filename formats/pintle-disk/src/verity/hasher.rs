use super::format::{BLOCK, DATA_BLOCKS_MAX, HASH, Salt};
use super::tree::{Salted, Tree};
use crate::parallel::Pool;
use pintle_model::{Bytes, Contents, Sink};
use std::io::{self, Write};

/// Bytes that a thread hashes at once.
const PIECE: usize = 256 * BLOCK;
/// Pieces that may wait for each thread.
const QUEUE: usize = 2;
/// Bytes of zeros from which on it pays to count instead of to hash.
const RUN: u64 = PIECE as u64 / 4;

/// A piece on its way.
#[derive(Debug, Default)]
struct Job {
    /// Whole blocks.
    plain: Vec<u8>,
    /// Their hashes.
    hashes: Vec<u8>,
    /// Blocks of zeros behind them.
    zeros: u64,
}

/// Hashes data while it streams by, on several threads; keeps hashes only. What comes out does not depend on their
/// number.
///
/// It is a [`Write`] for the data from its first byte to its last; holes can be told by [`Hasher::zeros`].
#[derive(Debug)]
pub struct Hasher {
    pool: Pool<Job>,
    salt: Salt,
    salted: Salted,
    piece: Vec<u8>,
    leaves: Vec<u8>,
    len: u64,
}

impl Hasher {
    /// A hasher with so many threads (one at least) beside the one that feeds it.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn new(salt: Salt, threads: usize) -> io::Result<Self> {
        let salted = Salted::new(&salt);
        let pool = Pool::new("verity", threads, QUEUE, || {
            let salted = salted.clone();
            Ok(move |mut job: Job| {
                job.hashes.clear();
                for block in job.plain.chunks_exact(BLOCK) {
                    job.hashes.extend_from_slice(&salted.block(block));
                }
                Ok(job)
            })
        })?;
        Ok(Self { pool, salt, salted, piece: Vec::with_capacity(PIECE), leaves: Vec::new(), len: 0 })
    }

    /// Bytes seen so far.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "it is a position")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// As if `len` zeros were written; long runs cost next to nothing.
    ///
    /// # Errors
    /// As of writing.
    pub fn zeros(&mut self, len: u64) -> io::Result<()> {
        let missing = self.len.next_multiple_of(BLOCK as u64) - self.len;
        if len < RUN + missing {
            return io::copy(&mut io::Read::take(io::repeat(0), len), self).map(drop);
        }
        self.write_all(&[0; BLOCK][..missing as usize])?;
        let (blocks, rest) = ((len - missing) / BLOCK as u64, (len - missing) % BLOCK as u64);
        // Refused before memory is asked for.
        let end = (self.len / BLOCK as u64).checked_add(blocks).filter(|end| *end <= DATA_BLOCKS_MAX);
        end.ok_or(io::ErrorKind::FileTooLarge)?;
        self.submit(blocks)?;
        self.len += blocks * BLOCK as u64;
        self.write_all(&[0; BLOCK][..rest as usize])
    }

    /// The tree over all that was written.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] where that was nothing, or no whole number of blocks.
    pub fn finish(mut self) -> io::Result<Tree> {
        let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
        if self.len == 0 || !self.len.is_multiple_of(BLOCK as u64) {
            let len = self.len;
            return Err(invalid(format!(
                "{len} bytes are no whole number of dm-verity's blocks of {BLOCK} bytes"
            )));
        }
        let (leaves, salt) = (self.leaves()?, self.salt);
        Tree::over(leaves, salt, &self.salted).ok_or_else(|| io::ErrorKind::FileTooLarge.into())
    }

    /// The hashes of all blocks that are whole.
    pub(super) fn leaves(&mut self) -> io::Result<Vec<u8>> {
        self.submit(0)?;
        while self.collect()? {}
        Ok(std::mem::take(&mut self.leaves))
    }

    /// Hands out the piece being filled.
    fn submit(&mut self, zeros: u64) -> io::Result<()> {
        while self.pool.is_full() {
            self.collect()?;
        }
        let mut job = self.pool.spare();
        job.plain.clear();
        job.zeros = zeros;
        std::mem::swap(&mut job.plain, &mut self.piece);
        self.piece.reserve_exact(PIECE);
        self.pool.submit(job)
    }

    /// Takes the oldest piece back; false when there is none.
    fn collect(&mut self) -> io::Result<bool> {
        let Some(job) = self.pool.collect()? else { return Ok(false) };
        self.leaves.extend_from_slice(&job.hashes);
        let zeros = usize::try_from(job.zeros).ok().and_then(|blocks| blocks.checked_mul(HASH));
        let end = zeros.and_then(|zeros| zeros.checked_add(self.leaves.len()));
        let end = end.ok_or(io::ErrorKind::FileTooLarge)?;
        self.leaves.try_reserve(end - self.leaves.len()).map_err(|_| io::ErrorKind::OutOfMemory)?;
        while self.leaves.len() < end {
            self.leaves.extend_from_slice(&self.salted.zero);
        }
        self.pool.recycle(job);
        Ok(true)
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let now = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..now]);
        self.len += now as u64;
        if self.piece.len() == PIECE {
            self.submit(0)?;
        }
        Ok(now)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A [`Sink`] that hashes: an image writer feeds it as it would feed a file.
pub struct HashSink<'a> {
    hasher: Hasher,
    contents: &'a dyn Contents,
    buffer: Vec<u8>,
}

impl<'a> HashSink<'a> {
    /// Hashes by `hasher`; file bytes come from `contents`.
    pub fn new(hasher: Hasher, contents: &'a dyn Contents) -> Self {
        Self { hasher, contents, buffer: Vec::new() }
    }

    /// The tree over `len` bytes, the last of which may be a hole.
    ///
    /// # Errors
    /// As of [`Hasher::finish`], and where more than `len` bytes were written.
    pub fn finish(mut self, len: u64) -> io::Result<Tree> {
        self.seek(len)?;
        self.hasher.finish()
    }

    fn seek(&mut self, to: u64) -> io::Result<()> {
        let end = self.hasher.len();
        let gap = to.checked_sub(end);
        let back = || io::Error::other(format!("image writer went back from {end} to {to}"));
        self.hasher.zeros(gap.ok_or_else(back)?)
    }
}

impl Sink for HashSink<'_> {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.seek(at)?;
        self.hasher.write_all(bytes)
    }

    fn copy(&mut self, at: u64, from: &Bytes, skip: u64, len: u64) -> io::Result<()> {
        match from {
            Bytes::Inline(bytes) => self.write(at, &bytes[skip as usize..(skip + len) as usize]),
            Bytes::At { source, offset } => {
                self.seek(at)?;
                let mut done = 0;
                while done < len {
                    let now = (len - done).min(PIECE as u64) as usize;
                    self.buffer.resize(now, 0);
                    self.contents.read_exact_at(*source, offset + skip + done, &mut self.buffer)?;
                    self.hasher.write_all(&self.buffer)?;
                    done += now as u64;
                }
                Ok(())
            }
        }
    }
}
