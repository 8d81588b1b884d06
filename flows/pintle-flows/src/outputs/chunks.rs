//! The disk as a stream of pieces that several encoders read at once: every byte of a package is read one time,
//! whatever the number of outputs.

use pintle_model::{Bytes, Contents, Sink};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes of a piece. Partitions start at its multiples, so the first and the last piece of a disk hold tables only.
pub(super) const CHUNK: usize = 1 << 20;
/// Pieces that may wait for each encoder: what a slow one lets the others be ahead.
const AHEAD: usize = 4;

/// The next bytes of a disk.
#[derive(Clone, Debug)]
pub(super) enum Chunk {
    /// [`CHUNK`] bytes, at a multiple of it; fewer at the end of the disk.
    Data(Arc<Vec<u8>>),
    /// So many zeros.
    Zeros(u64),
}

impl Chunk {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Data(bytes) => bytes.len() as u64,
            Self::Zeros(len) => *len,
        }
    }
}

/// A sink that cuts the disk into pieces and hands each to every reader.
pub(super) struct Chunker<'a> {
    contents: &'a dyn Contents,
    readers: Vec<SyncSender<Chunk>>,
    /// The piece being filled, and where it begins on the disk.
    buffer: Vec<u8>,
    start: u64,
    /// Pieces handed out, whose memory comes back when every reader is done with it.
    lent: VecDeque<Arc<Vec<u8>>>,
}

impl<'a> Chunker<'a> {
    /// For `readers` encoders, which get the pieces from what comes with it.
    pub(super) fn new(contents: &'a dyn Contents, readers: usize) -> (Self, Vec<Receiver<Chunk>>) {
        let (senders, receivers) = (0..readers).map(|_| sync_channel(AHEAD)).unzip();
        let buffer = Vec::with_capacity(CHUNK);
        (Self { contents, readers: senders, buffer, start: 0, lent: VecDeque::new() }, receivers)
    }

    /// Hands out the rest of a disk of `len` bytes.
    pub(super) fn finish(mut self, len: u64) -> io::Result<()> {
        self.seek(len)?;
        self.emit()
    }

    /// Where the next byte goes.
    fn end(&self) -> u64 {
        self.start + self.buffer.len() as u64
    }

    pub(super) fn has_readers(&self) -> bool {
        !self.readers.is_empty()
    }

    /// Fills up to `to` with zeros.
    fn seek(&mut self, to: u64) -> io::Result<()> {
        if to < self.end() {
            return Err(io::Error::other(format!("image writer went back from {} to {to}", self.end())));
        }
        if !self.buffer.is_empty() {
            let room = (CHUNK - self.buffer.len()) as u64;
            let zeros = room.min(to - self.end()) as usize;
            self.buffer.resize(self.buffer.len() + zeros, 0);
            self.emit_full()?;
        }
        let gap = (to - self.end()) / CHUNK as u64 * CHUNK as u64;
        if gap > 0 {
            self.send(&Chunk::Zeros(gap))?;
            self.start += gap;
        }
        let rest = (to - self.end()) as usize;
        self.buffer.resize(self.buffer.len() + rest, 0);
        Ok(())
    }

    /// Room for at most `len` bytes at the end of the disk so far.
    fn room(&mut self, len: u64) -> &mut [u8] {
        let start = self.buffer.len();
        let now = len.min((CHUNK - start) as u64) as usize;
        self.buffer.resize(start + now, 0);
        &mut self.buffer[start..]
    }

    fn emit_full(&mut self) -> io::Result<()> {
        if self.buffer.len() == CHUNK { self.emit() } else { Ok(()) }
    }

    fn emit(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let next = match self.lent.pop_front().map(Arc::try_unwrap) {
            Some(Ok(mut used)) => {
                used.clear();
                used
            }
            Some(Err(busy)) => {
                self.lent.push_front(busy);
                Vec::with_capacity(CHUNK)
            }
            None => Vec::with_capacity(CHUNK),
        };
        let full = Arc::new(std::mem::replace(&mut self.buffer, next));
        self.start += full.len() as u64;
        self.send(&Chunk::Data(Arc::clone(&full)))?;
        self.lent.push_back(full);
        Ok(())
    }

    fn send(&self, chunk: &Chunk) -> io::Result<()> {
        // An encoder that ended early has its own reason, which is the one to tell.
        let ended = |_| io::Error::other("an output could not be written");
        self.readers.iter().try_for_each(|reader| reader.send(chunk.clone()).map_err(ended))
    }
}

