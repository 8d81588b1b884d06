//! The methods of compression, one extent at a time.

use super::Error;
use super::format::{EXTENT_MAX, put16};
use std::io;
use zstd::zstd_safe::CParameter;

/// How file data is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// LZ4: fast to write and to read; Linux 5.15 and later.
    Lz4,
    /// Zstandard of a level from 1 to 22; Linux 6.10 and later, where `CONFIG_EROFS_FS_ZIP_ZSTD` is set.
    Zstd(i32),
}

/// The level that zstd has here unless told otherwise: beyond it, time grows much faster than size shrinks.
pub const ZSTD_LEVEL: i32 = 6;
/// Farthest reference of LZ4.
const LZ4_DISTANCE: u16 = u16::MAX;
/// The least window of zstd, from which its logarithm is counted.
const WINDOW_LOG_MIN: u32 = 10;

impl Method {
    /// Its number on disk.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Lz4 => 0,
            Self::Zstd(_) => 3,
        }
    }

    pub(crate) fn check(self) -> Result<(), Error> {
        match self {
            Self::Zstd(level) if !(1..=22).contains(&level) => {
                Err(Error::Level { method: "zstd", level, levels: "it has 1 to 22" })
            }
            _ => Ok(()),
        }
    }

    /// What the file system says about the method to those who read it, for extents of `cluster` bytes.
    pub(crate) fn parameters(self, cluster: u64) -> Vec<u8> {
        match self {
            Self::Lz4 => {
                let mut out = vec![0; 14];
                put16(&mut out, 0, LZ4_DISTANCE);
                put16(&mut out, 2, (longest(cluster) / super::format::BLOCK_BYTES) as u16);
                out
            }
            // The format of frames is 0, the ordinary one.
            Self::Zstd(_) => vec![0, (window_log(cluster) - WINDOW_LOG_MIN) as u8, 0, 0, 0, 0],
        }
    }
}

/// Plain bytes of an extent at most: the last one of a file takes a short rest with it.
pub(crate) fn longest(cluster: u64) -> u64 {
    (cluster + cluster / 2).min(EXTENT_MAX)
}

/// The window that readers must have: they refuse frames that want more.
fn window_log(cluster: u64) -> u32 {
    cluster.ilog2()
}

/// What one thread keeps between extents.
pub(crate) enum Codec {
    Lz4,
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Codec {
    pub(crate) fn new(method: Method, cluster: u64) -> io::Result<Self> {
        Ok(match method {
            Method::Lz4 => Self::Lz4,
            Method::Zstd(level) => {
                let mut zstd = zstd::bulk::Compressor::new(level)?;
                zstd.set_parameter(CParameter::WindowLog(window_log(cluster)))?;
                // A frame that knows its length claims a window as long as that.
                zstd.set_parameter(CParameter::ContentSizeFlag(false))?;
                Self::Zstd(zstd)
            }
        })
    }

    /// Puts the compressed form of `plain` into `out`, which is overwritten.
    pub(crate) fn run(&mut self, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        match self {
            Self::Lz4 => {
                out.resize(lz4_flex::block::get_maximum_output_size(plain.len()), 0);
                let len = lz4_flex::block::compress_into(plain, out).map_err(io::Error::other)?;
                out.truncate(len);
            }
            Self::Zstd(zstd) => {
                out.reserve(zstd::zstd_safe::compress_bound(plain.len()));
                zstd.compress_to_buffer(plain, out)?;
            }
        }
        Ok(())
    }
}
