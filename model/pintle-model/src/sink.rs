use crate::{Blob, Bytes, Contents, Segment};
use std::io;

/// Where a writer puts an image: a file, a compressor, a counter, a device.
///
/// Calls come in ascending order and do not overlap; bytes that no call covers are zero. So one pass feeds a
/// sparse file, a qcow2 or gzip stream and a hash alike. Offsets are relative to the start of the object.
pub trait Sink {
    /// Puts `bytes` at `at`.
    ///
    /// # Errors
    /// Whatever the place reports; the caller stops at the first error.
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Puts `len` bytes of `from`, starting `skip` bytes into it, at `at`. A file sink copies extents in the kernel.
    ///
    /// # Errors
    /// As [`Sink::write`], and errors of reading the source.
    fn copy(&mut self, at: u64, from: &Bytes, skip: u64, len: u64) -> io::Result<()>;

    /// Puts a whole blob at `at`, leaving its holes out.
    ///
    /// # Errors
    /// As [`Sink::copy`].
    fn blob(&mut self, at: u64, blob: &Blob) -> io::Result<()> {
        for Segment { at: inside, len, bytes } in blob.segments() {
            self.copy(at + inside, bytes, 0, *len)?;
        }
        Ok(())
    }
}

/// The first pass: knows how far the writer got and how much data it put down, and keeps nothing.
/// It also holds the writer to its contract (debug builds): ascending, not overlapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// End of the last call.
    pub end: u64,
    /// Sum of all lengths.
    pub data: u64,
}

impl Count {
    fn add(&mut self, at: u64, len: u64) {
        debug_assert!(at >= self.end, "a writer went back from {} to {at}", self.end);
        self.end = at + len;
        self.data += len;
    }
}

impl Sink for Count {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.add(at, bytes.len() as u64);
        Ok(())
    }

    fn copy(&mut self, at: u64, _from: &Bytes, _skip: u64, len: u64) -> io::Result<()> {
        self.add(at, len);
        Ok(())
    }
}

/// Moves an object to `base` within a larger one: a file system into its partition.
pub struct Offset<'a> {
    /// The larger object.
    pub sink: &'a mut dyn Sink,
    /// Where the inner one starts.
    pub base: u64,
}

impl Sink for Offset<'_> {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.sink.write(self.base + at, bytes)
    }

    fn copy(&mut self, at: u64, from: &Bytes, skip: u64, len: u64) -> io::Result<()> {
        self.sink.copy(self.base + at, from, skip, len)
    }
}

/// Turns a sink into a plain byte stream: gaps become zeros. For compressors, hashes, pipes and tests.
pub struct WriteAll<'a, W> {
    out: W,
    contents: &'a dyn Contents,
    end: u64,
}

/// Bytes moved at once when a stream is fed.
const CHUNK: usize = 1 << 17;
static ZEROS: [u8; CHUNK] = [0; CHUNK];

impl<'a, W: io::Write> WriteAll<'a, W> {
    /// Streams into `out`; file bytes come from `contents`.
    pub fn new(out: W, contents: &'a dyn Contents) -> Self {
        Self { out, contents, end: 0 }
    }

    /// Pads with zeros up to `len` and gives the writer back.
    ///
    /// # Errors
    /// Of the writer.
    pub fn finish(mut self, len: u64) -> io::Result<W> {
        self.seek(len)?;
        Ok(self.out)
    }

    fn seek(&mut self, to: u64) -> io::Result<()> {
        let Some(mut gap) = to.checked_sub(self.end) else {
            return Err(io::Error::other(format!("image writer went back from {} to {to}", self.end)));
        };
        while gap > 0 {
            let n = gap.min(CHUNK as u64);
            self.out.write_all(&ZEROS[..n as usize])?;
            gap -= n;
        }
        self.end = to;
        Ok(())
    }
}

impl<W: io::Write> Sink for WriteAll<'_, W> {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.seek(at)?;
        self.out.write_all(bytes)?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    fn copy(&mut self, at: u64, from: &Bytes, skip: u64, len: u64) -> io::Result<()> {
        match from {
            Bytes::Inline(bytes) => self.write(at, &bytes[skip as usize..(skip + len) as usize]),
            Bytes::At { source, offset } => {
                let mut buffer = vec![0; CHUNK.min(len as usize)];
                let mut done = 0;
                while done < len {
                    let n = (len - done).min(CHUNK as u64) as usize;
                    self.contents.read_exact_at(*source, offset + skip + done, &mut buffer[..n])?;
                    self.write(at + done, &buffer[..n])?;
                    done += n as u64;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoContents;

    #[test]
    fn a_stream_fills_gaps_and_refuses_to_go_back() {
        let mut stream = WriteAll::new(Vec::new(), &NoContents);
        stream.write(2, b"ab").unwrap();
        stream.blob(6, &Blob::inline(*b"cd")).unwrap();
        assert!(stream.write(7, b"x").is_err());
        assert_eq!(stream.finish(10).unwrap(), b"\0\0ab\0\0cd\0\0");
    }
}
