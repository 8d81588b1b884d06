//! Tar archives as a stream: ustar, pax and GNU headers (POSIX.1-2017 `pax`, "ustar Interchange Format" and "pax
//! Interchange Format"; tar(5)).

mod format;
mod pax;
mod read;

pub use read::{Entry, EntryType, Limits, Reader, TarError};
