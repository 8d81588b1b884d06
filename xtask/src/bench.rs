//! Pintle and its peers, timed.

use crate::machine::{call, need, target};
use crate::{Outcome, root};

/// What the benchmark runs beside us and measures with.
const TOOLS: [&str; 7] = ["bash", "curl", "dpkg", "e2fsprogs", "mmdebstrap", "qemu-utils", "time"];

/// `cargo xtask bench [ARGUMENTS FOR THE BENCHMARK]`: writes docs/benchmarks.md unless another page is named.
pub(crate) fn run(rest: &[&str]) -> Outcome {
    let root = root();
    need(&TOOLS)?;
    call(&["cargo", "build", "--release", "--package", "pintle", "--package", "pintle-bench"], &root)?;
    let target = target();
    let (bench, pintle) = (format!("{target}/release/pintle-bench"), format!("{target}/release/pintle"));
    let mut words = vec![bench.as_str(), "--pintle", pintle.as_str()];
    if !rest.contains(&"--page") {
        words.extend(["--page", "docs/benchmarks.md"]);
    }
    words.extend(rest);
    call(&words, &root)
}
