use pintle_model::Limit;
use std::collections::BTreeMap;
use std::io;

/// What a reader accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of one member.
    pub size: Limit,
    /// Length of an extended header or long name, all of which is held in memory.
    pub extension: Limit,
    /// Extended headers in a row before a member.
    pub extensions: Limit,
    /// Runs of data in a sparse file, each of which is held in memory. With 0, as by default, sparse files are not
    /// understood: whoever allows them must look at [`Entry::runs`].
    pub runs: Limit,
    /// Length of a sparse file with its holes.
    pub sparse: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            size: Limit::new(64 << 30, "bytes in one file"),
            extension: Limit::new(1 << 20, "bytes in an extended header"),
            extensions: Limit::new(16, "extended headers for one file"),
            runs: Limit::new(0, "sparse files"),
            sparse: Limit::new(16 << 40, "bytes in one sparse file"),
        }
    }
}

/// A tar is not what it should be. Offsets count unpacked bytes.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// No tar, or a damaged one.
    #[error("the header at byte {0} has a wrong checksum")]
    Checksum(u64),
    /// A field that is no number, or out of its range.
    #[error("the header at byte {at} has a bad {field} field")]
    Field {
        /// Offset of the header.
        at: u64,
        /// Which.
        field: &'static str,
    },
    /// A pax record that cannot be read.
    #[error("the pax record at byte {0} is damaged")]
    Pax(u64),
    /// The list of a sparse file's runs is damaged, or does not agree with the data.
    #[error("{path} at byte {at} has a damaged list of holes")]
    Sparse {
        /// Offset of the header.
        at: u64,
        /// The member.
        path: String,
    },
    /// Multi-volume archives, unknown types, sparse files where none may be.
    #[error("{path} at byte {at} is of a kind that is not understood (type `{kind}`)")]
    Unsupported {
        /// Offset of the header.
        at: u64,
        /// The member.
        path: String,
        /// Its type flag.
        kind: char,
    },
    /// Over a limit.
    #[error("{path} at byte {at}: {value} is over the limit of {} {}", .limit.max, .limit.what)]
    Limit {
        /// Offset of the header.
        at: u64,
        /// The member.
        path: String,
        /// What it claims.
        value: u64,
        /// The limit.
        limit: Limit,
    },
    /// The archive ends too early.
    #[error("the archive ends at byte {at}, {what}")]
    Truncated {
        /// Where.
        at: u64,
        /// Within what, or before what.
        what: String,
    },
    /// Of the reader below (usually the decompressor).
    #[error("reading failed at byte {at}")]
    Io {
        /// Where.
        at: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The kind of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryType {
    /// Regular file; its data is what the reader gives.
    File,
    /// Directory.
    Directory,
    /// Symbolic link to [`Entry::link`].
    Symlink,
    /// Another name for the earlier member [`Entry::link`].
    Hardlink,
    /// Character device.
    CharDevice,
    /// Block device.
    BlockDevice,
    /// Named pipe.
    Fifo,
}

/// A member's header, extended headers applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path as written: not checked.
    pub path: Vec<u8>,
    /// Target of a link as written.
    pub link: Vec<u8>,
    /// Kind.
    pub kind: EntryType,
    /// Permission bits, `& 0o7777`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Owner's name, may be empty.
    pub uname: String,
    /// Group's name, may be empty.
    pub gname: String,
    /// Seconds since 1970.
    pub mtime: i64,
    /// And nanoseconds.
    pub mtime_nanos: u32,
    /// Device number.
    pub major: u32,
    /// Device number.
    pub minor: u32,
    /// Length of the file, holes included (0 but for files).
    pub size: u64,
    /// Of a sparse file, the runs that the archive has data of, sorted and disjoint; the reader gives them back to
    /// back. `None`: the reader gives the whole file.
    pub runs: Option<Vec<Run>>,
    /// Extended attributes.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Offset of the header.
    pub offset: u64,
}

/// A run of data in a sparse file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where it starts in the file.
    pub at: u64,
    /// Its length, not 0.
    pub len: u64,
}
