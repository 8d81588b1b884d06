use pintle_model::{Size, Timestamp, TreePath};
use std::io;

/// Why a tree cannot become an ext4 file system. Nothing of it was written, unless the error is [`Error::Sink`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The label is longer than the superblock's field.
    #[error("label `{label}` has {} bytes, ext4 takes at most 16", label.len())]
    Label {
        /// As asked for.
        label: String,
    },
    /// More blocks reserved for root than the kernel and `mke2fs` accept.
    #[error("{0} % of the blocks reserved for root, ext4 takes at most 50 %")]
    ReservedPercent(u8),
    /// The journal is too small for the kernel, or larger than any use.
    #[error("a journal of {bytes} bytes ({}): ext4 takes 4 MiB to 40 GB", Size(*bytes))]
    Journal {
        /// As asked for.
        bytes: u64,
    },
    /// The time of making does not fit the superblock: 1970 to 2^40 seconds later.
    #[error("time {} s since 1970 cannot be a file system's time of making", .0.secs)]
    Epoch(Timestamp),
    /// The content does not fit.
    #[error(
        "content needs {needed} bytes ({}), the file system has {size} ({}): {} more are needed",
        Size(*needed), Size(*size), Size(needed.saturating_sub(*size))
    )]
    TooSmall {
        /// Bytes asked for.
        size: u64,
        /// The least number of bytes that holds the content with the same options.
        needed: u64,
    },
    /// Over 16 TiB, or what the content needs is.
    #[error("a file system of {size} bytes ({}) is over the 16 TiB that 32-bit block numbers reach", Size(*size))]
    TooLarge {
        /// Bytes asked for or needed.
        size: u64,
    },
    /// More files than 32-bit inode numbers.
    #[error("{inodes} inodes are more than ext4 can number")]
    TooManyInodes {
        /// Inodes needed, free ones included.
        inodes: u64,
    },
    /// A file over 16 TiB less one block.
    #[error("{path}: {len} bytes are over the 16 TiB that an ext4 file can have")]
    FileTooLarge {
        /// The file.
        path: TreePath,
        /// Its length.
        len: u64,
    },
    /// More hard links than 65,000.
    #[error("{path}: {links} hard links, ext4 takes at most 65000 to one file")]
    TooManyLinks {
        /// The first of its names.
        path: TreePath,
        /// Their number.
        links: u32,
    },
    /// A time outside of 1901-12-13 to 2446-05-10.
    #[error(
        "{path}: its time, {secs} s since 1970, is outside of the years 1901 to 2446 that ext4 can store"
    )]
    Time {
        /// The inode.
        path: TreePath,
        /// Its modification time.
        secs: i64,
    },
    /// A symbolic link that is empty, over 4095 bytes, or contains NUL.
    #[error("{path}: the target of this symbolic link is {wrong}")]
    Symlink {
        /// The link.
        path: TreePath,
        /// Completes the sentence.
        wrong: &'static str,
    },
    /// Device numbers beyond 12 and 20 bits.
    #[error("{path}: device {major}:{minor} is beyond 4095:1048575")]
    Device {
        /// The node.
        path: TreePath,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// An attribute name without a prefix that ext4 stores.
    #[error(
        "{path}: extended attribute `{name}` cannot be stored: ext4 knows user.*, trusted.*, security.* and \
         POSIX ACLs, of up to 255 bytes"
    )]
    XattrName {
        /// The inode.
        path: TreePath,
        /// The full name.
        name: String,
    },
    /// A POSIX ACL that is none.
    #[error("{path}: extended attribute `{name}` is not a well-formed POSIX ACL")]
    Acl {
        /// The inode.
        path: TreePath,
        /// The full name.
        name: String,
    },
    /// Attributes beyond what inode and one block hold.
    #[error(
        "{path}: extended attributes take {bytes} bytes, ext4 has room for {room}: 88 in the inode, 4060 in a block"
    )]
    XattrsTooLarge {
        /// The inode.
        path: TreePath,
        /// Bytes they take on disk, names included.
        bytes: usize,
        /// Bytes there are.
        room: usize,
    },
    /// More names than a directory index of two levels leads to (some millions).
    #[error("{path}: {entries} names are too many for one ext4 directory")]
    DirectoryTooLarge {
        /// The directory.
        path: TreePath,
        /// Its names.
        entries: usize,
    },
    /// `/lost+found` is something else than a directory; `e2fsck` would remove it.
    #[error("/lost+found is a {kind}: on ext4 it must be a directory")]
    LostFound {
        /// What it is.
        kind: &'static str,
    },
    /// The sink failed.
    #[error("cannot write the file system")]
    Sink(#[source] io::Error),
}
