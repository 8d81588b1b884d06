//! What tests share.

pub mod archive;
