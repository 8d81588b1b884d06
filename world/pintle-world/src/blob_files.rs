//! Whole files of this machine as blobs: pointed at, read where they are.

use pintle_model::{Blob, Contents, Hasher, SourceId};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Files behind source numbers. One is open at a time for each reader.
#[derive(Debug, Default)]
pub struct BlobFiles(Mutex<Vec<PathBuf>>);

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

impl BlobFiles {
    /// The file at `path`, as long as it is now.
    ///
    /// # Errors
    /// Of the file system; also when it is no regular file.
    pub fn add(&self, path: &Path) -> io::Result<Blob> {
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = u32::try_from(paths.len()).map_err(io::Error::other)?;
        paths.push(path.to_owned());
        Ok(Blob::at(SourceId(id), 0, metadata.len()))
    }
}

impl Contents for BlobFiles {
    fn read_exact_at(&self, source: SourceId, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("no content source {}", source.0));
        let path = paths.get(source.0 as usize).cloned().ok_or_else(missing)?;
        drop(paths);
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        File::open(&path).and_then(|file| file.read_exact_at(out, offset)).map_err(named)
    }
}

/// Hands the bytes of `blob` to `take`, piece by piece.
///
/// # Errors
/// Of reading, or what `take` reports.
pub fn pieces(
    blob: &Blob,
    contents: &dyn Contents,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    let mut at = 0;
    while at < blob.len() {
        let n = (blob.len() - at).min(PIECE as u64) as usize;
        blob.read_at(contents, at, &mut buffer[..n])?;
        take(&buffer[..n])?;
        at += n as u64;
    }
    Ok(())
}

/// The digest of a blob's bytes.
///
/// # Errors
/// Of reading.
pub fn digest(blob: &Blob, contents: &dyn Contents) -> io::Result<pintle_model::Digest> {
    let mut hasher = Hasher::new();
    pieces(blob, contents, |piece| {
        hasher.update(piece);
        Ok(())
    })?;
    Ok(hasher.finish().digest())
}
