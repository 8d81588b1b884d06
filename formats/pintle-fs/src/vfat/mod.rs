//! FAT16 and FAT32 with long names, for the EFI system partition: a write-only builder and a small reader.
//!
//! The type of a FAT follows from its number of clusters and from nothing else (Microsoft, *FAT: General Overview of
//! On-Disk Format*, version 1.03, "fatgen103", page 14). Firmware obeys; so the builder chooses the cluster size such
//! that the count and the type agree, with 512-byte sectors always.
//!
//! FAT holds less than a [`pintle_model::Tree`]. Owners, permissions, extended attributes are left out; a file with
//! several names is copied once per name; symbolic links, devices and names FAT cannot hold are errors.

mod geometry;
mod names;
mod plan;

pub mod format;
pub mod read;
mod verify;
mod write;

pub use geometry::{FatType, TOO_SMALL};
pub use verify::{Difference, VerifyError, verify};
pub use write::{layout, minimum_size, write};

pub use names::BadName;
use pintle_model::{Timestamp, TreePath};
use std::io;

/// What the volume shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length of the volume in bytes, a multiple of 512.
    pub size: u64,
    /// Volume label, 11 characters at most: upper-case ASCII letters, digits, space and `$%'-_@~!(){}^#&`.
    /// Empty for none.
    pub label: String,
    /// Volume serial number (`blkid` shows `0x1234ABCD` as `1234-ABCD`).
    pub serial: u32,
    /// Time of the volume label; files and directories carry their own.
    pub epoch: Timestamp,
    /// Sectors on the disk before the volume: the first LBA of its partition.
    pub hidden_sectors: u32,
}

/// What was laid out or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// FAT16 or FAT32.
    pub fat: FatType,
    /// Length of the volume in bytes.
    pub size: u64,
    /// Bytes of one cluster.
    pub cluster_size: u32,
    /// Number of clusters, free ones included.
    pub clusters: u32,
    /// Number of free clusters.
    pub free_clusters: u32,
    /// Byte offset of the first cluster, a multiple of 4096.
    pub data_start: u64,
    /// Regular files, hard-linked ones once per name.
    pub files: u64,
    /// Directories, the root included.
    pub directories: u64,
}

/// Why a tree cannot become a FAT volume.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A kind of inode FAT does not know.
    #[error("{path} is a {kind}: FAT holds only files and directories")]
    Kind {
        /// Its path.
        path: TreePath,
        /// What it is.
        kind: &'static str,
    },
    /// A name FAT cannot hold.
    #[error("{path} has a name that FAT cannot hold")]
    Name {
        /// Its path.
        path: TreePath,
        /// What is wrong with it.
        #[source]
        source: BadName,
    },
    /// Two names of one directory that differ only by case.
    #[error("{path} and `{other}` beside it are the same name to FAT, which ignores case")]
    SameName {
        /// The second one's path.
        path: TreePath,
        /// The first one's name.
        other: String,
    },
    /// A file of 4 GiB or more.
    #[error("{path} has {len} bytes: FAT holds files of at most 4294967295 bytes")]
    FileTooLarge {
        /// Its path.
        path: TreePath,
        /// Its length.
        len: u64,
    },
    /// A directory with more entries than FAT allows in one.
    #[error("{path} needs {entries} directory entries: FAT holds at most {max} in this directory")]
    DirectoryTooLarge {
        /// Its path.
        path: TreePath,
        /// 32-byte entries, those for long names included.
        entries: u64,
        /// The largest number.
        max: u64,
    },
    /// More aliases of one stem than six digits can number.
    #[error("{0}: no short name is left for it")]
    NoAlias(TreePath),
    /// The content is larger than the volume.
    #[error("the content needs {needed} bytes in clusters, the volume of {size} bytes has room for {room}")]
    NoSpace {
        /// Bytes of all clusters the tree takes.
        needed: u64,
        /// Bytes of all clusters there are.
        room: u64,
        /// Length of the volume.
        size: u64,
    },
    /// A size no FAT16 or FAT32 can have.
    #[error("a FAT volume cannot have {size} bytes: {why}")]
    Size {
        /// The size asked for.
        size: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A bad volume label.
    #[error("`{0}` is not a volume label (at most 11 upper-case letters, digits or `$%'-_@~!(){{}}^#&`)")]
    Label(String),
    /// The sink failed.
    #[error("writing the FAT volume failed")]
    Sink(#[source] io::Error),
}
