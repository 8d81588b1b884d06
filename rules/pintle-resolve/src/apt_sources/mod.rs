//! The machine's own apt sources, and which of their archives serve the suites of a definition.

mod one_line;
mod parse;
mod pick;

pub use parse::{AptSource, SourcesError, parse_list, parse_sources};
pub use pick::{NoMirror, expand_mirror_lists, mirror_lists, pick_mirrors};
