use pintle_model::{Size, TreePath};
use std::io;

/// Why a tree cannot become an EROFS file system. Nothing of it was written, unless the error is [`Error::Sink`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The label is longer than the superblock's field.
    #[error("label `{label}` has {} bytes, EROFS takes at most 16", label.len())]
    Label {
        /// As asked for.
        label: String,
    },
    /// Compressed extents of a length that the format cannot say, or that cannot become shorter.
    #[error(
        "compressed extents of {bytes} bytes ({}): EROFS takes powers of two from 8 KiB to 1 MiB",
        Size(*bytes)
    )]
    Cluster {
        /// As asked for.
        bytes: u64,
    },
    /// A level that the method does not have.
    #[error("there is no level {level} of {method}: {levels}")]
    Level {
        /// The method.
        method: &'static str,
        /// As asked for.
        level: i32,
        /// What there is.
        levels: &'static str,
    },
    /// Over 16 TiB.
    #[error("content of {size} bytes ({}) is over the 16 TiB that 32-bit block numbers reach", Size(*size))]
    TooLarge {
        /// Bytes needed.
        size: u64,
    },
    /// A file beyond what the kernel can address.
    #[error("{path}: {len} bytes are more than a file can have on Linux")]
    FileTooLarge {
        /// The file.
        path: TreePath,
        /// Its length.
        len: u64,
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
    /// An attribute name without a prefix that EROFS stores.
    #[error(
        "{path}: extended attribute `{name}` cannot be stored: EROFS knows user.*, trusted.*, security.* and \
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
    /// Attributes beyond what an inode can count.
    #[error("{path}: extended attributes take {bytes} bytes, EROFS has room for {room}")]
    XattrsTooLarge {
        /// The inode.
        path: TreePath,
        /// Bytes they take on disk, names included, or those of one value.
        bytes: usize,
        /// Bytes there are.
        room: usize,
    },
    /// What was compressed is not of this tree.
    #[error("{path}: this file was not there, or of another length, when the tree was compressed")]
    Stale {
        /// The file.
        path: TreePath,
    },
    /// A file's bytes could not be read, or what was compressed not be kept.
    #[error("cannot compress {path}")]
    Compress {
        /// The file.
        path: TreePath,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The sink failed.
    #[error("cannot write the file system")]
    Sink(#[source] io::Error),
}
