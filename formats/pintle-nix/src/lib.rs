//! The formats of Nix, as far as a system made with it is built, fetched, updated or published: store paths, archives,
//! binary caches with their signatures, registrations and the store's database.
//!
//! No part of Nix is needed; its programs are the judges of the tests. Bytes arrive as slices and [`std::io::Read`]ers
//! and leave through sinks; nothing here opens a file.

pub mod base32;
pub mod cache_info;
pub mod compress;
pub mod content_address;
pub mod database;
pub mod hash;
pub mod listing;
pub mod nar;
pub mod narinfo;
mod path_info;
pub mod references;
pub mod registration;
mod signature;
mod store_path;
mod trust;
mod unpack;

pub use content_address::{ContentAddress, References};
pub use narinfo::NarInfo;
pub use path_info::PathInfo;
pub use signature::{BadKey, PublicKey, SecretKey, Signature};
pub use store_path::{BadStorePath, HASH_LEN, NAME_MAX, StoreDir, StorePath};
pub use trust::{Ground, Reason, Trusted, TrustedKeys, Untrusted};
pub use unpack::{UnpackError, check_content};
