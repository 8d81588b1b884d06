//! The text of a lock: TOML, one table per package, sorted, the same bytes for the same lock, so that a diff shows what
//! changed and nothing else.
//!
//! Versions of the format: 1, the first.

mod parse;
mod print;

pub use parse::{LockError, parse};
pub use print::print;
