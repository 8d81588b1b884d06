use crate::Digest;
use std::io;
use std::sync::Arc;

/// Names an opened source of file bytes (a pack of the content store, a tar, a host file).
/// The number means something only to the [`Contents`] that handed it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// Where a run of bytes is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// In memory: rendered configuration, generated indices.
    Inline(Arc<[u8]>),
    /// In a source, from `offset` bytes on.
    At {
        /// Which source.
        source: SourceId,
        /// Byte offset in it.
        offset: u64,
    },
}

/// A run of data inside a file; what no segment covers is a hole and reads as zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Byte offset in the file.
    pub at: u64,
    /// Length in bytes, not 0. For [`Bytes::Inline`] equal to the length of the slice.
    pub len: u64,
    /// The bytes.
    pub bytes: Bytes,
}

/// The content of a regular file: length and data segments, sorted and not overlapping.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Blob {
    len: u64,
    segments: Vec<Segment>,
    digest: Option<Digest>,
}

/// A file is larger than its reader was ready to hold in memory.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("file of {len} bytes is over the limit of {max} bytes for reading it whole")]
pub struct BlobTooLarge {
    /// Its length.
    pub len: u64,
    /// The limit.
    pub max: u64,
}

impl Blob {
    /// A file held in memory.
    #[must_use]
    pub fn inline(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let len = bytes.len() as u64;
        let segments =
            if len == 0 { Vec::new() } else { vec![Segment { at: 0, len, bytes: Bytes::Inline(bytes) }] };
        Self { len, segments, digest: None }
    }

    /// A file of `len` bytes that stand back to back at `offset` of `source`.
    #[must_use]
    pub fn at(source: SourceId, offset: u64, len: u64) -> Self {
        let segments = if len == 0 {
            Vec::new()
        } else {
            vec![Segment { at: 0, len, bytes: Bytes::At { source, offset } }]
        };
        Self { len, segments, digest: None }
    }

    /// A sparse file. Returns `None` unless segments are sorted, disjoint, non-empty and within `len`.
    #[must_use]
    pub fn sparse(len: u64, segments: Vec<Segment>) -> Option<Self> {
        let mut end = 0;
        for segment in &segments {
            let stop = segment.at.checked_add(segment.len)?;
            if segment.at < end || segment.len == 0 || stop > len {
                return None;
            }
            if matches!(&segment.bytes, Bytes::Inline(bytes) if bytes.len() as u64 != segment.len) {
                return None;
            }
            end = stop;
        }
        Some(Self { len, segments, digest: None })
    }

    /// The same, with the digest of the whole content recorded.
    #[must_use]
    pub fn with_digest(mut self, digest: Digest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// Length in bytes, holes included.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True for an empty file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The data segments.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The digest, where it was recorded when the file was read first.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Reads the whole file into memory, refusing files over `max` bytes.
    ///
    /// # Errors
    /// [`BlobTooLarge`] (as [`io::ErrorKind::FileTooLarge`]), or what `contents` reports.
    pub fn read(&self, contents: &dyn Contents, max: u64) -> io::Result<Vec<u8>> {
        if self.len > max {
            let error = BlobTooLarge { len: self.len, max };
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, error));
        }
        let mut out = vec![0; usize::try_from(self.len).map_err(io::Error::other)?];
        self.read_at(contents, 0, &mut out)?;
        Ok(out)
    }

    /// Fills `out` from byte `from` on; holes give zeros. Reading past the end is an error.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`], or what `contents` reports.
    pub fn read_at(&self, contents: &dyn Contents, from: u64, out: &mut [u8]) -> io::Result<()> {
        let end = from.checked_add(out.len() as u64).filter(|end| *end <= self.len);
        let Some(end) = end else { return Err(io::ErrorKind::UnexpectedEof.into()) };
        out.fill(0);
        let first = self.segments.partition_point(|s| s.at + s.len <= from);
        for segment in self.segments[first..].iter().take_while(|s| s.at < end) {
            let start = segment.at.max(from);
            let stop = (segment.at + segment.len).min(end);
            let target = &mut out[(start - from) as usize..(stop - from) as usize];
            let skip = start - segment.at;
            match &segment.bytes {
                Bytes::Inline(bytes) => {
                    target.copy_from_slice(&bytes[skip as usize..skip as usize + target.len()]);
                }
                Bytes::At { source, offset } => contents.read_exact_at(*source, offset + skip, target)?,
            }
        }
        Ok(())
    }
}

/// Reads file bytes by [`SourceId`]. Implemented by the content store; rules and writers only ask.
pub trait Contents: Sync {
    /// Fills `out` from byte `offset` of `source` on.
    ///
    /// # Errors
    /// Any I/O error; [`io::ErrorKind::UnexpectedEof`] when the source is shorter.
    fn read_exact_at(&self, source: SourceId, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// What was kept under `key` by [`Contents::keep_derived`].
    ///
    /// # Errors
    /// Of reading it.
    fn derived(&self, key: &Digest) -> io::Result<Option<Blob>> {
        let _ = key;
        Ok(None)
    }

    /// Keeps bytes that are dear to make, for the next build. `key` is a digest of everything they are made from, the
    /// code that makes them included. Without a place to keep them they stay in memory.
    ///
    /// # Errors
    /// Of writing.
    fn keep_derived(&self, key: &Digest, bytes: Vec<u8>) -> io::Result<Blob> {
        let _ = key;
        Ok(Blob::inline(bytes))
    }
}

/// For trees whose bytes are all in memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoContents;

impl Contents for NoContents {
    fn read_exact_at(&self, source: SourceId, _offset: u64, _out: &mut [u8]) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::NotFound, format!("no content source {}", source.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_read_as_zero_and_the_end_is_the_end() {
        let piece = |at: u64, text: &[u8]| Segment {
            at,
            len: text.len() as u64,
            bytes: Bytes::Inline(text.to_vec().into()),
        };
        let blob = Blob::sparse(10, vec![piece(2, b"ab"), piece(6, b"cd")]).unwrap();
        assert_eq!(blob.read(&NoContents, 10).unwrap(), b"\0\0ab\0\0cd\0\0");
        let mut out = [9; 4];
        blob.read_at(&NoContents, 3, &mut out).unwrap();
        assert_eq!(&out, b"b\0\0c");
        assert!(blob.read_at(&NoContents, 7, &mut out).is_err());
        assert!(blob.read(&NoContents, 9).is_err());
        assert!(Blob::sparse(3, vec![piece(2, b"ab")]).is_none());
        assert!(Blob::sparse(9, vec![piece(2, b"ab"), piece(3, b"c")]).is_none());
    }
}
