//! Disks as bytes: partition tables and image containers.

pub mod gpt;
pub mod mbr;
pub mod qcow2;
