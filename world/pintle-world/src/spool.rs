//! Bytes that come as a stream and are needed again: kept in a temporary file.

use crate::Store;
use pintle_model::SourceId;
use std::io;
use std::path::{Path, PathBuf};

/// A stream being kept. Nothing of it outlives the process; what a killed one leaves, the next removes.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    file: io::BufWriter<tempfile::NamedTempFile>,
    source: SourceId,
    len: u64,
}

/// A kept stream; readable through the store while this lives.
#[derive(Debug)]
pub struct Spooled {
    _file: tempfile::NamedTempFile,
}

impl Spool {
    /// An empty one, in the cache (the system's folder for temporary files is often memory), already known to `store`.
    ///
    /// # Errors
    /// Of making the file.
    pub fn new(store: &Store) -> io::Result<Self> {
        let file = crate::store::scratch(store)?;
        let source = store.add_file(file.path()).map_err(io::Error::other)?;
        Ok(Self {
            folder: store.scratch(),
            file: io::BufWriter::with_capacity(1 << 20, file),
            source,
            len: 0,
        })
    }

    /// The folder it is in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its number in the store.
    #[must_use]
    pub fn source(&self) -> SourceId {
        self.source
    }

    /// Bytes kept so far: where the next ones go.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True before the first byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Moves to the next multiple of `align`, where the next bytes go.
    ///
    /// # Errors
    /// Of writing.
    pub fn align(&mut self, align: u64) -> io::Result<u64> {
        let gap = self.len.next_multiple_of(align) - self.len;
        io::copy(&mut io::Read::take(io::repeat(0), gap), &mut self.file)?;
        self.len += gap;
        Ok(self.len)
    }

    /// Makes everything readable.
    ///
    /// # Errors
    /// Of writing.
    pub fn finish(self) -> io::Result<Spooled> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Spooled { _file: file })
    }
}

impl io::Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.len += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
