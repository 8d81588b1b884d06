//! File systems and archives as bytes: each writer consumes a [`pintle_model::Tree`] and speaks to a
//! [`pintle_model::Sink`] in ascending order, so the same function lays out (with a counting sink) and writes.

mod common;
pub mod cpio;
pub mod erofs;
pub mod ext4;
pub mod vfat;
