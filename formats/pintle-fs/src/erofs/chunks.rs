//! Files with holes: chunks of one size, each somewhere or nowhere (`erofs_fs.h`, "chunk-based inode", with plain block
//! numbers). Files whose holes are not worth a map of their chunks are stored with their zeros.

use super::format::{BLOCK_BYTES, HOLE, blocks};
use pintle_model::Blob;

/// Chunks of a file at most, so that its map is no longer than 256 KiB. Longer files have larger chunks, and more of them
/// only above 512 PiB.
const COUNT_MAX: u64 = 1 << 16;
/// The format has five bits for the logarithm.
const BITS_MAX: u32 = 31;

/// A sparse file, cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunks<'a> {
    blob: &'a Blob,
    /// Logarithm of a chunk's blocks.
    pub(crate) bits: u32,
    /// Number of chunks, holes included.
    pub(crate) count: u64,
}

impl<'a> Chunks<'a> {
    /// The chunks of a file; `None` where plain zeros are as good.
    pub(crate) fn of(blob: &'a Blob) -> Option<Self> {
        let all = blocks(blob.len());
        let covered: u64 = blob.segments().iter().map(|segment| segment.len).sum();
        if blob.len() - covered < BLOCK_BYTES {
            return None;
        }
        let bits = (0..=BITS_MAX).find(|bits| all.div_ceil(1 << bits) <= COUNT_MAX).unwrap_or(BITS_MAX);
        let chunks = Self { blob, bits, count: all.div_ceil(1 << bits) };
        let map = blocks(4 * chunks.count);
        (chunks.blocks() + map < all).then_some(chunks)
    }

    /// Bytes of a chunk.
    fn bytes(&self) -> u64 {
        BLOCK_BYTES << self.bits
    }

    /// Runs of chunks that hold data, as (first, number).
    pub(crate) fn runs(&self) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        let bytes = self.bytes();
        let mut segments = self.blob.segments().iter().peekable();
        std::iter::from_fn(move || {
            let first = segments.peek()?.at / bytes;
            let mut end = first;
            while let Some(segment) = segments.next_if(|segment| segment.at / bytes <= end) {
                end = end.max((segment.at + segment.len).div_ceil(bytes));
            }
            Some((first, end - first))
        })
    }

    /// Blocks of a run: all of its chunks, but that the file's last one ends with the file.
    pub(crate) fn run_blocks(&self, (first, count): (u64, u64)) -> u64 {
        ((first + count) << self.bits).min(blocks(self.blob.len())) - (first << self.bits)
    }

    /// Blocks of all data.
    pub(crate) fn blocks(&self) -> u64 {
        self.runs().map(|run| self.run_blocks(run)).sum()
    }

    /// Where each run starts in the file, its length in bytes and its first block, if data starts at block `start`.
    pub(crate) fn places(&self, start: u64) -> impl Iterator<Item = (u64, u64, u64)> {
        let mut next = start;
        self.runs().map(move |run| {
            let at = next;
            next += self.run_blocks(run);
            (run.0 * self.bytes(), run.1 * self.bytes(), at)
        })
    }

    /// The map: the first block of each chunk.
    pub(crate) fn map(&self, start: u64) -> Vec<u8> {
        let mut map = vec![HOLE; self.count as usize];
        let mut next = start;
        for run in self.runs() {
            for (entry, at) in map[run.0 as usize..].iter_mut().take(run.1 as usize).zip(0..) {
                *entry = (next + (at << self.bits)) as u32;
            }
            next += self.run_blocks(run);
        }
        map.into_iter().flat_map(u32::to_le_bytes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::{Bytes, Segment, SourceId};

    fn blob(len: u64, pieces: &[(u64, u64)]) -> Blob {
        let bytes = Bytes::At { source: SourceId(0), offset: 0 };
        let segments = pieces.iter().map(|(at, len)| Segment { at: *at, len: *len, bytes: bytes.clone() });
        Blob::sparse(len, segments.collect()).unwrap()
    }

    #[test]
    fn holes_are_left_out_where_that_saves_blocks() {
        let sparse = blob(100_000, &[(0, 1), (5000, 3000), (8192, 1), (90_000, 10_000)]);
        let chunks = Chunks::of(&sparse).unwrap();
        assert_eq!((chunks.bits, chunks.count, chunks.blocks()), (0, 25, 7));
        assert_eq!(chunks.runs().collect::<Vec<_>>(), [(0, 3), (21, 4)]);
        let map = chunks.map(50);
        assert_eq!(
            (&map[8..12], &map[12..16], &map[84..88]),
            (&[52, 0, 0, 0][..], &[255; 4][..], &[53, 0, 0, 0][..])
        );
        assert!(Chunks::of(&blob(8192, &[(0, 1)])).is_none(), "the map would take what the hole saves");
        assert!(Chunks::of(&blob(8192, &[(0, 8192)])).is_none());
        let huge = blob(1 << 60, &[((1 << 60) - 1, 1)]);
        let chunks = Chunks::of(&huge).unwrap();
        assert!((chunks.count, chunks.bits) == (1 << 17, 31) || chunks.count <= COUNT_MAX, "{chunks:?}");
    }
}
