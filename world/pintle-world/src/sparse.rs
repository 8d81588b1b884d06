//! Files with holes, read and written as runs of data and of zeros.

use rustix::fs::SeekFrom;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Bytes read at once.
const CHUNK: usize = 1 << 20;
/// Zeros below this are written: no file system keeps smaller holes.
const BLOCK: usize = 4096;

/// The next bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run<'a> {
    /// At most 1 MiB.
    Data(&'a [u8]),
    /// So many zeros.
    Zeros(u64),
}

impl Run<'_> {
    /// How many bytes it stands for.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Data(bytes) => bytes.len() as u64,
            Self::Zeros(len) => *len,
        }
    }

    /// True for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Gives all of `file` (or of a device), in order, to `each`; holes are not read.
///
/// # Errors
/// Of reading, and of `each`.
pub fn read<E: From<io::Error>>(
    file: &File,
    each: &mut dyn FnMut(Run<'_>) -> Result<(), E>,
) -> Result<(), E> {
    // A device has no length in its metadata.
    let len = rustix::fs::seek(file, SeekFrom::End(0)).map_err(io::Error::from)?;
    let mut buffer = vec![0; CHUNK];
    let mut at = 0;
    while at < len {
        let (start, end) = next_data(file, at, len)?;
        if start > at {
            each(Run::Zeros(start - at))?;
            at = start;
        }
        while at < end {
            let n = (end - at).min(CHUNK as u64) as usize;
            file.read_exact_at(&mut buffer[..n], at)?;
            each(Run::Data(&buffer[..n]))?;
            at += n as u64;
        }
    }
    Ok(())
}

/// Begin and end of the next data at or after `at`; a file system without holes has data everywhere.
fn next_data(file: &File, at: u64, len: u64) -> io::Result<(u64, u64)> {
    let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
        Ok(start) => start.min(len),
        Err(rustix::io::Errno::NXIO) => return Ok((len, len)),
        Err(rustix::io::Errno::INVAL) => return Ok((at, len)),
        Err(error) => return Err(error.into()),
    };
    let end = rustix::fs::seek(file, SeekFrom::Hole(start))?;
    Ok((start, end.clamp(start, len)))
}

/// Writes runs into a file from its start. Zeros become holes.
#[derive(Debug)]
pub struct Writer<'a> {
    file: &'a File,
    at: u64,
}

impl<'a> Writer<'a> {
    /// Into `file`, which must be empty.
    #[must_use]
    pub fn new(file: &'a File) -> Self {
        Self { file, at: 0 }
    }

    /// Adds a run.
    ///
    /// # Errors
    /// Of writing.
    pub fn add(&mut self, run: Run<'_>) -> io::Result<()> {
        match run {
            Run::Zeros(len) => self.at += len,
            Run::Data(bytes) => {
                // Blocks of the file, not of the run: a hole begins where the file system can have one.
                let first = BLOCK - (self.at % BLOCK as u64) as usize;
                let (head, rest) = bytes.split_at(first.min(bytes.len()));
                self.blocks(head)?;
                self.blocks(rest)?;
            }
        }
        Ok(())
    }

    fn blocks(&mut self, bytes: &[u8]) -> io::Result<()> {
        let is_zero = |block: &&[u8]| block.len() == BLOCK && block.iter().all(|byte| *byte == 0);
        let mut rest = bytes;
        while !rest.is_empty() {
            let zeros = rest.chunks(BLOCK).take_while(is_zero).count() * BLOCK;
            let (_, after) = rest.split_at(zeros);
            self.at += zeros as u64;
            let data = after.chunks(BLOCK).take_while(|block| !is_zero(block)).map(<[u8]>::len).sum();
            let (data, after) = after.split_at(data);
            self.file.write_all_at(data, self.at)?;
            self.at += data.len() as u64;
            rest = after;
        }
        Ok(())
    }

    /// Gives the file its length, which is returned.
    ///
    /// # Errors
    /// Of the file system.
    pub fn finish(self) -> io::Result<u64> {
        self.file.set_len(self.at)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn a_copy_has_the_same_bytes_and_the_same_holes() {
        let from = tempfile::tempfile().unwrap();
        for (at, bytes) in [(5, &b"begin"[..]), (3 << 20, &[1; 5000]), (6 << 20, &[0; 1 << 20])] {
            from.write_all_at(bytes, at).unwrap();
        }
        from.set_len((9 << 20) + 77).unwrap();
        let to = tempfile::tempfile().unwrap();
        let mut writer = Writer::new(&to);
        let mut data = 0;
        read(&from, &mut |run| {
            if let Run::Data(bytes) = run {
                data += bytes.len();
            }
            writer.add(run)
        })
        .unwrap();
        assert_eq!(writer.finish().unwrap(), (9 << 20) + 77);
        assert!(data < 2 << 20, "holes are not read: {data}");
        assert_eq!(crate::files::digest(&from).unwrap(), crate::files::digest(&to).unwrap());
        assert!(to.metadata().unwrap().blocks() * 512 < 100 << 10, "zeros are holes");
    }

    #[test]
    fn runs_of_any_length_are_put_together() {
        let bytes: Vec<u8> = (0..40_000u32).map(|i| if (i / 5000) % 2 == 0 { 0 } else { i as u8 }).collect();
        for step in [1, 7, 4095, 4096, 4097, 20_000] {
            let to = tempfile::tempfile().unwrap();
            let mut writer = Writer::new(&to);
            bytes.chunks(step).for_each(|chunk| writer.add(Run::Data(chunk)).unwrap());
            writer.finish().unwrap();
            let mut read = vec![0; bytes.len()];
            to.read_exact_at(&mut read, 0).unwrap();
            assert!(read == bytes, "in steps of {step}");
        }
    }
}
