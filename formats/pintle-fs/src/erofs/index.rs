//! What stands behind the inode of a compressed file: a header, and for each block of plain data eight bytes that say
//! how to find it (`erofs_fs.h`, `struct z_erofs_map_header` and `struct z_erofs_lcluster_index`).
//!
//! Extents start at multiples of a block. The first block of one is its *head* and knows where the compressed bytes
//! are; the second says of how many blocks they are; each further one how far it is from the head and from the next
//! one. A block that is stored as it is is an extent by itself. Where a file ends within a block, that block is
//! entered as the head of an extent that never comes: so readers know where the last one ends.

use super::format::{BLOCK_BYTES, put16};
use super::pack::{Extent, PackedFile};

/// Bytes of the header.
pub(crate) const HEADER: u64 = 8;
/// Unused bytes behind the header, in this form of the index.
pub(crate) const GAP: u64 = 8;
/// Bytes for one block.
pub(crate) const ENTRY: u64 = 8;
/// `h_advise`: compressed extents may be of several blocks.
pub(crate) const BIG: u16 = 0x2;
/// Bit 7 of `h_clusterbits`, seen as part of the header's 64 bits: the whole file is a fragment.
pub(crate) const WHOLE_FRAGMENT: u64 = 1 << 63;

/// Types of an entry: stored as it is, head of a compressed extent, not a head.
pub(crate) const PLAIN: u16 = 0;
pub(crate) const HEAD: u16 = 1;
pub(crate) const NON_HEAD: u16 = 2;
/// Mark on the distance in an extent's second entry: it is the number of compressed blocks.
pub(crate) const BLOCK_COUNT: u16 = 1 << 11;

/// Where the header ends, if the inode and its attributes end at `at`.
pub(crate) fn end_of_header(at: u64) -> u64 {
    at.next_multiple_of(8) + HEADER
}

/// Where all of it ends.
pub(crate) fn end(at: u64, file: &PackedFile) -> u64 {
    end_of_header(at) + GAP + ENTRY * file.len.div_ceil(BLOCK_BYTES)
}

/// The header of a file that stands in the file of fragments from byte `from` on, with the gap before it.
pub(crate) fn fragment(at: u64, from: u64) -> Vec<u8> {
    let mut out = vec![0; (end_of_header(at) - HEADER - at) as usize];
    out.extend_from_slice(&(from | WHOLE_FRAGMENT).to_le_bytes());
    out
}

/// Header and entries of a file whose compressed data starts at block `start`, with the gap before them.
pub(crate) fn bytes(at: u64, file: &PackedFile, start: u32) -> Vec<u8> {
    let mut out = vec![0; (end_of_header(at) - HEADER - at) as usize];
    let mut header = [0; (HEADER + GAP) as usize];
    put16(&mut header, 4, BIG);
    header[6] = file.method;
    out.extend_from_slice(&header);
    out.reserve((ENTRY * file.len.div_ceil(BLOCK_BYTES)) as usize);
    let (mut block, mut left) = (start, file.len);
    for extent in &file.extents {
        let len = left.min(u64::from(extent.plain) * BLOCK_BYTES);
        entries(&mut out, extent, block, len % BLOCK_BYTES);
        block += extent.blocks;
        left -= len;
    }
    out
}

/// The entries of one extent; `rest` is how far the file reaches into its last block if that is the file's last and
/// incomplete, else 0.
fn entries(out: &mut Vec<u8>, extent: &Extent, start: u32, rest: u64) {
    let mut entry = |kind: u16, offset: u16, place: [u16; 2]| {
        let mut entry = [0; ENTRY as usize];
        put16(&mut entry, 0, kind);
        put16(&mut entry, 2, offset);
        put16(&mut entry, 4, place[0]);
        put16(&mut entry, 6, place[1]);
        out.extend_from_slice(&entry);
    };
    let block = |number: u32| [number as u16, (number >> 16) as u16];
    if !extent.is_compressed() {
        (0..extent.plain).for_each(|at| entry(PLAIN, 0, block(start + at)));
        return;
    }
    let inner = extent.plain - u32::from(rest > 0);
    entry(HEAD, 0, block(start));
    for at in 1..inner {
        let from_head = if at == 1 { extent.blocks as u16 | BLOCK_COUNT } else { at as u16 };
        entry(NON_HEAD, 0, [from_head, (inner - at) as u16]);
    }
    if rest > 0 {
        entry(PLAIN, rest as u16, [0, 0]);
    }
}
