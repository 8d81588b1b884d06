use super::error::{Inside, NarError};
use super::limits::Limits;
use super::read::{NodeKind, Reader};
use super::unpacked::{NarEntry, NarKind, UnpackedNar};
use pintle_model::{Hashed, Hasher, PackSink};
use std::io::{self, Read};

/// File bytes moved at once.
const CHUNK: usize = 128 << 10;

/// Unpacks an archive: the bytes of files into `pack`, names and attributes into the index. Hashes the whole archive
/// on the way; nothing that came out is to be believed before [`Hashed`] was compared
/// ([`pintle_model::Verified::new`], or [`crate::PathInfo::unpack`], which does both).
///
/// Nothing is extracted onto a file system, so no link is ever followed.
///
/// # Errors
/// [`NarError`] names offset and path. `pack` holds garbage then.
pub fn unpack(
    archive: impl Read,
    limits: &Limits,
    pack: &mut dyn PackSink,
) -> Result<(UnpackedNar, Hashed), NarError> {
    let hashing = Hashing { inner: archive, hasher: Hasher::new() };
    let mut reader = Reader::new(hashing, *limits);
    let mut entries = Vec::new();
    let mut buffer = vec![0; CHUNK];
    while let Some(node) = reader.next_node()? {
        let kind = match node.kind {
            NodeKind::Directory => NarKind::Directory,
            NodeKind::Symlink(target) => NarKind::Symlink(target),
            NodeKind::File { executable, .. } => {
                let (offset, len) = copy(&mut reader, &node.path, &mut buffer, pack)?;
                NarKind::File { executable, offset, len }
            }
        };
        entries.push(NarEntry { path: node.path, kind });
    }
    let hashed = reader.into_inner().hasher.finish();
    Ok((UnpackedNar { entries }, hashed))
}

/// Copies the current file into `pack`: offset there (0 for an empty file) and length.
fn copy<R: Read>(
    reader: &mut Reader<R>,
    path: &[u8],
    buffer: &mut [u8],
    pack: &mut dyn PackSink,
) -> Result<(u64, u64), NarError> {
    let keep = |source| NarError::Store { path: Inside::new(path), source };
    let (mut offset, mut len) = (0, 0);
    loop {
        let n = match reader.read(buffer) {
            Ok(0) => return Ok((offset, len)),
            Ok(n) => n,
            Err(source) => return Err(reader.sort(source)),
        };
        if len == 0 {
            offset = pack.begin().map_err(keep)?;
        }
        pack.append(&buffer[..n]).map_err(keep)?;
        len += n as u64;
    }
}

/// Hashes what passes.
struct Hashing<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(out)?;
        self.hasher.update(&out[..n]);
        Ok(n)
    }
}
