//! What a Debian system generates by running tools when packages are installed, made natively: files computed from
//! the files of the tree.

pub mod modules;
mod place;

pub use place::PlaceError;
