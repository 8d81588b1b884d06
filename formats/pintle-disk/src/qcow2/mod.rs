//! qcow2 images, version 3: QEMU's container, which clouds import. Source: QEMU's `docs/interop/qcow2.rst`.
//!
//! [`Writer`] takes an image in ascending order (it is a [`pintle_model::Sink`]), leaves out clusters that are all
//! zero, and compresses the others on several threads if asked. Memory stays bounded: the image is never held.
//! [`read::Reader`] reads images, ours and those of other tools.

mod compress;
mod file;
pub mod format;
pub mod read;
mod write;

pub use compress::Compression;
pub use write::{Error, Options, Summary, Writer};
