//! Unified kernel images (UAPI.5): a PE program, systemd's stub, with kernel, initrd and command line as sections of
//! it; the PE reader underneath, and the header of x86 Linux kernels.

pub mod format;
mod linux;
mod read;
mod sbat;
mod write;

pub use linux::{LinuxHeader, LinuxHeaderError};
pub use read::{HEAD_LEN, Pe, PeError, PeLimits, PeSection};
pub(crate) use write::checksum;
pub use write::{Sections, UkiError, assemble};
