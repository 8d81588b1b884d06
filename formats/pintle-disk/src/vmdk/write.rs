use super::format::{
    AT_END, DESCRIPTOR_MAX, GRAIN, MAX_SECTORS, Marker, OVERHEAD, TABLE, descriptor, header,
};
use crate::parallel::Pool;
use flate2::{Compress, FlushCompress, Status};
use std::io::{self, Write};

/// What the image shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length of the disk in bytes, whole grains.
    pub size: u64,
    /// Makes two images different (`CID`).
    pub id: u32,
    /// Level of deflate, 0 to 9.
    pub level: u32,
    /// Threads that compress; they do not change the result.
    pub threads: usize,
}

/// Why an image cannot be written.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Not a whole number of grains, or more than the format has numbers for.
    #[error("a stream-optimized VMDK image cannot have {0} bytes: whole 64 KiB, and less than 2 TiB")]
    Size(u64),
    /// A call that is not in whole grains, goes back, or is past the end.
    #[error("the image writer put {len} bytes at {at} of a VMDK image, which takes whole grains in order")]
    Place {
        /// Offset of the call.
        at: u64,
        /// Its length.
        len: u64,
    },
}

/// Grains that may wait for each worker.
const QUEUE: usize = 16;

#[derive(Debug, Default)]
struct Job {
    grain: u64,
    plain: Vec<u8>,
    packed: Vec<u8>,
}

/// Writes a disk that comes as whole grains in ascending order; grains of zeros are left out.
/// [`Writer::finish`] must be called. The same calls give the same bytes.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    /// Where `out` stands, in sectors.
    at: u64,
    size: u64,
    pool: Pool<Job>,
    /// The next grain that may come.
    next: u64,
    /// Sectors of the grain tables, 0 where there is none; and the table being filled.
    directory: Vec<u32>,
    table: Vec<u32>,
    table_index: Option<usize>,
}

impl<W: Write> Writer<W> {
    /// Starts an image.
    ///
    /// # Errors
    /// [`Error::Size`], inside an [`io::Error`] as all of [`Error`]; of `out`; a thread that cannot be started.
    pub fn new(mut out: W, options: Options) -> io::Result<Self> {
        let Options { size, id, level, threads } = options;
        if !size.is_multiple_of(GRAIN as u64) || size / 512 >= MAX_SECTORS {
            return Err(io::Error::other(Error::Size(size)));
        }
        let pool = Pool::new("vmdk", threads, QUEUE, || {
            let mut deflate = Compress::new(flate2::Compression::new(level.min(9)), true);
            Ok(move |job| pack(&mut deflate, job))
        })?;
        let text = descriptor(size / 512, id);
        let mut head = header(size / 512, AT_END).to_vec();
        debug_assert!(text.len() <= DESCRIPTOR_MAX, "the descriptor has {} bytes", text.len());
        head.extend_from_slice(text.as_bytes());
        head.resize(OVERHEAD as usize * 512, 0);
        out.write_all(&head)?;
        let tables = (size / GRAIN as u64).div_ceil(TABLE as u64) as usize;
        let (directory, table) = (vec![0; tables], vec![0; TABLE]);
        Ok(Self { out, at: OVERHEAD, size, pool, next: 0, directory, table, table_index: None })
    }

    /// Adds whole grains at `at`.
    ///
    /// # Errors
    /// [`Error::Place`]; of the writer.
    pub fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        static ZEROS: [u8; GRAIN] = [0; GRAIN];
        let (len, first) = (bytes.len() as u64, at / GRAIN as u64);
        let whole = at.is_multiple_of(GRAIN as u64) && len.is_multiple_of(GRAIN as u64);
        if !whole || first < self.next || at.checked_add(len).is_none_or(|end| end > self.size) {
            return Err(io::Error::other(Error::Place { at, len }));
        }
        for (grain, plain) in (first..).zip(bytes.chunks(GRAIN)) {
            self.next = grain + 1;
            if plain == ZEROS {
                continue;
            }
            while self.pool.is_full() {
                self.collect()?;
            }
            let mut job = self.pool.spare();
            job.grain = grain;
            job.plain.clear();
            job.plain.extend_from_slice(plain);
            self.pool.submit(job)?;
        }
        Ok(())
    }

    /// Writes what is under way, the directory and the footer, and gives the writer back.
    ///
    /// # Errors
    /// Of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        while self.collect()? {}
        self.flush_table()?;
        let directory: Vec<u8> = self.directory.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        let at = self.metadata(Marker::Directory, &directory)?;
        let footer = header(self.size / 512, at);
        self.metadata(Marker::Footer, &footer)?;
        self.put(&Marker::End.bytes(0))?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// Writes the oldest grain under way; false when there is none.
    fn collect(&mut self) -> io::Result<bool> {
        let Some(job) = self.pool.collect()? else { return Ok(false) };
        let index = (job.grain / TABLE as u64) as usize;
        if self.table_index != Some(index) {
            self.flush_table()?;
            self.table_index = Some(index);
        }
        // Fits: the plain disk has fewer sectors than 2^32, and what grows by compression is checked.
        let at = u32::try_from(self.at).map_err(|_| io::Error::other(Error::Size(self.size)))?;
        self.table[(job.grain % TABLE as u64) as usize] = at;
        let mut marker = (job.grain * (GRAIN as u64 / 512)).to_le_bytes().to_vec();
        marker.extend_from_slice(&(job.packed.len() as u32).to_le_bytes());
        marker.extend_from_slice(&job.packed);
        self.put(&marker)?;
        self.pool.recycle(job);
        Ok(true)
    }

    fn flush_table(&mut self) -> io::Result<()> {
        let Some(index) = self.table_index.take() else { return Ok(()) };
        let table: Vec<u8> = self.table.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        self.table.fill(0);
        let at = self.metadata(Marker::Table, &table)?;
        self.directory[index] = u32::try_from(at).map_err(|_| io::Error::other(Error::Size(self.size)))?;
        Ok(())
    }

    /// Writes a marker and what it announces; returns the sector of the latter.
    fn metadata(&mut self, marker: Marker, bytes: &[u8]) -> io::Result<u64> {
        self.put(&marker.bytes((bytes.len() as u64).div_ceil(512)))?;
        let at = self.at;
        self.put(bytes)?;
        Ok(at)
    }

    /// Writes `bytes` and fills the sector up.
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        let sectors = bytes.len().div_ceil(512);
        self.out.write_all(&[0; 512][..sectors * 512 - bytes.len()])?;
        self.at += sectors as u64;
        Ok(())
    }
}

fn pack(deflate: &mut Compress, mut job: Job) -> io::Result<Job> {
    job.packed.clear();
    // Room for the worst case, so that a stream always ends (see the qcow2 writer).
    job.packed.reserve_exact(2 * GRAIN);
    deflate.reset();
    let status = deflate.compress_vec(&job.plain, &mut job.packed, FlushCompress::Finish);
    match status.map_err(io::Error::other)? {
        Status::StreamEnd => Ok(job),
        _ => Err(io::Error::other("a compressed grain has no end")),
    }
}
