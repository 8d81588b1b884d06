//! Compressed files (see `index.rs` for their form).

use super::{ReadError, Reader, Stat, get16, get32, get64};
use crate::erofs::format::{BLOCK, BLOCK_BYTES, EXTENT_MAX};
use crate::erofs::index::{
    BIG, BLOCK_COUNT, ENTRY, GAP, HEAD, HEADER, NON_HEAD, PLAIN, WHOLE_FRAGMENT, end_of_header,
};

/// Plain bytes of one extent at most (`Z_EROFS_PCLUSTER_MAX_DSIZE`).
const PLAIN_MAX: u64 = 12 << 20;
/// Bits of an entry that say its type.
const TYPE: u16 = 3;

/// One entry.
#[derive(Clone, Copy, Debug)]
enum Entry {
    Head { compressed: bool, offset: u64, block: u32 },
    NonHead { back: u64, forth: u64, blocks: Option<u64> },
}

/// One extent.
#[derive(Clone, Copy, Debug)]
struct Found {
    start: u64,
    end: u64,
    compressed: bool,
    block: u64,
    blocks: u64,
}

/// A compressed file being read.
struct File<'r, 'a> {
    reader: &'r Reader<'a>,
    stat: &'r Stat,
    method: u8,
    entries_at: u64,
    /// Number of entries.
    count: u64,
}

impl Reader<'_> {
    /// Fills `out` with the bytes of a compressed file from byte `from` on.
    pub(super) fn compressed(&self, stat: &Stat, from: u64, out: &mut [u8]) -> Result<(), ReadError> {
        if out.is_empty() {
            return Ok(());
        }
        let header_end = end_of_header(stat.tail);
        let mut header = [0; HEADER as usize];
        self.read_at(header_end - HEADER, &mut header)?;
        let whole = get64(&header, 0);
        if whole & WHOLE_FRAGMENT != 0 {
            return self.fragment(stat, whole & !WHOLE_FRAGMENT, from, out);
        }
        let (advise, method, bits) = (get16(&header, 4), header[6], header[7]);
        if advise & !BIG != 0 || bits != 0 || method >> 4 != 0 {
            let what = format!("compressed data of form {advise:#x}, {method:#x}, {bits:#x}");
            return Err(ReadError::Unsupported(what));
        }
        let count = stat.size.div_ceil(BLOCK_BYTES);
        let file = File { reader: self, stat, method, entries_at: header_end + GAP, count };
        let (mut at, end) = (from, from + out.len() as u64);
        while at < end {
            let found = file.extent(at)?;
            let plain = file.plain(&found)?;
            let stop = end.min(found.end);
            let inside = &plain[(at - found.start) as usize..(stop - found.start) as usize];
            out[(at - from) as usize..(stop - from) as usize].copy_from_slice(inside);
            at = stop;
        }
        Ok(())
    }

    fn fragment(&self, stat: &Stat, start: u64, from: u64, out: &mut [u8]) -> Result<(), ReadError> {
        let damaged = || stat.damaged("place among the fragments");
        let packed = self.inode(self.packed.ok_or_else(damaged)?)?;
        let mut header = [0; HEADER as usize];
        if packed.is_compressed() {
            self.read_at(end_of_header(packed.tail) - HEADER, &mut header)?;
        }
        // No fragment of fragments.
        if packed.nid == stat.nid || get64(&header, 0) & WHOLE_FRAGMENT != 0 {
            return Err(damaged());
        }
        self.fill(&packed, start.checked_add(from).ok_or_else(damaged)?, out)
    }
}

impl File<'_, '_> {
    fn damaged(&self) -> ReadError {
        self.stat.damaged("index of compressed data")
    }

    fn entry(&self, number: u64) -> Result<Entry, ReadError> {
        let mut bytes = [0; ENTRY as usize];
        let at = number.checked_mul(ENTRY).and_then(|at| at.checked_add(self.entries_at));
        self.reader.read_at(at.ok_or_else(|| self.damaged())?, &mut bytes)?;
        let kind = get16(&bytes, 0);
        let offset = u64::from(get16(&bytes, 2));
        match kind & TYPE {
            PLAIN | HEAD if kind & !TYPE == 0 && offset < BLOCK_BYTES => {
                Ok(Entry::Head { compressed: kind == HEAD, offset, block: get32(&bytes, 4) })
            }
            NON_HEAD if kind & !TYPE == 0 => {
                let [back, forth] = [4, 6].map(|at| get16(&bytes, at));
                let blocks = (back & BLOCK_COUNT != 0).then_some(u64::from(back & !BLOCK_COUNT));
                let back = if blocks.is_some() { 1 } else { u64::from(back) };
                Ok(Entry::NonHead { back, forth: u64::from(forth), blocks })
            }
            _ => Err(self.damaged()),
        }
    }

