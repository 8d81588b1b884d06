//! Package formats: the bytes of Debian archives, of the ELF files inside them, and of container images.

pub mod ar;
pub mod compress;
pub mod control;
pub mod deb;
pub mod elf;
pub mod modinfo;
pub mod mtree;
pub mod oci;
pub mod tar;
mod unpacked;

pub use unpacked::{BadIndex, ControlFiles, EntryKind, FileEntry, UNPACK_FORMAT, UnpackedDeb};
