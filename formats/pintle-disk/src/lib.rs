//! Disks as bytes: partition tables and image containers. No files: tables become byte vectors, containers speak to
//! the standard traits.

pub mod gpt;
pub mod mbr;
pub mod qcow2;
