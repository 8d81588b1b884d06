//! Every check and test, in the order in which a failure is cheapest.

use crate::machine::{JUDGES, agent, call, need, need_qemu};
use crate::{Outcome, root, tidy};

/// `cargo xtask test [-- ARGUMENTS FOR cargo test]`.
pub(crate) fn run(rest: &[&str]) -> Outcome {
    let root = root();
    need(&JUDGES)?;
    need_qemu()?;
    tidy::run()?;
    call(&["cargo", "fmt", "--all", "--check"], &root)?;
    call(&["cargo", "fmt", "--check"], &root.join("fuzz"))?;
    let clippy = ["cargo", "clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    call(&clippy, &root)?;
    let pages = ["env", "RUSTDOCFLAGS=-Dwarnings", "cargo", "doc", "--workspace", "--no-deps", "--quiet"];
    call(&pages, &root)?;
    call(&["cargo", "run", "--quiet", "--package", "xtask", "--", "docs", "--check"], &root)?;
    let agent = format!("PINTLE_AGENT={}", agent(&root)?.display());
    let mut words = vec!["env", &agent, "cargo", "test", "--workspace", "--no-fail-fast"];
    words.extend(rest.iter().filter(|word| **word != "--"));
    call(&words, &root)
}
