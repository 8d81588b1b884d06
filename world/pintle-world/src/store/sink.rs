use super::Store;
use pintle_model::{Bytes, Contents as _, Sink, SourceId};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

/// Writes up to this size are gathered.
const SMALL: u64 = 64 << 10;
/// Gathered bytes are written when they reach this.
const BUFFER: usize = 1 << 20;
/// Gaps below this are filled with zeros rather than started over: no file system keeps smaller holes.
const BLOCK: u64 = 4096;

/// Copies that may wait for the thread that makes them.
const WAITING: usize = 64;

/// Writes an image into a sparse file. Bytes of packs are copied by the kernel (shared, where the file system can).
///
/// The file must be empty at first: what no call covers is left as a hole.
pub struct FileSink<'a> {
    file: &'a File,
    store: &'a Store,
    /// Bytes not yet written, and where they go.
    buffer: Vec<u8>,
    buffer_at: u64,
    /// A copy not yet made: neighbours in the pack that are neighbours in the image become one.
    copy: Option<Copy>,
    /// The thread that makes copies, and what became of them when it has ended.
    beside: Option<(SyncSender<Copy>, Receiver<io::Result<()>>)>,
    /// End of the last call, to hold the caller to ascending order.
    end: u64,
}

#[derive(Clone, Copy)]
struct Copy {
    at: u64,
    source: SourceId,
    offset: u64,
    len: u64,
}

impl<'a> FileSink<'a> {
    /// Writes into `file`, with the bytes of `store`.
    #[must_use]
    pub fn new(file: &'a File, store: &'a Store) -> Self {
        Self { file, store, buffer: Vec::new(), buffer_at: 0, copy: None, beside: None, end: 0 }
    }

    /// The same with copies made by a thread of `scope`, while the caller writes on.
    #[must_use]
    pub fn beside<'scope>(scope: &'scope Scope<'scope, '_>, file: &'a File, store: &'a Store) -> Self
    where
        'a: 'scope,
    {
        let (copies, to_make) = sync_channel::<Copy>(WAITING);
        let (tell, made) = sync_channel(1);
        scope.spawn(move || {
            let result = to_make.into_iter().try_for_each(|copy| copy.make(store, file));
            // Nobody listens where the writing failed.
            tell.send(result).ok();
        });
        Self { beside: Some((copies, made)), ..Self::new(file, store) }
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
        self.flush_buffer()?;
        self.flush_copy()
    }

    fn flush_buffer(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.file.write_all_at(&self.buffer, self.buffer_at)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Makes room for `len` bytes at `at` in the buffer and returns it.
    fn gather(&mut self, at: u64, len: u64) -> io::Result<&mut [u8]> {
        self.flush_copy()?;
        let gap = at.wrapping_sub(self.buffer_at + self.buffer.len() as u64);
        if !self.buffer.is_empty() && (gap >= BLOCK || self.buffer.len() >= BUFFER) {
            self.flush_buffer()?;
        }
        if self.buffer.is_empty() {
            self.buffer_at = at;
        }
        let start = (at - self.buffer_at) as usize;
        self.buffer.resize(start + len as usize, 0);
        Ok(&mut self.buffer[start..])
    }

    fn flush_copy(&mut self) -> io::Result<()> {
        let Some(copy) = self.copy.take() else { return Ok(()) };
        match &self.beside {
            None => copy.make(self.store, self.file),
            Some((copies, _)) if copies.send(copy).is_ok() => Ok(()),
            // It ended early, and has a reason.
            Some(_) => self.join(),
        }
    }

    /// Waits for the copies that are made beside.
    fn join(&mut self) -> io::Result<()> {
        let Some((copies, made)) = self.beside.take() else { return Ok(()) };
        drop(copies);
        made.recv().map_err(|_| io::Error::other("the thread that copies ended without a word"))?
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
            self.gather(at, len)?.copy_from_slice(bytes);
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
        let store = self.store;
        store.read_exact_at(source, offset, self.gather(at, len)?)
    }
}
