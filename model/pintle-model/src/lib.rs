//! The nouns of Pintle. Plain data with serde; no files, no clock, no randomness, no environment.
//!
//! Everything that enters an image is a [`Tree`]. Sources (packages, rendered configuration, the initrd)
//! *produce* trees; writers (ext4, vfat, cpio) *consume* them and speak to a [`Sink`].

mod arch;
mod blob;
mod causes;
mod closure;
mod digest;
mod inode;
mod limits;
mod lock;
mod output;
mod pack;
mod path;
mod printable;
mod service;
mod sink;
mod size;
mod slim;
mod slot;
mod system;
mod time;
mod tree;
mod tree_walk;
mod verified;

pub use arch::{Arch, UnknownArch};
pub use blob::{Blob, BlobTooLarge, Bytes, Contents, NoContents, Segment, SourceId};
pub use causes::{chain, with_causes};
pub use closure::{InitrdSecrets, LockedClosure, LockedPath, Nix, name_and_version};
pub use digest::{BadDigest, Digest, Hashed, Hasher};
pub use inode::{Attrs, Inode, InodeId, Kind, Origin, OriginId, Timestamp, Xattrs};
pub use limits::Limit;
pub use lock::{
    LOCK_SCHEMA, Lock, LockedGroup, LockedPackage, LockedSuite, LockedUser, PackageRole, SuiteTag,
};
pub use output::{DiskEncoding, Encoding, OutputFormat, Platform, TreeEncoding};
pub use pack::PackSink;
pub use path::{BadPath, NAME_MAX, PATH_MAX, TreePath};
pub use printable::printable;
pub use service::{Command, Ready, Restart, Sandbox, Service, StateDirectory};
pub use sink::{Count, Offset, Sink, WriteAll};
pub use size::{BadSize, Size};
pub use slim::{SlimRule, left_out, may_hold_kept};
pub use slot::Slot;
pub use system::{
    Accept, Check, Debian, Encrypt, Enrol, FileContent, FileSpec, GroupSpec, Health, Image, Kernel, Layout,
    OnFailure, SYSTEM_SCHEMA, SbomFormat, SecureBoot, Source, SourceLine, Suite, System, Units, UserSpec,
    UsrFileSystem,
};
pub use time::rfc3339;
pub use tree::{Tree, TreeError};
pub use tree_walk::{Entry, Walk};
pub use verified::{DigestMismatch, Verified};
