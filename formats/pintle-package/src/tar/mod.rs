//! Tar archives as a stream, read and written: ustar, pax and GNU headers (POSIX.1-2017 `pax`, "ustar Interchange
//! Format" and "pax Interchange Format"; tar(5)); sparse files in GNU's four formats are read.

mod entry;
mod format;
mod pax;
mod read;
mod sparse;
mod write;

pub use entry::{Entry, EntryType, Limits, Run, TarError};
pub use read::Reader;
pub use write::{END, WriteError, gnu_file_header, write};
