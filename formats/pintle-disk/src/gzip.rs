//! gzip (RFC 1952) by several threads: one member, whose blocks are compressed apart from each other and end at whole
//! bytes (deflate's sync flush), so that they can be put one after the other. Every reader takes it for an ordinary
//! file. The header has neither name nor time.

use crate::blocks::{Blocks, Job};
use flate2::{Compress, FlushCompress};
use std::io::{self, Write};

/// Bytes compressed at once: large enough that the missing references to the block before cost less than 1 %, small
/// enough that several outputs at once stay within the memory of a build.
const BLOCK: usize = 512 << 10;
/// What a block may need beyond its length: 5 bytes for each stored block of 16 KiB, and the sync flush.
const SLACK: usize = BLOCK / 64 + 1024;
/// Identification, deflate, no flags, no time, no extra flags, unknown system (RFC 1952, section 2.3).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// A last block with nothing in it (RFC 1951, section 3.2.6).
const LAST_BLOCK: [u8; 2] = [3, 0];

/// Compresses what is written; [`Writer::finish`] must be called. The number of threads does not change the result.
#[derive(Debug)]
pub struct Writer<W> {
    blocks: Blocks<W>,
}

impl<W: Write> Writer<W> {
    /// Compresses into `out` at `level` (0 to 9).
    ///
    /// # Errors
    /// Of `out`; a thread that cannot be started.
    pub fn new(mut out: W, level: u32, threads: usize) -> io::Result<Self> {
        out.write_all(&HEADER)?;
        let blocks = Blocks::new(out, "gzip", BLOCK, threads, || {
            let mut deflate = Compress::new(flate2::Compression::new(level.min(9)), false);
            Ok(move |job| pack(&mut deflate, job))
        })?;
        Ok(Self { blocks })
    }

    /// Writes what is under way and the trailer, and gives the writer back.
    ///
    /// # Errors
    /// Of the writer.
    pub fn finish(self) -> io::Result<W> {
        let (mut out, crc, len) = self.blocks.finish()?;
        out.write_all(&LAST_BLOCK)?;
        out.write_all(&crc.to_le_bytes())?;
        // Modulo 2^32, as the format wants it.
        out.write_all(&(len as u32).to_le_bytes())?;
        out.flush()?;
        Ok(out)
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.blocks.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.blocks.flush()
    }
}

fn pack(deflate: &mut Compress, mut job: Job) -> io::Result<Job> {
    job.crc = crc32fast::Hasher::new();
    job.crc.update(&job.plain);
    job.packed.clear();
    job.packed.reserve_exact(job.plain.len() + SLACK);
    deflate.reset();
    deflate.compress_vec(&job.plain, &mut job.packed, FlushCompress::Sync).map_err(io::Error::other)?;
    // A full output would mean that something is left to come.
    if deflate.total_in() != job.plain.len() as u64 || job.packed.len() == job.packed.capacity() {
        return Err(io::Error::other("a compressed block has no end"));
    }
    Ok(job)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    /// Text, zeros over several blocks, bytes that do not compress, and an odd end.
    fn sample() -> Vec<u8> {
        let mut bytes = b"Tweedledum and Tweedledee agreed to have a battle. ".repeat(50_000);
        bytes.resize(bytes.len() + 3 * BLOCK + 17, 0);
        let mut state = 1u32;
        bytes.extend((0..2 * BLOCK).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }));
        bytes
    }

    fn packed(bytes: &[u8], threads: usize) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), 6, threads).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn one_member_that_others_read() {
        for bytes in [Vec::new(), b"x".to_vec(), vec![0; BLOCK], sample()] {
            let mut read = Vec::new();
            // Of one member only.
            flate2::read::GzDecoder::new(&*packed(&bytes, 2)).read_to_end(&mut read).unwrap();
            assert!(read == bytes, "{} bytes", bytes.len());
        }
    }

    #[test]
    fn threads_do_not_change_the_bytes() {
        let bytes = sample();
        assert!(packed(&bytes, 1) == packed(&bytes, 5));
    }
}
