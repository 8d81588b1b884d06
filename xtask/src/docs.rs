//! Pages generated from the program's own tables, so that they cannot drift.

use crate::machine::call;
use crate::{Outcome, root};

/// `cargo xtask docs [--check]`: the program writes its own reference.
pub(crate) fn run(rest: &[&str]) -> Outcome {
    let mut words = vec!["cargo", "run", "--quiet", "--package", "pintle", "--", "docs", "docs/reference"];
    words.extend(rest);
    call(&words, &root())?;
    let mut words = vec!["cargo", "run", "--quiet", "--package", "pintle-agent", "--features", "docs", "--"];
    words.extend(["docs", "docs/reference"]);
    words.extend(rest);
    call(&words, &root())
}
