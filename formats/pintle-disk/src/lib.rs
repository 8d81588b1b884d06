//! Disks as bytes: partition tables, image containers, hash trees. No files: tables become byte vectors, containers speak
//! to the standard traits.

mod blocks;
pub mod gpt;
pub mod gzip;
pub mod mbr;
mod parallel;
pub mod qcow2;
pub mod verity;
pub mod vhd;
pub mod vmdk;
pub mod xz;
