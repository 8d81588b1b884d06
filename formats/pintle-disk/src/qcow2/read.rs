//! A reader of images without a backing file: ours, and those that `qemu-img convert` makes. It takes every byte for
//! hostile.
//!
//! Reference: qemu `docs/interop/qcow2.txt`.

use super::format::{COMPRESSED, COMPRESSION_ZSTD, COPIED, FEATURE_COMPRESSION_TYPE, L1_MAX};
use pintle_model::Limit;
use std::io::{self, Read as _};
use std::sync::{Mutex, PoisonError};

/// Cluster sizes that QEMU allows: 512 bytes to 2 MiB.
const CLUSTER_BITS: std::ops::RangeInclusive<u32> = 9..=21;
/// Entries of an L1 table: what QEMU opens.
const L1: Limit = Limit::new(L1_MAX, "entries in the first table of a qcow2 image");
/// Incompatible features that say nothing about how to read: a dirty or corrupt mark on refcounts.
const HARMLESS: u64 = 0b11;
/// In an L2 entry of version 3: the cluster reads as zeros.
const ZEROS: u64 = 1;
/// Bits of an entry that are an offset.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Something else.
    #[error("not a qcow2 image")]
    NotQcow2,
    /// A feature this reader does not know.
    #[error("the qcow2 image {0}, which this reader does not know")]
    Unsupported(&'static str),
    /// It contradicts itself.
    #[error("damaged qcow2 image: {0}")]
    Damaged(&'static str),
    /// Over a limit.
    #[error("more than {} {}", .0.max, .0.what)]
    Limit(Limit),
    /// The file could not be read.
    #[error("cannot read the qcow2 image")]
    Io(#[from] io::Error),
}

/// Reads bytes of the file: fills the buffer from an offset on.
pub type ReadAt<'a> = dyn Fn(u64, &mut [u8]) -> io::Result<()> + Send + Sync + 'a;

/// An opened image. Reading takes turns: the tables and the cluster met last are kept.
pub struct Reader<'a> {
    file: Box<ReadAt<'a>>,
    size: u64,
    bits: u32,
    zstd: bool,
    l1: Vec<u64>,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    /// Place in the file and entries of an L2 table.
    table: Option<(u64, Vec<u64>)>,
    /// Entry and content of a compressed cluster.
    cluster: Option<(u64, Vec<u8>)>,
}

impl<'a> Reader<'a> {
    /// True when a file that starts so may be an image.
    #[must_use]
    pub fn is_qcow2(start: &[u8]) -> bool {
        start.starts_with(b"QFI\xfb")
    }

    /// Reads the header and the first table.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn open(file: Box<ReadAt<'a>>) -> Result<Self, ReadError> {
        let mut header = [0; 112];
        file(0, &mut header[..72]).map_err(|_| ReadError::NotQcow2)?;
        if !Self::is_qcow2(&header) {
            return Err(ReadError::NotQcow2);
        }
        let version = be32(&header, 4);
        let mut zstd = false;
        match version {
            2 => {}
            3 => {
                file(72, &mut header[72..])?;
                let features = be64(&header, 72);
                if features & !(HARMLESS | FEATURE_COMPRESSION_TYPE) != 0 {
                    return Err(ReadError::Unsupported("has an incompatible feature"));
                }
                zstd = features & FEATURE_COMPRESSION_TYPE != 0 && header[104] == COMPRESSION_ZSTD;
                if header[104] > COMPRESSION_ZSTD {
                    return Err(ReadError::Unsupported("is compressed in a way"));
                }
            }
            _ => return Err(ReadError::Unsupported("is of a version")),
        }
        if be64(&header, 8) != 0 {
            return Err(ReadError::Unsupported("has a backing file"));
        }
        if be32(&header, 32) != 0 {
            return Err(ReadError::Unsupported("is encrypted"));
        }
        let (bits, size) = (be32(&header, 20), be64(&header, 24));
        if !CLUSTER_BITS.contains(&bits) {
            return Err(ReadError::Damaged("cluster size"));
        }
        let entries = u64::from(be32(&header, 36));
        if !L1.allows(entries) {
            return Err(ReadError::Limit(L1));
        }
        // A table of L2 tables: 2^bits / 8 entries of 2^bits bytes each.
        if u128::from(entries) << (2 * bits - 3) < u128::from(size) {
            return Err(ReadError::Damaged("the first table is too short"));
        }
        let l1 = table(&file, be64(&header, 40), entries as usize)?;
        Ok(Self { file, size, bits, zstd, l1, last: Mutex::default() })
    }

    /// Length of the disk.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Fills `out` from byte `offset` of the disk on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] beyond the end, [`io::ErrorKind::InvalidData`] for a damaged image.
    pub fn read_exact_at(&self, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        while !out.is_empty() {
            let inside = (offset & ((1 << self.bits) - 1)) as usize;
            let n = out.len().min((1 << self.bits) - inside);
            let (now, rest) = out.split_at_mut(n);
            self.piece(&mut last, offset, inside, now)?;
            out = rest;
            offset += n as u64;
        }
        Ok(())
    }

    /// Bytes of one cluster.
    fn piece(&self, last: &mut Last, offset: u64, inside: usize, out: &mut [u8]) -> io::Result<()> {
        let entry = self.entry(last, offset)?;
        if entry & COMPRESSED != 0 {
            if last.cluster.as_ref().is_none_or(|(of, _)| *of != entry) {
                last.cluster = Some((entry, self.unpack(entry)?));
            }
            let bytes = last.cluster.as_ref().map(|(_, bytes)| bytes.as_slice()).unwrap_or_default();
            let piece = bytes.get(inside..inside + out.len()).ok_or_else(|| damaged("a short cluster"))?;
            out.copy_from_slice(piece);
            return Ok(());
        }
        let at = entry & OFFSET;
        if at == 0 || entry & ZEROS != 0 {
            out.fill(0);
            return Ok(());
        }
        (self.file)(at + inside as u64, out)
    }

    /// The L2 entry for `offset`; 0 where nothing is allocated.
    fn entry(&self, last: &mut Last, offset: u64) -> io::Result<u64> {
        let per_table = self.bits - 3;
        let cluster = offset >> self.bits;
        let at = self.l1.get((cluster >> per_table) as usize).copied().unwrap_or_default() & OFFSET & !COPIED;
        if at == 0 {
            return Ok(0);
        }
        if last.table.as_ref().is_none_or(|(of, _)| *of != at) {
            last.table = Some((at, table(&self.file, at, 1 << per_table)?));
        }
        let entries = last.table.as_ref().map(|(_, entries)| entries.as_slice()).unwrap_or_default();
        Ok(entries.get((cluster & ((1 << per_table) - 1)) as usize).copied().unwrap_or_default())
    }

    fn unpack(&self, entry: u64) -> io::Result<Vec<u8>> {
        // Bits 0 to x-1 are the offset, x to 61 the number of further sectors, with x = 62 - (cluster_bits - 8).
        let x = 62 - (self.bits - 8);
        let at = entry & ((1 << x) - 1);
        let sectors = ((entry & !(COMPRESSED | COPIED)) >> x) + 1;
        let most = (sectors * 512 - (at & 511)) as usize;
        let mut packed = vec![0; most];
        // The last sector may not be whole at the end of the file.
        let mut got = most;
        while let Err(error) = (self.file)(at, &mut packed[..got]) {
            if error.kind() != io::ErrorKind::UnexpectedEof || got <= most.saturating_sub(512) || got <= 1 {
                return Err(error);
            }
            got -= 1;
        }
        let len = 1usize << self.bits;
        let mut out = Vec::with_capacity(len);
        let packed = &packed[..got];
        let read = if self.zstd {
            zstd::stream::read::Decoder::with_buffer(packed)?
                .single_frame()
                .take(len as u64)
                .read_to_end(&mut out)
        } else {
            flate2::read::DeflateDecoder::new(packed).take(len as u64).read_to_end(&mut out)
        };
        match read {
            Ok(_) if out.len() == len => Ok(out),
            Ok(_) => Err(damaged("a compressed cluster is too short")),
            Err(_) => Err(damaged("a compressed cluster cannot be unpacked")),
        }
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, ReadError::Damaged(what))
}

fn table(file: &ReadAt<'_>, at: u64, entries: usize) -> io::Result<Vec<u64>> {
    // Limited by L1_MAX and CLUSTER_BITS to 32 MiB.
    let mut bytes = vec![0; entries * 8];
    file(at, &mut bytes)?;
    Ok(bytes.chunks_exact(8).map(|entry| be64(entry, 0)).collect())
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn be64(bytes: &[u8], at: usize) -> u64 {
    u64::from(be32(bytes, at)) << 32 | u64::from(be32(bytes, at + 4))
}
