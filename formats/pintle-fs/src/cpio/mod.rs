//! cpio in the "newc" format, which the Linux kernel unpacks as its initramfs.
//!
//! Source: the kernel's `Documentation/driver-api/early-userspace/buffer-format.rst` and `usr/gen_init_cpio.c`.

pub mod format;
pub mod read;
mod write;

pub use write::{Error, write};