impl Sink for Chunker<'_> {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.seek(at)?;
        let mut left = bytes;
        while !left.is_empty() {
            let room = self.room(left.len() as u64);
            let (now, later) = left.split_at(room.len());
            room.copy_from_slice(now);
            left = later;
            self.emit_full()?;
        }
        Ok(())
    }

    fn copy(&mut self, at: u64, from: &Bytes, skip: u64, len: u64) -> io::Result<()> {
        let (source, offset) = match from {
            Bytes::Inline(bytes) => return self.write(at, &bytes[skip as usize..(skip + len) as usize]),
            Bytes::At { source, offset } => (*source, offset + skip),
        };
        self.seek(at)?;
        let contents = self.contents;
        let mut done = 0;
        while done < len {
            let room = self.room(len - done);
            contents.read_exact_at(source, offset + done, room)?;
            done += room.len() as u64;
            self.emit_full()?;
        }
        Ok(())
    }
}

static ZEROS: [u8; CHUNK] = [0; CHUNK];

/// The pieces as a plain stream of bytes.
pub(super) fn pour(out: &mut dyn Write, chunks: impl Iterator<Item = Chunk>) -> io::Result<()> {
    for chunk in chunks {
        match chunk {
            Chunk::Data(bytes) => out.write_all(&bytes)?,
            Chunk::Zeros(len) => {
                let mut left = len;
                while left > 0 {
                    let now = left.min(CHUNK as u64);
                    out.write_all(&ZEROS[..now as usize])?;
                    left -= now;
                }
            }
        }
    }
    Ok(())
}

/// A disk of `old` bytes with whole pieces on a disk of `new` bytes, which has other tables: the first piece is replaced
/// by `head`, and the last one becomes `tail` and goes to the new end.
pub(super) fn moved(
    chunks: impl Iterator<Item = Chunk>,
    old: u64,
    new: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
) -> impl Iterator<Item = Chunk> {
    let whole = |mut bytes: Vec<u8>, at_end: bool| {
        let missing = CHUNK.saturating_sub(bytes.len());
        if at_end {
            bytes.splice(..0, std::iter::repeat_n(0, missing));
        } else {
            bytes.resize(CHUNK, 0);
        }
        Chunk::Data(Arc::new(bytes))
    };
    let last = old - CHUNK as u64;
    let mut at = 0;
    let middle = chunks.filter(move |chunk| {
        let here = at;
        at += chunk.len();
        here > 0 && here < last
    });
    std::iter::once(whole(head, false))
        .chain(middle)
        .chain(std::iter::once(Chunk::Zeros(new - old)))
        .chain(std::iter::once(whole(tail, true)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::NoContents;

    fn streamed(calls: &[(u64, Vec<u8>)], len: u64) -> Vec<Chunk> {
        std::thread::scope(|scope| {
            let (mut chunker, mut receivers) = Chunker::new(&NoContents, 1);
            let receiver = receivers.pop().unwrap();
            let reader = scope.spawn(move || receiver.into_iter().collect());
            for (at, bytes) in calls {
                chunker.write(*at, bytes).unwrap();
            }
            chunker.finish(len).unwrap();
            reader.join().unwrap()
        })
    }

    fn flat(chunks: impl IntoIterator<Item = Chunk>) -> Vec<u8> {
        let mut out = Vec::new();
        pour(&mut out, chunks.into_iter()).unwrap();
        out
    }

    #[test]
    fn gaps_are_zeros_and_pieces_are_whole() {
        let mib = CHUNK as u64;
        let calls = [(3, b"ab".to_vec()), (mib - 1, b"cd".to_vec()), (4 * mib, vec![7; CHUNK + 5])];
        let chunks = streamed(&calls, 9 * mib);
        let mut expected = vec![0; 9 << 20];
        for (at, bytes) in &calls {
            expected[*at as usize..][..bytes.len()].copy_from_slice(bytes);
        }
        assert!(flat(chunks.clone()) == expected);
        let lens: Vec<u64> = chunks.iter().map(|chunk| chunk.len() / mib).collect();
        assert_eq!(lens, [1, 1, 2, 1, 1, 3]);
    }

    #[test]
    fn a_disk_moves_to_a_larger_one() {
        let mib = CHUNK as u64;
        let calls = [(0, b"old head".to_vec()), (mib, b"data".to_vec()), (4 * mib - 8, b"old tail".to_vec())];
        let chunks = streamed(&calls, 4 * mib);
        let got = flat(moved(chunks.into_iter(), 4 * mib, 6 * mib, b"new".to_vec(), b"end".to_vec()));
        let mut expected = vec![0; 6 << 20];
        expected[..3].copy_from_slice(b"new");
        expected[CHUNK..CHUNK + 4].copy_from_slice(b"data");
        expected[6 * CHUNK - 3..].copy_from_slice(b"end");
        assert!(got == expected);
    }
}
