//! Boot artefacts as bytes: unified kernel images, GRUB's BIOS images, boot loader entries, bootspec; and
//! signatures of what firmware starts.

pub mod bootspec;
pub mod cmdline;
pub mod grub;
pub mod loader;
pub mod measure;
pub mod secureboot;
pub mod sign;
pub mod uki;
