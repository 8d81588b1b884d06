//! Boot artefacts as bytes: unified kernel images, GRUB's BIOS images, boot loader entries, bootspec.

pub mod bootspec;
pub mod cmdline;
pub mod grub;
pub mod loader;
pub mod uki;
