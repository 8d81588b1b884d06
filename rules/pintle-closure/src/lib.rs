//! A closure of store paths to a tree and its boot entries.
//!
//! A closure is a whole system that Nix evaluated and built. Nothing of it is changed: [`assemble`] puts its paths where
//! they say they are, adds what Nix keeps beside a store, and reads from its bootspec how it starts ([`Entry`]).
//!
//! The other way round, [`store`] makes store paths of any tree, without Nix.

mod assemble;
mod complete;
mod entries;
mod error;
pub mod esp;
mod store;
mod tree;

pub use assemble::{Assembled, Files, Input, Part, assemble};
pub use complete::{PATHS, complete};
pub use entries::{Entry, File};
pub use error::ClosureError;
pub use store::{Aside, Stored, StoredPath, store};
