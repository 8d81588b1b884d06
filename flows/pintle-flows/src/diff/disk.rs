//! A disk image as bytes at offsets, whatever its container.

use super::DiffError;
use pintle_disk::qcow2::read::Reader as Qcow2;
use pintle_fs::ext4::read::ReadAt;
use pintle_model::{Contents as _, SourceId};
use pintle_world::Store;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// An opened image.
pub(super) struct Disk<'a> {
    bytes: Bytes<'a>,
    len: u64,
}

enum Bytes<'a> {
    Raw(&'a Store, SourceId),
    Qcow2(Box<Qcow2<'a>>),
}

impl<'a> Disk<'a> {
    pub(super) fn open(path: &Path, store: &'a Store) -> Result<Self, DiffError> {
        let failed = |source| DiffError::Read { path: path.to_owned(), source };
        let source = store.add_file(path)?;
        let len = store.file(source).and_then(|file| file.metadata()).map_err(failed)?.len();
        let mut start = [0; 4];
        if len >= 4 {
            store.read_exact_at(source, 0, &mut start).map_err(failed)?;
        }
        if !Qcow2::is_qcow2(&start) {
            return Ok(Self { bytes: Bytes::Raw(store, source), len });
        }
        let read = move |offset: u64, out: &mut [u8]| store.read_exact_at(source, offset, out);
        let image = Qcow2::open(Box::new(read))
            .map_err(|source| DiffError::Qcow2 { path: path.to_owned(), source })?;
        let len = image.size();
        Ok(Self { bytes: Bytes::Qcow2(Box::new(image)), len })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// A part of it.
    pub(super) fn window(&self, start: u64, len: u64) -> Window<'_> {
        Window { disk: self, start, len, at: 0 }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match &self.bytes {
            Bytes::Raw(store, source) => store.read_exact_at(*source, offset, out),
            Bytes::Qcow2(image) => image.read_exact_at(offset, out),
        }
    }
}

/// A part of a disk, as a file of its own.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    disk: &'a Disk<'a>,
    start: u64,
    len: u64,
    at: u64,
}

impl ReadAt for Window<'_> {
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.disk.read(self.start + offset, out)
    }
}

impl Read for Window<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.len.saturating_sub(self.at).min(out.len() as u64) as usize;
        self.read_exact_at(self.at, &mut out[..n])?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Window<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
