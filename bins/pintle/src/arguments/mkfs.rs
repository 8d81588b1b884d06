//! Arguments of `pintle mkfs`.

use clap::{Args, ValueEnum};
use pintle_fs::erofs::{Method, ZSTD_LEVEL};
use pintle_model::Size;
use std::path::PathBuf;
use std::str::FromStr;
use uuid::Uuid;

/// File systems that can be written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FileSystem {
    /// ext4
    Ext4,
    /// FAT16 or FAT32, by size
    Vfat,
    /// EROFS, the kernel's read-only file system
    Erofs,
}

/// What compresses the files of an EROFS, as `lz4`, `zstd` or `zstd,LEVEL`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compress(pub(crate) Method);

impl FromStr for Compress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let level = text.strip_prefix("zstd,").map(str::parse);
        match (text, level) {
            ("lz4", _) => Ok(Self(Method::Lz4)),
            ("zstd", _) => Ok(Self(Method::Zstd(ZSTD_LEVEL))),
            (_, Some(Ok(level @ 1..=22))) => Ok(Self(Method::Zstd(level))),
            _ => Err("expected lz4, zstd, or zstd,LEVEL with a level from 1 to 22".into()),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Mkfs {
    /// Kind of file system
    #[arg(value_enum)]
    pub(crate) kind: FileSystem,
    /// Folder, tar archive, or `-` for a tar archive on standard input
    pub(crate) source: PathBuf,
    /// Image to write
    pub(crate) output: PathBuf,
    /// Size of the file system; as small as the content allows unless given
    #[arg(long, short)]
    pub(crate) size: Option<Size>,
    /// Volume label
    #[arg(long, short = 'L', default_value = "")]
    pub(crate) label: String,
    /// UUID; made from the content's names unless given (vfat: its first 4 bytes are the serial number)
    #[arg(long, short = 'U')]
    pub(crate) uuid: Option<Uuid>,
    /// Time of the file system itself, seconds since 1970
    #[arg(long, env = "SOURCE_DATE_EPOCH", default_value_t = 0)]
    pub(crate) epoch: i64,
    /// Everything is owned by root, whoever owns the folder (tar archives keep their owners)
    #[arg(long)]
    pub(crate) root_owner: bool,
    /// EROFS: compress files by `lz4` (Linux 5.15 reads it), `zstd` or `zstd,LEVEL` (Linux 6.10)
    #[arg(long, value_name = "METHOD")]
    pub(crate) compress: Option<Compress>,
    /// EROFS: compress so many bytes at once, 8K to 1M, a power of two; 128K unless given
    #[arg(long, value_name = "SIZE", requires = "compress")]
    pub(crate) cluster: Option<Size>,
    /// EROFS: every file starts at a block of its own, so that images that differ little have many equal blocks; the
    /// default unless files are compressed
    #[arg(long, conflicts_with = "pack_tails")]
    pub(crate) align: bool,
    /// EROFS: short files and ends of files share blocks (compressed ones: Linux 6.1 and later), so that the image is
    /// smaller; the default if files are compressed
    #[arg(long)]
    pub(crate) pack_tails: bool,
}
