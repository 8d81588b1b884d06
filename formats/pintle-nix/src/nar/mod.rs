//! Nix archives (Nix manual, "Nix Archive (NAR) format"): one file, link or directory with everything below it, in
//! exactly one form, so that its digest names the content.
//!
//! An archive holds names, bytes, link targets and whether a file is executable; no owner, time or other mode.

mod error;
mod format;
mod limits;
mod read;
mod unpack;
mod unpacked;
mod write;

pub use error::{Inside, NameFault, NarError};
pub use limits::Limits;
pub use read::{Node, NodeKind, Reader};
pub use unpack::unpack;
pub use unpacked::{
    BadIndex, FILE_MODE, NarEntry, NarKind, PROGRAM_MODE, UNPACK_FORMAT, UnpackedNar, insert_tree,
};
pub(crate) use write::{Hashing, write_with};
pub use write::{WriteError, hash, size, write, write_to};
