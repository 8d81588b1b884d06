//! A disk image as bytes at offsets, whatever its container.

use super::ImageError;
use pintle_disk::qcow2::read::Reader as Qcow2;
use pintle_fs::ext4::read::ReadAt;
use pintle_model::{Contents as _, SourceId};
use pintle_world::{Store, files};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// An opened image.
pub(crate) struct Disk<'a> {
    bytes: Bytes<'a>,
    len: u64,
}

enum Bytes<'a> {
    Raw(&'a Store, SourceId),
    Qcow2(Box<Qcow2<'a>>),
}

impl<'a> Disk<'a> {
    pub(crate) fn open(path: &Path, store: &'a Store) -> Result<Self, ImageError> {
        let failed = |source| ImageError::Read { path: path.to_owned(), source };
        if files::is_folder(path).map_err(failed)?.is_none() {
            return Err(ImageError::Missing(path.to_owned()));
        }
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
            .map_err(|source| ImageError::Qcow2 { path: path.to_owned(), source })?;
        let len = image.size();
        Ok(Self { bytes: Bytes::Qcow2(Box::new(image)), len })
    }

    /// What it is in.
    pub(crate) fn format(&self) -> &'static str {
        match self.bytes {
            Bytes::Raw(..) => "raw",
            Bytes::Qcow2(_) => "qcow2",
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// A part of it.
    pub(crate) fn window(&self, start: u64, len: u64) -> Window<'_> {
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
pub(crate) struct Window<'a> {
    disk: &'a Disk<'a>,
    start: u64,
    len: u64,
    at: u64,
}

impl Window<'_> {
    /// Its first bytes, so many as there are.
    pub(crate) fn beginning(&self, most: usize) -> io::Result<Vec<u8>> {
        let mut first = vec![0; self.len.min(most as u64) as usize];
        self.read_exact_at(0, &mut first)?;
        Ok(first)
    }
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
