//! What tests share.

pub mod archive;
pub mod mirror;
pub mod nix;
pub mod pack;
pub mod trees;
