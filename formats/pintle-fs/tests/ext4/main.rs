//! The ext4 writer before its judges: `e2fsck`, `debugfs`, `resize2fs`, and our own reader.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic, too")]

mod directories;
mod errors;
mod files;
mod grow;
mod judge;
mod pinned;
mod properties;
mod reading;
mod rich;
mod sizes;
