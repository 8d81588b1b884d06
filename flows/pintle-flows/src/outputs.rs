//! An image in each of the formats asked for, one ascending pass each; whole files or none.

use flate2::write::GzEncoder;
use pintle_disk::qcow2;
use pintle_model::{Digest, OutputFormat, Sink, WriteAll};
use pintle_world::atomic::{self, AtomicError};
use pintle_world::{FileSink, Store};
use serde::Serialize;
use std::error::Error;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// A file that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Output {
    /// Its format.
    pub format: OutputFormat,
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// SHA-256 of the file.
    pub sha256: Digest,
}

/// Something that writes a disk image of a known length into any sink.
pub trait DiskImage {
    /// Length of the disk in bytes.
    fn size(&self) -> u64;

    /// Puts every byte that is not zero into `sink`.
    ///
    /// # Errors
    /// Of the sink.
    fn write(&self, sink: &mut dyn Sink) -> io::Result<()>;
}

/// gzip's fastest level that still finds long matches; images are mostly compressed or random already.
const GZIP_LEVEL: u32 = 6;
/// zstd's default.
const ZSTD_LEVEL: i32 = 3;

/// What the place being written to, or read from, said: at the root of what the writers say.
pub(crate) fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let below = error.source().and_then(io_kind);
    below.or_else(|| error.downcast_ref::<io::Error>().map(io::Error::kind))
}

/// Where an output of `format` goes.
pub(crate) fn path(folder: &Path, name: &str, format: OutputFormat) -> PathBuf {
    folder.join(format!("{name}.{}", format.extension()))
}

/// Writes `image` as `folder/name.EXTENSION` in `format`; it appears when it is whole.
///
/// # Errors
/// [`AtomicError`]; nothing is left behind.
pub fn write(
    image: &dyn DiskImage,
    store: &Store,
    folder: &Path,
    name: &str,
    format: OutputFormat,
    threads: usize,
) -> Result<Output, AtomicError> {
    let path = path(folder, name, format);
    let mut file = atomic::File::create(&path)?;
    let written = match format {
        OutputFormat::Raw => raw(image, store, &file),
        OutputFormat::Qcow2 => compressed_qcow2(image, store, &mut file, threads),
        OutputFormat::RawGz => gzip(image, store, &mut file),
        OutputFormat::RawZst => zstd(image, store, &mut file, threads),
    };
    let (size, sha256) = written
        .and_then(|()| pintle_world::files::digest(file.as_file()))
        .map(|hashed| (hashed.len(), hashed.digest()))
        .map_err(|error| AtomicError::new(&path, error))?;
    file.commit()?;
    Ok(Output { format, path, size, sha256 })
}

fn raw(image: &dyn DiskImage, store: &Store, file: &atomic::File) -> io::Result<()> {
    let mut sink = FileSink::new(file.as_file(), store);
    image.write(&mut sink)?;
    sink.finish(image.size())
}

fn compressed_qcow2(
    image: &dyn DiskImage,
    store: &Store,
    file: &mut atomic::File,
    threads: usize,
) -> io::Result<()> {
    let compression = qcow2::Compression::Deflate(GZIP_LEVEL);
    let options = qcow2::Options { size: image.size(), compression, threads };
    let mut writer = qcow2::Writer::new(file, store, options)?;
    image.write(&mut writer)?;
    writer.finish()?;
    Ok(())
}

fn gzip(image: &dyn DiskImage, store: &Store, file: &mut atomic::File) -> io::Result<()> {
    // The header of flate2 has neither name nor time.
    let encoder = GzEncoder::new(BufWriter::new(file), flate2::Compression::new(GZIP_LEVEL));
    let mut stream = WriteAll::new(encoder, store);
    image.write(&mut stream)?;
    stream.finish(image.size())?.finish()?.flush()
}

fn zstd(image: &dyn DiskImage, store: &Store, file: &mut atomic::File, threads: usize) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(BufWriter::new(file), ZSTD_LEVEL)?;
    encoder.include_checksum(true)?;
    // Any number of workers gives the same bytes, but none gives others than one.
    encoder.multithread(u32::try_from(threads.max(1)).unwrap_or(1))?;
    let mut stream = WriteAll::new(encoder, store);
    image.write(&mut stream)?;
    stream.finish(image.size())?.finish()?.flush()
}
