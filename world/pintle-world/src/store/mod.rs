//! The content store: packages unpacked once, their file bytes back to back in a pack each.
//!
//! A pack is a plain file of file contents, each starting at a multiple of 4 KiB, zeros in between. Its index is
//! opaque here: the package format writes it, checked by length and digest when it is read. A pack is named by the
//! digest of what was unpacked, so it never changes; whoever unpacks the same package twice makes the same bytes.
//!
//! Packs are not synced to the disk: they can be made again. What a power cut took shows as a wrong length of the pack
//! or a wrong digest of the index, upon which the pack counts as absent; or in the digests of its files, which whoever
//! knows them compares unless [`Pack::vouched`] says that this was done.

mod pack;
mod sink;
mod sources;
mod vouched;

pub use pack::{PACK_ALIGN, Pack, PackWriter};
pub use sink::FileSink;

use crate::Cache;
use crate::atomic::AtomicError;
use pintle_model::{Blob, Contents, Digest, SourceId};
use sources::Sources;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vouched::Vouched;

/// Unpack format of packs that hold derived bytes; those of packages count from 1.
const DERIVED_FORMAT: u32 = 0;

/// The content store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Writing a pack or its index.
    #[error("cannot keep an unpacked package in the cache")]
    Write(#[source] AtomicError),
    /// Reading or making a folder of the store.
    #[error("cannot use {} of the cache; remove it, or set PINTLE_CACHE_DIR to another folder", .path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A host file that was to become a source.
    #[error("cannot read {}", .path.display())]
    HostFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Hands out numbers for packs and host files, and reads them. Shared between threads.
#[derive(Debug)]
pub struct Store {
    cache: Cache,
    sources: Sources,
    vouched: Vouched,
}

impl Store {
    /// The store in `cache`. Removes what a killed process was writing into it.
    #[must_use]
    pub fn open(cache: &Cache) -> Self {
        pack::sweep(&cache.partial_folder());
        let vouched = Vouched::open(cache.root().join("vouched"));
        Self { cache: cache.clone(), sources: Sources::default(), vouched }
    }

    /// The pack made from the blob `digest` by unpack format `format`; `None` when there is none that is whole.
    ///
    /// # Errors
    /// [`StoreError::Read`] when it exists but cannot be read.
    pub fn open_pack(&self, digest: &Digest, format: u32) -> Result<Option<Pack>, StoreError> {
        let base = self.cache.pack(digest, format);
        let Some((metadata, index)) = pack::load(&base)? else { return Ok(None) };
        let source = self.sources.add(base.with_extension("pack"), Some(metadata.len()));
        let vouched = self.vouched.has(digest, format, &metadata);
        Ok(Some(Pack { source, index, vouched }))
    }

    /// The folder for what is not complete.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.cache.partial_folder()
    }

    /// Notes that the pack of `digest` was compared with the digests of its files, and is whole.
    pub fn vouch(&self, digest: &Digest, format: u32) {
        self.vouched.add(digest, format, &self.cache.pack(digest, format).with_extension("pack"));
    }

    /// Whether what has this witness ([`crate::host_tree::Plain::witness`]) was found to have the digest `digest` since
    /// the machine was started.
    #[must_use]
    pub fn has_seen(&self, digest: &Digest, witness: &Digest) -> bool {
        self.vouched.has_seen(digest, witness)
    }

    /// Notes that what has this witness has the digest `digest`.
    pub fn note_seen(&self, digest: &Digest, witness: &Digest) {
        self.vouched.note_seen(digest, witness);
    }

    /// Starts the pack of the blob `digest`. Nothing is visible before [`PackWriter::finish`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn create_pack(&self, digest: &Digest, format: u32) -> Result<PackWriter<'_>, StoreError> {
        PackWriter::create(self, (*digest, format))
    }

    /// Makes a host file readable as a source. The file must not change while it is in use.
    ///
    /// # Errors
    /// [`StoreError::HostFile`] when it cannot be opened or is no regular file.
    pub fn add_file(&self, path: impl AsRef<Path>) -> Result<SourceId, StoreError> {
        let path = path.as_ref();
        let fail = |source| StoreError::HostFile { path: path.to_owned(), source };
        let absolute = std::path::absolute(path).map_err(fail)?;
        let id = self.sources.add(absolute, None);
        let file = self.sources.file(id).map_err(fail)?;
        if file.metadata().map_err(fail)?.is_file() {
            Ok(id)
        } else {
            Err(fail(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")))
        }
    }

    /// A number for a regular file of `len` bytes, at an absolute path; opened when it is read, and refused then where
    /// it has another length.
    pub(crate) fn add_known_file(&self, path: PathBuf, len: u64) -> SourceId {
        self.sources.add(path, Some(len))
    }

    /// The open file behind a source, for kernel-side copies; opened again when it had been closed to save descriptors.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] for a number this store did not hand out; errors of opening.
    pub fn file(&self, source: SourceId) -> io::Result<Arc<std::fs::File>> {
        self.sources.file(source)
    }
}

/// As [`pack::scratch`].
pub(crate) fn scratch(store: &Store) -> io::Result<tempfile::NamedTempFile> {
    pack::scratch(&store.cache)
}

impl Contents for Store {
    fn read_exact_at(&self, source: SourceId, offset: u64, out: &mut [u8]) -> io::Result<()> {
        use std::os::unix::fs::FileExt as _;
        self.sources.file(source)?.read_exact_at(out, offset)
    }

    fn derived(&self, key: &Digest) -> io::Result<Option<Blob>> {
        let pack = self.open_pack(key, DERIVED_FORMAT).map_err(io::Error::other)?;
        let read = |pack: Pack| Some((pack.source, u64::from_le_bytes(pack.index.try_into().ok()?)));
        Ok(pack.and_then(read).map(|(source, len)| Blob::at(source, 0, len)))
    }

    fn keep_derived(&self, key: &Digest, bytes: Vec<u8>) -> io::Result<Blob> {
        let mut pack = self.create_pack(key, DERIVED_FORMAT).map_err(io::Error::other)?;
        let len = bytes.len() as u64;
        pack.append(&bytes)?;
        let pack = pack.finish(len.to_le_bytes().to_vec()).map_err(io::Error::other)?;
        Ok(Blob::at(pack.source, 0, len))
    }
}
