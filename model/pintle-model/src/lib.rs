//! The nouns of Pintle. Plain data with serde; no files, no clock, no randomness, no environment.
//!
//! Everything that enters an image is a [`Tree`]. Sources (packages, rendered configuration, the initrd)
//! *produce* trees; writers (ext4, vfat, cpio) *consume* them and speak to a [`Sink`].

mod arch;
mod blob;
mod digest;
mod limits;
mod lock;
mod path;
mod sink;
mod size;
mod system;
mod tree;
mod tree_walk;
mod verified;

pub use arch::{Arch, UnknownArch};
pub use blob::{Blob, BlobTooLarge, Bytes, Contents, NoContents, Segment, SourceId};
pub use digest::{BadDigest, Digest, Hashed, Hasher};
pub use limits::Limit;
pub use lock::{
    Lock, LockedGroup, LockedPackage, LockedSuite, LockedUser, PackageRole, SuiteTag, LOCK_SCHEMA,
};
pub use path::{BadPath, TreePath, NAME_MAX, PATH_MAX};
pub use sink::{Count, Offset, Sink, WriteAll};
pub use size::{BadSize, Size};
pub use system::{
    Accept, Check, Command, Debian, FileContent, FileSpec, GroupSpec, Image, Kernel, Layout, OutputFormat,
    Ready, Restart, Sandbox, Service, Source, SourceLine, StateDirectory, Suite, System, Units, UserSpec,
    SYSTEM_SCHEMA,
};
pub use tree::{Attrs, Inode, InodeId, Kind, Origin, OriginId, Timestamp, Tree, TreeError, Xattrs};
pub use tree_walk::{Entry, Walk};
pub use verified::{DigestMismatch, Verified};
