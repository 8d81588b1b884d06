//! Encoders of disks: each reads the pieces in a thread of its own and writes one file.

use super::chunks::{CHUNK, Chunk, moved, pour};
use super::hashing::Hashing;
use pintle_disk::{gzip, qcow2, vhd, vmdk, xz};
use pintle_model::{DiskEncoding, Hashed, NoContents, Sink as _};
use pintle_package::tar;
use pintle_world::atomic;
use std::io::{self, BufWriter, Write as _};
use std::sync::mpsc::Receiver;

/// The level at which streams are packed: above 6, deflate takes twice the time for half a per cent.
pub(super) const GZIP_LEVEL: u32 = 6;
/// zstd's default.
pub(super) const ZSTD_LEVEL: i32 = 3;
/// Bytes that one thread of zstd packs at once: its own choice, four windows, takes 70 MB more memory.
const ZSTD_JOB: u32 = 2 << 20;
/// Of xz: more needs more memory than a whole build may have, and less is not smaller than zstd.
const XZ_PRESET: u32 = 2;
/// What disks of Google Compute Engine are a multiple of.
const GIB: u64 = 1 << 30;

/// What distinguishes a disk from others, where a container has a place for it.
#[derive(Clone, Copy, Debug)]
pub struct DiskIdentity {
    /// For VHD.
    pub uuid: [u8; 16],
    /// Time of everything made for the image, seconds since 1970.
    pub epoch: i64,
}

/// Partition tables of the disk at another size: the start of the first MiB, and the end of the last.
#[derive(Clone, Debug)]
pub struct Tables {
    /// From the first byte on.
    pub head: Vec<u8>,
    /// Up to the last byte.
    pub tail: Vec<u8>,
}

/// What an encoder must know of the disk.
pub(super) struct Facts<'a> {
    pub(super) size: u64,
    pub(super) identity: DiskIdentity,
    pub(super) threads: usize,
    /// The tables for a disk of another size.
    pub(super) tables: &'a (dyn Fn(u64) -> io::Result<Tables> + Sync),
}

impl Facts<'_> {
    pub(super) fn footer(&self) -> [u8; vhd::FOOTER] {
        let DiskIdentity { uuid, epoch } = self.identity;
        vhd::Footer { size: self.size, uuid, epoch }.bytes()
    }
}

/// Digests of the disk itself and of the disk with the footer of a VHD, which are written by the kernel.
pub(super) fn digests(facts: &Facts<'_>, chunks: Receiver<Chunk>) -> io::Result<(Hashed, Hashed)> {
    let mut out = Hashing::new(io::sink());
    pour(&mut out, chunks.into_iter())?;
    let hasher = out.into_hasher();
    let mut with_footer = hasher.clone();
    with_footer.update(&facts.footer());
    Ok((hasher.finish(), with_footer.finish()))
}

/// Reads the disk from `chunks` and writes it into `file`.
pub(super) fn encode(
    encoding: DiskEncoding,
    facts: &Facts<'_>,
    file: &mut atomic::File,
    chunks: Receiver<Chunk>,
) -> io::Result<Hashed> {
    let chunks = chunks.into_iter();
    let threads = facts.threads;
    match encoding {
        DiskEncoding::Qcow2 => {
            return qcow2(facts, qcow2::Compression::Deflate(GZIP_LEVEL), file, chunks);
        }
        DiskEncoding::Qcow2Zstd => {
            return qcow2(facts, qcow2::Compression::Zstd(ZSTD_LEVEL), file, chunks);
        }
        DiskEncoding::Raw | DiskEncoding::Vhd => return Err(io::Error::other("written by the kernel")),
        _ => {}
    }
    let out = BufWriter::with_capacity(1 << 18, Hashing::new(file));
    let mut out = match encoding {
        DiskEncoding::Zstd => {
            let mut encoder = zstd(out, threads)?;
            pour(&mut encoder, chunks)?;
            encoder.finish()?
        }
        DiskEncoding::Xz => {
            let mut encoder = xz::Writer::new(out, XZ_PRESET, threads)?;
            pour(&mut encoder, chunks)?;
            encoder.finish()?
        }
        DiskEncoding::Vmdk => stream_vmdk(facts, out, chunks)?,
        DiskEncoding::GcpTar => gcp(facts, out, chunks)?,
        _ => {
            let mut encoder = gzip::Writer::new(out, GZIP_LEVEL, threads)?;
            pour(&mut encoder, chunks)?;
            encoder.finish()?
        }
    };
    out.flush()?;
    Ok(out.into_inner().map_err(io::IntoInnerError::into_error)?.into_hasher().finish())
}

/// zstd with a checksum. Any number of workers gives the same bytes, but none gives others than one.
pub(super) fn zstd<W: io::Write>(out: W, threads: usize) -> io::Result<zstd::Encoder<'static, W>> {
    let mut encoder = zstd::Encoder::new(out, ZSTD_LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.set_parameter(zstd::stream::raw::CParameter::JobSize(ZSTD_JOB))?;
    encoder.multithread(u32::try_from(threads.max(1)).unwrap_or(1))?;
    Ok(encoder)
}

/// The header of a qcow2 image comes last and stands first, so the file is read again for its digest.
fn qcow2(
    facts: &Facts<'_>,
    compression: qcow2::Compression,
    file: &mut atomic::File,
    chunks: impl Iterator<Item = Chunk>,
) -> io::Result<Hashed> {
    let options = qcow2::Options { size: facts.size, compression, threads: facts.threads };
    let mut writer = qcow2::Writer::new(&mut *file, &NoContents, options)?;
    let mut at = 0;
    for chunk in chunks {
        if let Chunk::Data(bytes) = &chunk {
            writer.write(at, bytes)?;
        }
        at += chunk.len();
    }
    writer.finish()?;
    pintle_world::files::digest(file.as_file())
}

fn stream_vmdk<W: io::Write>(
    facts: &Facts<'_>,
    out: W,
    chunks: impl Iterator<Item = Chunk>,
) -> io::Result<W> {
    let [a, b, c, d, ..] = facts.identity.uuid;
    let id = u32::from_be_bytes([a, b, c, d]);
    let options = vmdk::Options { size: facts.size, id, level: GZIP_LEVEL, threads: facts.threads };
    let mut writer = vmdk::Writer::new(out, options)?;
    let mut at = 0;
    for chunk in chunks {
        if let Chunk::Data(bytes) = &chunk {
            writer.write(at, bytes)?;
        }
        at += chunk.len();
    }
    writer.finish()
}

/// The disk in whole GiB, as member `disk.raw` of a tar in GNU's old format: what Compute Engine asks for.
fn gcp<W: io::Write>(facts: &Facts<'_>, out: W, chunks: impl Iterator<Item = Chunk>) -> io::Result<W> {
    let mut out = gzip::Writer::new(out, GZIP_LEVEL, facts.threads)?;
    let size = facts.size.next_multiple_of(GIB);
    out.write_all(&tar::gnu_file_header("disk.raw", size, facts.identity.epoch))?;
    if size == facts.size {
        pour(&mut out, chunks)?;
    } else {
        let Tables { head, tail } = (facts.tables)(size)?;
        if head.len() > CHUNK || tail.len() > CHUNK || facts.size < 2 * CHUNK as u64 {
            return Err(io::Error::other("the partition tables are not within the first and last MiB"));
        }
        pour(&mut out, moved(chunks, facts.size, size, head, tail))?;
    }
    out.write_all(&tar::END)?;
    out.finish()
}
