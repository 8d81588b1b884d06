//! Stream-optimized VMDK images: VMware's format for carrying disks, which EC2 imports too. Compressed, and written
//! from the first byte to the last.
//!
//! Source: VMware, "Virtual Disk Format 5.0" (2011), section "Stream-Optimized Compressed Sparse Extents".

mod format;
mod write;

pub use format::GRAIN;
pub use write::{Error, Options, Writer};
