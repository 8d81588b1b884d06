//! Container images as files: the OCI image layout (OCI image-spec 1.1, `image-layout.md`), as a folder or as the tar
//! archive of one, compared with a digest.
//!
//! Nothing is unpacked: what counts is that every byte of the image is the one its digest promises.

mod format;
mod read;
mod verify;

pub use read::{BlobReader, LayoutError, LayoutFiles};
pub use verify::{OciError, OciImage, verify};
