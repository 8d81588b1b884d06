//! The ext4 writer before its judges: `e2fsck`, `debugfs`, `dumpe2fs`, `resize2fs`.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic, too")]
mod grow;
mod judge;
mod rich;
