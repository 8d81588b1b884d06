//! Disk images that are read: of any container that can be read in place, with the file systems in them.

mod disk;
mod root;

pub(crate) use disk::{Disk, Window};
pub use root::RootError;
pub(crate) use root::{Root, Stat};

use std::io;
use std::path::PathBuf;

/// An image cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// There is none.
    #[error("there is no {}", .0.display())]
    Missing(PathBuf),
    /// Of the file system.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Opening it.
    #[error(transparent)]
    Store(#[from] pintle_world::store::StoreError),
    /// A qcow2 image.
    #[error("cannot read the image {}", path.display())]
    Qcow2 {
        /// The image.
        path: PathBuf,
        /// Why.
        #[source]
        source: pintle_disk::qcow2::read::ReadError,
    },
}
