//! What stands in a [`crate::Tree`]: files, directories, links and devices, with attributes and origin.

use crate::Blob;
use std::collections::BTreeMap;

/// Seconds and nanoseconds since 1970, UTC; may lie before 1970 and after 2038.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp {
    /// Whole seconds.
    pub secs: i64,
    /// 0..1_000_000_000.
    pub nanos: u32,
}

impl Timestamp {
    /// A whole second.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self { secs, nanos: 0 }
    }
}

/// Ownership, permissions and time of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attrs {
    /// Permission bits with setuid, setgid and sticky (`mode & 0o7777`); the file type is in [`Kind`].
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time; also written as access and change time.
    pub mtime: Timestamp,
}

impl Attrs {
    /// `mode`, owned by root, at the epoch.
    #[must_use]
    pub const fn root(mode: u16) -> Self {
        Self { mode, uid: 0, gid: 0, mtime: Timestamp::from_secs(0) }
    }
}

/// Index into the inode table of one [`crate::Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId(pub(crate) u32);

impl InodeId {
    /// The number, for tables kept beside the tree.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Index into the table of origins of one [`crate::Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginId(pub(crate) u32);

/// Who put an inode into the tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The tree itself: its root, directories that nothing claims.
    Nobody,
    /// A package, by name and version, as locked.
    Package {
        /// `nginx`
        name: String,
        /// `1.26.3-3+deb13u1`
        version: String,
    },
    /// A path of a Nix store: `/nix/store/…-glibc-2.41`.
    StorePath(String),
    /// The user's definition or a module: `system.toml:12:3`.
    Definition(String),
    /// Pintle itself, in place of a maintainer script or tool: `users`, `ld.so.cache`, `recipe ca-certificates`.
    Generated(String),
    /// A host directory or tar given on the command line.
    Host(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nobody => f.write_str("the tree itself"),
            Self::Package { name, version } => write!(f, "package {name} {version}"),
            Self::StorePath(path) => write!(f, "store path {path}"),
            Self::Definition(place) => write!(f, "the definition ({place})"),
            Self::Generated(by) => write!(f, "Pintle ({by})"),
            Self::Host(path) => f.write_str(path),
        }
    }
}

/// What an inode is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory; names to inodes, in byte order.
    Directory(BTreeMap<Box<[u8]>, InodeId>),
    /// A regular file.
    File(Blob),
    /// A symbolic link and its target, as written.
    Symlink(Box<[u8]>),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl Kind {
    /// The file type for a message.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Directory(_) => "directory",
            Self::File(_) => "file",
            Self::Symlink(_) => "symbolic link",
            Self::CharDevice { .. } => "character device",
            Self::BlockDevice { .. } => "block device",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
        }
    }

    /// The `S_IFMT` bits of `st_mode`.
    #[must_use]
    pub fn type_bits(&self) -> u16 {
        match self {
            Self::Directory(_) => 0o040_000,
            Self::File(_) => 0o100_000,
            Self::Symlink(_) => 0o120_000,
            Self::CharDevice { .. } => 0o020_000,
            Self::BlockDevice { .. } => 0o060_000,
            Self::Fifo => 0o010_000,
            Self::Socket => 0o140_000,
        }
    }
}

/// Extended attributes: full name (`security.capability`) to value.
pub type Xattrs = BTreeMap<Box<[u8]>, Box<[u8]>>;

/// One file, directory, link or device. Several names may lead to it (hard links), unless it is a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inode {
    /// What it is.
    pub kind: Kind,
    /// Owner, mode, time.
    pub attrs: Attrs,
    /// Extended attributes.
    pub xattrs: Xattrs,
    /// Who put it there.
    pub origin: OriginId,
}
