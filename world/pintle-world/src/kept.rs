//! Results worth keeping in the cache: a file with the digest of its content at the end, so that damage shows.

use crate::atomic::{self, AtomicError};
use crate::files;
use pintle_model::Digest;
use std::io;
use std::path::Path;

/// What was kept at `path`; `None` when nothing was, or it is damaged.
///
/// # Errors
/// Every error of reading but `NotFound`.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some(mut bytes) = files::read(path)? else { return Ok(None) };
    let Some((content, digest)) = bytes.split_last_chunk::<32>() else { return Ok(None) };
    let sound = Digest::of(content).as_bytes() == digest;
    bytes.truncate(bytes.len() - 32);
    Ok(sound.then_some(bytes))
}

/// Keeps `content` at `path`. It is not synced to the disk: what a power cut damages counts as absent.
///
/// # Errors
/// [`AtomicError`].
pub fn write(path: &Path, mut content: Vec<u8>) -> Result<(), AtomicError> {
    let digest = Digest::of(&content);
    content.extend_from_slice(digest.as_bytes());
    atomic::publish(path, &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_counts_as_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        assert_eq!(read(&path).unwrap(), None);
        write(&path, b"result".to_vec()).unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"result");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[2] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&path).unwrap(), None);
        std::fs::write(&path, b"short").unwrap();
        assert_eq!(read(&path).unwrap(), None);
    }
}
