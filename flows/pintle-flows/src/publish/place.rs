//! Where a cache is: a folder of this machine, or a bucket. Both have files by name, each there whole or not at all.

use super::PushError;
use crate::closure::ClosureError;
use crate::outputs::hashing::Hashing;
use crate::supply::Supply;
use pintle_model::{Digest, Hashed};
use pintle_nix::nar::WriteError;
use pintle_world::Fetcher;
use pintle_world::atomic::{self, AtomicError};
use pintle_world::bucket::{Body, Bucket, BucketError};
use pintle_world::files;
use pintle_world::spool::Spool;
use std::fmt;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A place for a cache.
#[derive(Debug)]
pub enum Place {
    /// A folder, which any web server can serve.
    Folder(PathBuf),
    /// A bucket.
    Bucket(Box<Bucket>),
}

/// What Nix calls archives.
const ARCHIVE: &str = "application/x-nix-nar";

impl Place {
    /// Makes it ready to take files.
    pub(super) fn prepare(&self) -> Result<(), PushError> {
        let Self::Folder(folder) = self else { return Ok(()) };
        let nars = folder.join("nar");
        files::make_folder(&nars).map_err(|source| PushError::Folder { path: nars, source })
    }

    /// The bytes of a small file; none where there is none.
    pub(super) fn read(&self, name: &str, max: u64) -> Result<Option<Vec<u8>>, PushError> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                files::read(&path).map_err(|source| PushError::Folder { path, source })
            }
            Self::Bucket(bucket) => bucket.read(name, max).map_err(failed),
        }
    }

    /// The length of a file; none where there is none.
    pub(super) fn len(&self, name: &str) -> Result<Option<u64>, PushError> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                files::len(&path).map_err(|source| PushError::Folder { path, source })
            }
            Self::Bucket(bucket) => bucket.len(name).map_err(failed),
        }
    }

    /// Writes a small file; `kind` is its media type, where the place keeps one.
    pub(super) fn write(&self, name: &str, kind: &str, bytes: &[u8]) -> Result<(), PushError> {
        match self {
            Self::Folder(folder) => Ok(atomic::write(folder.join(name), bytes)?),
            Self::Bucket(bucket) => {
                bucket.put(name, kind, Body::Bytes(bytes), Digest::of(bytes)).map_err(failed)
            }
        }
    }

    /// Writes what `fill` writes. On its way to a bucket it is kept in the cache: its digest is sent before it.
    pub(super) fn archive(
        &self,
        name: &str,
        outside: &Supply<'_>,
        fill: impl FnOnce(&mut (dyn Write + Send)) -> Result<(), PushError>,
    ) -> Result<Hashed, PushError> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                let mut file = atomic::File::create(&path)?;
                let hashed = filled(BufWriter::new(&mut file), outside, &path, fill)?;
                file.commit()?;
                Ok(hashed)
            }
            Self::Bucket(bucket) => {
                let keep = |source| PushError::Write(AtomicError::new(outside.cache.root(), source));
                let mut spool = Spool::new(outside.store).map_err(keep)?;
                let source = spool.source();
                let hashed = filled(&mut spool, outside, outside.cache.root(), fill)?;
                let _spooled = spool.finish().map_err(keep)?;
                let file = outside.store.file(source).map_err(keep)?;
                bucket.put(name, ARCHIVE, Body::File(&file), hashed.digest()).map_err(failed)?;
                Ok(hashed)
            }
        }
    }
}

fn filled<W: Write + Send>(
    out: W,
    outside: &Supply<'_>,
    path: &Path,
    fill: impl FnOnce(&mut (dyn Write + Send)) -> Result<(), PushError>,
) -> Result<Hashed, PushError> {
    let mut out = Hashing::new(Stoppable { out, fetcher: outside.fetcher });
    match fill(&mut out) {
        Ok(()) => Ok(out.into_hasher().finish()),
        Err(_) if outside.fetcher.cancelled() => Err(ClosureError::Stopped.into()),
        // A full disk is one, whoever noticed it.
        Err(PushError::Packing { source, .. }) => Err(AtomicError::new(path, source).into()),
        Err(PushError::Pack { source: WriteError::Sink { source, .. }, .. })
            if source.kind() == io::ErrorKind::StorageFull =>
        {
            Err(AtomicError::new(path, source).into())
        }
        Err(error) => Err(error),
    }
}

/// Ends the writing soon after the user wants to stop.
struct Stoppable<'a, W> {
    out: W,
    fetcher: &'a Fetcher,
}

impl<W: Write> Write for Stoppable<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Not `Interrupted`: that means "try again".
        if self.fetcher.cancelled() {
            return Err(io::Error::other("stopped"));
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn failed(error: BucketError) -> PushError {
    match error {
        BucketError::Cancelled => ClosureError::Stopped.into(),
        error => PushError::Bucket(error),
    }
}

/// For messages.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Bucket(bucket) => write!(f, "{}", bucket.address()),
        }
    }
}
