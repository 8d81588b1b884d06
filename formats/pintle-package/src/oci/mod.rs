//! Container images as files: the OCI image layout (OCI image-spec 1.1, `image-layout.md`), as a folder or as the tar
//! archive of one, compared with a digest; and its documents, written.
//!
//! When one is read, nothing is unpacked: what counts is that every byte of the image is the one its digest promises.

mod format;
mod read;
mod verify;
mod write;

pub use read::{BlobReader, LayoutError, LayoutFiles};
pub use verify::{OciError, OciImage, verify};
pub use write::{Documents, Image, LAYER_TYPE, LAYOUT, Layer, Nothing, Run};
