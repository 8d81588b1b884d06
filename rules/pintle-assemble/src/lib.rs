//! Packages to a tree, without running any of their scripts.

pub mod generate;
pub mod initrd;
pub mod services;