    /// The extent that holds byte `at`.
    fn extent(&self, at: u64) -> Result<Found, ReadError> {
        let mut number = at / BLOCK_BYTES;
        let (compressed, offset, block) = loop {
            let back = match self.entry(number)? {
                Entry::Head { compressed, offset, block } if number * BLOCK_BYTES + offset <= at => {
                    break (compressed, offset, block);
                }
                Entry::Head { .. } => 1,
                Entry::NonHead { back, .. } => back,
            };
            if back == 0 || back > number {
                return Err(self.damaged());
            }
            number -= back;
        };
        let start = number * BLOCK_BYTES + offset;
        let (end, blocks) = self.end(number)?;
        let sound = end > at && end - start <= PLAIN_MAX && (1..=EXTENT_MAX / BLOCK_BYTES).contains(&blocks);
        if !sound {
            return Err(self.damaged());
        }
        Ok(Found { start, end, compressed, block: u64::from(block), blocks })
    }

    /// Where the extent with this head ends, and how many blocks it has on disk.
    fn end(&self, head: u64) -> Result<(u64, u64), ReadError> {
        let (mut number, mut on_disk) = (head + 1, 1);
        while number < self.count && number - head <= PLAIN_MAX / BLOCK_BYTES {
            match self.entry(number)? {
                Entry::Head { offset, .. } => return Ok((number * BLOCK_BYTES + offset, on_disk)),
                Entry::NonHead { blocks, .. } if number == head + 1 => {
                    on_disk = blocks.ok_or_else(|| self.damaged())?;
                    number += 1;
                }
                Entry::NonHead { forth, .. } => number += forth.max(1),
            }
        }
        Ok((self.stat.size, on_disk))
    }

    /// The plain bytes of an extent.
    fn plain(&self, found: &Found) -> Result<Vec<u8>, ReadError> {
        let mut packed = vec![0; (found.blocks * BLOCK_BYTES) as usize];
        self.reader.read_at(found.block * BLOCK_BYTES, &mut packed)?;
        let len = (found.end - found.start) as usize;
        if !found.compressed {
            packed.truncate(len);
            return if packed.len() == len { Ok(packed) } else { Err(self.damaged()) };
        }
        let padding = packed.iter().take(BLOCK).take_while(|byte| **byte == 0).count();
        let packed = &packed[padding..];
        let damaged = || self.stat.damaged("compressed data");
        let mut plain = vec![0; len];
        let made = match self.method {
            0 => lz4_flex::block::decompress_into(packed, &mut plain).map_err(|_| damaged())?,
            3 => {
                let window = zstd_window(packed).ok_or_else(damaged)?;
                if self.reader.window_log.is_none_or(|log| log > 20 || window > 1 << log) {
                    return Err(damaged());
                }
                let mut zstd = zstd::bulk::Decompressor::new().map_err(|_| damaged())?;
                zstd.decompress_to_buffer(packed, &mut plain[..]).map_err(|_| damaged())?
            }
            other => return Err(ReadError::Unsupported(format!("compression method {other}"))),
        };
        if made == len { Ok(plain) } else { Err(damaged()) }
    }
}

/// Bytes of the window that a frame asks for (RFC 8878, section 3.1.1.1); `None` if there is no frame.
fn zstd_window(frame: &[u8]) -> Option<u64> {
    let [0x28, 0xB5, 0x2F, 0xFD, descriptor, window, ..] = *frame else { return None };
    // A frame of one segment says its length instead; such are not made.
    if descriptor & 0x20 != 0 {
        return Some(PLAIN_MAX);
    }
    let base = 1u64 << (10 + (window >> 3));
    Some(base + base / 8 * u64::from(window & 7))
}
