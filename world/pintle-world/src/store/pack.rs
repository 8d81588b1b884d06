use super::{Store, StoreError};
use crate::atomic::{self, AtomicError};
use pintle_model::{Digest, SourceId};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// File contents in a pack start at multiples of this: what file systems share and copy whole.
pub const PACK_ALIGN: u64 = 4096;

/// An index file: magic, length of the pack (u64 LE), SHA-256 of all that follows it and of the length, payload.
const MAGIC: &[u8; 8] = b"pntlpk\x01\n";
const HEADER: usize = 8 + 8 + 32;
/// Largest index read into memory: a package of 300,000 files has about 50 MB.
const INDEX_MAX: u64 = 512 << 20;
static ZEROS: [u8; PACK_ALIGN as usize] = [0; PACK_ALIGN as usize];

/// Ends the name of a pack being written.
const SUFFIX: &str = ".pack";

/// A download that nobody resumed for so long is of a version that nobody asks for any more.
const FORGOTTEN: Duration = Duration::from_secs(14 * 24 * 3600);

/// Removes packs that a killed process was writing, and downloads that were given up: those that nobody holds a lock
/// on. What cannot be removed is left for another time, it only takes room.
pub(super) fn sweep(folder: &Path) {
    let forgotten = |entry: &fs::DirEntry| {
        let modified = entry.metadata().and_then(|file| file.modified()).ok();
        modified.and_then(|time| time.elapsed().ok()).is_some_and(|age| age > FORGOTTEN)
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_pack =
            path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(SUFFIX.as_bytes()));
        if (is_pack || forgotten(&entry)) && fs::File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            fs::remove_file(&path).ok();
        }
    }
}

/// A file in the cache's folder of what is not complete, locked while this process lives and swept when it does not.
///
/// # Errors
/// Of making and locking it.
pub(crate) fn scratch(cache: &crate::Cache) -> io::Result<tempfile::NamedTempFile> {
    loop {
        let file = tempfile::Builder::new().suffix(SUFFIX).tempfile_in(cache.partial_folder())?;
        file.as_file().lock()?;
        // Before it was locked, another process may have taken it for a leftover.
        if file.path().exists() {
            return Ok(file);
        }
    }
}

/// A pack of the store, ready to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Its number as a source of bytes.
    pub source: SourceId,
    /// What [`PackWriter::finish`] was given.
    pub index: Vec<u8>,
    /// The bytes are known to be those that were written: see [`Store::vouch`].
    pub vouched: bool,
}

fn checksum(len: u64, payload: &[u8]) -> Digest {
    let mut hasher = pintle_model::Hasher::new();
    hasher.update(&len.to_le_bytes());
    hasher.update(payload);
    hasher.finish().digest()
}

/// The pack as a file, and the payload of its index; `None` where either is missing, cut short or damaged.
pub(super) fn load(base: &Path) -> Result<Option<(fs::Metadata, Vec<u8>)>, StoreError> {
    let path = base.with_extension("index");
    let fail = |path: &Path, source| StoreError::Read { path: path.to_owned(), source };
    let absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let mut index = match fs::metadata(&path) {
        Ok(meta) if meta.len() > INDEX_MAX => return Ok(None),
        Ok(_) => fs::read(&path).map_err(|error| fail(&path, error))?,
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(fail(&path, error)),
    };
    let Some((header, payload)) = index.split_at_checked(HEADER) else { return Ok(None) };
    let (magic, rest) = header.split_at(8);
    let (len, digest) = rest.split_at(8);
    let len = u64::from_le_bytes(len.try_into().expect("invariant: split at 8"));
    if magic != MAGIC || digest != checksum(len, payload).as_bytes() {
        return Ok(None);
    }
    let pack = base.with_extension("pack");
    let metadata = match fs::metadata(&pack) {
        Ok(metadata) if metadata.len() == len => metadata,
        Ok(_) => return Ok(None),
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(fail(&pack, error)),
    };
    index.drain(..HEADER);
    Ok(Some((metadata, index)))
}

/// Writes one pack. Dropped before [`PackWriter::finish`], it leaves nothing.
#[derive(Debug)]
pub struct PackWriter<'a> {
    store: &'a Store,
    key: (Digest, u32),
    base: PathBuf,
    file: io::BufWriter<tempfile::NamedTempFile>,
    len: u64,
}

impl<'a> PackWriter<'a> {
    pub(super) fn create(store: &'a Store, key: (Digest, u32)) -> Result<Self, StoreError> {
        let base = store.cache.pack(&key.0, key.1);
        let folder = base.parent().expect("invariant: packs are in folders");
        let fail = |source| StoreError::Write(AtomicError::new(&base, source));
        fs::create_dir_all(folder).map_err(fail)?;
        let file = scratch(&store.cache).map_err(fail)?;
        Ok(Self { store, key, file: io::BufWriter::with_capacity(1 << 18, file), base, len: 0 })
    }

    /// Starts a file at the next multiple of [`PACK_ALIGN`] and returns its offset.
    ///
    /// # Errors
    /// Of writing.
    pub fn begin(&mut self) -> io::Result<u64> {
        let pad = self.len.next_multiple_of(PACK_ALIGN) - self.len;
        self.append(&ZEROS[..pad as usize])?;
        Ok(self.len)
    }

    /// Appends to the file begun last.
    ///
    /// # Errors
    /// Of writing.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Publishes the pack, then its index: a pack counts only with its index.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn finish(self, index: Vec<u8>) -> Result<Pack, StoreError> {
        let Self { store, key, base, file, len } = self;
        let path = base.with_extension("pack");
        let fail = |source| StoreError::Write(AtomicError::new(&path, source));
        let file = file.into_inner().map_err(|error| fail(error.into_error()))?;
        file.persist(&path).map_err(|error| fail(error.error))?;
        let mut bytes = Vec::with_capacity(HEADER + index.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(checksum(len, &index).as_bytes());
        bytes.extend_from_slice(&index);
        atomic::publish(&base.with_extension("index"), &bytes).map_err(StoreError::Write)?;
        store.vouch(&key.0, key.1);
        Ok(Pack { source: store.sources.add(path, Some(len)), index, vouched: true })
    }
}
