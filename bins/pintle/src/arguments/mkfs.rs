//! Arguments of `pintle mkfs`.

use clap::{Args, ValueEnum};
use pintle_model::Size;
use std::path::PathBuf;
use uuid::Uuid;

/// File systems that can be written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FileSystem {
    /// ext4
    Ext4,
    /// FAT16 or FAT32, by size
    Vfat,
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
}
