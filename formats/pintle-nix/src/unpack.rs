//! Archives that arrive as the path they are said to be.

use crate::nar::{self, Hashing, Limits, NarError, UnpackedNar};
use crate::references::SelfHasher;
use crate::trust::names_its_content;
use crate::{ContentAddress, PathInfo, StorePath, hash};
use pintle_model::{
    Contents, Digest, DigestMismatch, Hasher, Inode, Kind, PackSink, Sink as _, Tree, TreePath, Verified,
    WriteAll,
};
use std::io::Read;

/// Why an archive is not unpacked as the path it should be.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// Its form.
    #[error("the archive of {path} is damaged")]
    Nar {
        /// The path.
        path: StorePath,
        /// What is wrong.
        #[source]
        source: NarError,
    },
    /// Its digest.
    #[error("the archive of {path} is not what was promised")]
    Digest {
        /// The path.
        path: StorePath,
        /// The digests.
        #[source]
        source: DigestMismatch,
    },
    /// Its length.
    #[error("the archive of {path} has {actual} bytes, where {expected} were promised")]
    Size {
        /// The path.
        path: StorePath,
        /// The promise.
        expected: u64,
        /// What came.
        actual: u64,
    },
    /// Its content address: with a good digest, but the name is made from something else.
    #[error("the content of {path} is not what its name is made from: {expected}, not {actual}")]
    Content {
        /// The path.
        path: StorePath,
        /// What the name is made from.
        expected: ContentAddress,
        /// What came.
        actual: String,
    },
    /// It cannot be read to be compared with its name.
    #[error("cannot compare {path} with its name")]
    Unreadable {
        /// The path.
        path: StorePath,
        /// Why.
        #[source]
        source: nar::WriteError,
    },
}

impl PathInfo {
    /// Unpacks the (decompressed) archive of this path into `pack`, see [`nar::unpack`], and compares length and digest.
    ///
    /// # Errors
    /// [`UnpackError`]. `pack` holds garbage then.
    pub fn unpack(
        &self,
        archive: impl Read,
        limits: &Limits,
        pack: &mut dyn PackSink,
    ) -> Result<Verified<UnpackedNar>, UnpackError> {
        let path = || self.path.clone();
        let (unpacked, hashed) = nar::unpack(archive, &limits.with_size(self.nar_size), pack)
            .map_err(|source| UnpackError::Nar { path: path(), source })?;
        if hashed.len() != self.nar_size {
            let (expected, actual) = (self.nar_size, hashed.len());
            return Err(UnpackError::Size { path: path(), expected, actual });
        }
        Verified::new(unpacked, hashed, self.nar_hash)
            .map_err(|source| UnpackError::Digest { path: path(), source })
    }
}

/// Compares what is at `root` of `tree`, whose digest was compared with `info` already, with what the name of the path is
/// made from: a path of that kind needs no signature, so whoever offers it may have written any digest beside it. Nothing
/// is read where there is nothing to compare, or where the digest tells.
///
/// # Errors
/// [`UnpackError::Content`], [`UnpackError::Unreadable`].
pub fn check_content(
    info: &PathInfo,
    tree: &Tree,
    root: &TreePath,
    contents: &dyn Contents,
) -> Result<(), UnpackError> {
    let Some(address) = names_its_content(info) else { return Ok(()) };
    let (expected, actual) = match address {
        ContentAddress::Nar(expected) if info.references.contains(&info.path) => {
            (expected, Some(without_itself(info, tree, root, contents)?))
        }
        ContentAddress::Nar(expected) => (expected, Some(info.nar_hash)),
        ContentAddress::Text(expected) | ContentAddress::Flat(expected) => {
            (expected, plain_file(info, tree, root, contents)?)
        }
        ContentAddress::Other(_) => return Ok(()),
    };
    if actual == Some(expected) {
        return Ok(());
    }
    let actual = actual.map_or_else(|| "no plain file".to_owned(), |digest| hash::nix32(&digest));
    Err(UnpackError::Content { path: info.path.clone(), expected: address, actual })
}

fn unreadable(info: &PathInfo) -> impl Fn(nar::WriteError) -> UnpackError {
    |source| UnpackError::Unreadable { path: info.path.clone(), source }
}

/// The digest of the archive with zeros for its own name.
fn without_itself(
    info: &PathInfo,
    tree: &Tree,
    root: &TreePath,
    contents: &dyn Contents,
) -> Result<Digest, UnpackError> {
    let mut hasher = SelfHasher::new(&info.path);
    nar::write_to(tree, root, contents, &mut hasher).map_err(unreadable(info))?;
    Ok(hasher.finish().digest())
}

/// The digest of the only file; `None` where it is something else, or a program.
fn plain_file(
    info: &PathInfo,
    tree: &Tree,
    root: &TreePath,
    contents: &dyn Contents,
) -> Result<Option<Digest>, UnpackError> {
    let Some(Inode { kind: Kind::File(blob), attrs, .. }) = tree.get(root) else { return Ok(None) };
    if attrs.mode & 0o100 != 0 {
        return Ok(None);
    }
    let mut stream = WriteAll::new(Hashing(Hasher::new()), contents);
    let hashed = stream.blob(0, blob).and_then(|()| stream.finish(blob.len()));
    let sink = |source| nar::WriteError::Sink { path: root.clone(), source };
    hashed.map(|hashing| Some(hashing.0.finish().digest())).map_err(sink).map_err(unreadable(info))
}
