use crate::ar::ArError;
use crate::tar::TarError;
use pintle_model::{BadPath, Limit};
use std::io;

/// A .deb cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum DebError {
    /// The outer archive: not one at all, damaged, cut short.
    #[error(transparent)]
    Ar(#[from] ArError),
    /// `debian-binary` says another version than 2.x.
    #[error("format version {0:?} is not understood (only 2.x is)")]
    Version(String),
    /// A part is not there, or not in its place.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// A part nobody knows.
    #[error("the member `{0}` is not understood")]
    UnknownMember(String),
    /// lzma, bzip2: long gone from the archive.
    #[error("the compression of {0} is not understood (xz, zstd, gzip and none are)")]
    Compression(String),
    /// The decompressor refuses a member at its start.
    #[error("{member} (at byte {offset}) cannot be unpacked")]
    Unreadable {
        /// The member.
        member: String,
        /// Its place in the .deb.
        offset: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The inner archive.
    #[error("in {member}")]
    Tar {
        /// The member.
        member: String,
        /// What.
        #[source]
        source: TarError,
    },
    /// A path that leads elsewhere.
    #[error("in {member}: a path is refused")]
    Path {
        /// The member.
        member: String,
        /// Which and why.
        #[source]
        source: BadPath,
    },
    /// A path from the root of whatever it would be unpacked on.
    #[error("in {member}: the path `{path}` is absolute, where paths of packages start with `./`")]
    Absolute {
        /// The member.
        member: String,
        /// The path.
        path: String,
    },
    /// The same path twice.
    #[error("/{0} is in it twice")]
    Duplicate(String),
    /// A path below something that is no directory: through a link, it would end up elsewhere.
    #[error("/{path} lies below /{above}, which is no directory")]
    Below {
        /// The path.
        path: String,
        /// What it lies below.
        above: String,
    },
    /// A hard link whose target is no earlier file.
    #[error("/{path} is a hard link to /{target}, which is no earlier file of the package")]
    HardlinkTarget {
        /// The link.
        path: String,
        /// Its target.
        target: String,
    },
    /// A symbolic link without a target, or with one no system could follow.
    #[error("/{0} is a symbolic link with a bad target")]
    SymlinkTarget(String),
    /// Something in control.tar that is no file.
    #[error("the control file {0} is not a regular file")]
    ControlKind(String),
    /// Over a limit.
    #[error("/{path}: {value} is over the limit of {} {}", .limit.max, .limit.what)]
    Limit {
        /// Where it was noticed.
        path: String,
        /// The value.
        value: u64,
        /// The limit.
        limit: Limit,
    },
    /// A compressed kernel module that cannot be unpacked.
    #[error("the kernel module /{path} cannot be unpacked")]
    Module {
        /// The module.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The content store.
    #[error("/{path} cannot be kept")]
    Store {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A member and where it is.
pub(super) struct Place {
    pub(super) member: String,
    pub(super) offset: u64,
}

impl DebError {
    pub(super) fn unreadable(place: &Place, source: io::Error) -> Self {
        Self::Unreadable { member: place.member.clone(), offset: place.offset, source }
    }
}
