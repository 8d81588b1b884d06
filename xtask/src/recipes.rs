//! How many of the most installed server packages build, and what is missing: `docs/recipes-coverage.md`.

use crate::machine::{call, target};
use crate::{Outcome, root, say};
use std::process::Command;

/// The list, and the page made from it.
const LIST: &str = "recipes/popular.txt";
const PAGE: &str = "docs/recipes-coverage.md";

const HEAD: &str = "\
# Recipes: what builds

Written by `cargo xtask recipes`. The list, `recipes/popular.txt`, was composed by hand of packages that servers have
most, in the spirit of Debian's popularity contest, whose figures are no input here: they were not at hand. Each package
is solved by itself with all that it pulls in, without Recommends, from trixie; it builds when every maintainer script
of that set is understood or covered by a recipe. That a package builds does not say that its service was tried.
`pintle recipe record PKG` drafts a recipe for any that is missing ([recipes](recipes.md)).

";

/// `cargo xtask recipes [LIST]`.
pub(crate) fn run(rest: &[&str]) -> Outcome {
    let root = root();
    call(&["cargo", "build", "--release", "--package", "pintle"], &root)?;
    let target = target();
    let list = rest.first().copied().unwrap_or(LIST);
    let target = root.join(target);
    // A folder without a definition: nothing but the package and what it pulls in.
    let empty = target.join("tmp/coverage");
    std::fs::create_dir_all(&empty).map_err(|error| format!("cannot make {}: {error}", empty.display()))?;
    let program = target.join("release/pintle");
    let output = Command::new(&program)
        .args(["recipe", "coverage", "--markdown", "--from", list, "--definition"])
        .arg(&empty)
        .current_dir(&root)
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !text.starts_with('|') {
        return Err("pintle recipe coverage gave no tables".into());
    }
    let page = root.join(PAGE);
    std::fs::write(&page, format!("{HEAD}{text}"))
        .map_err(|error| format!("cannot write {}: {error}", page.display()))?;
    say(&format!("wrote {PAGE}"));
    Ok(())
}
