//! Tar archives as a stream, read and written: ustar, pax and GNU headers (POSIX.1-2017 `pax`, "ustar Interchange Format" and "pax
//! Interchange Format"; tar(5)).

mod format;
mod pax;
mod read;
mod write;

pub use read::{Entry, EntryType, Limits, Reader, TarError};
pub use write::{END, WriteError, gnu_file_header, write};
