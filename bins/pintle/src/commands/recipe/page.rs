//! What `pintle recipe coverage` found, as a page of Markdown.

use pintle_flows::recipe::{Covered, most_wanted};
use std::fmt::Write as _;

/// The tables; a heading and an introduction are the caller's.
pub(super) fn page(all: &[Covered]) -> String {
    let (found, not): (Vec<&Covered>, Vec<&Covered>) = all.iter().partition(|one| one.unsolvable.is_none());
    let (good, bad): (Vec<&Covered>, Vec<&Covered>) = found.iter().partition(|one| one.missing.is_empty());
    let own = |kind: &str| found.iter().filter(|one| one.own == kind).count();
    let mut out = format!(
        "| | packages |\n|---|---|\n| on the list | {} |\n| in the archive and installable | {} |\n\
         | **build** | **{} ({} %)** |\n| own scripts: none | {} |\n| own scripts: understood | {} |\n\
         | own scripts: by a recipe | {} |\n| own scripts: not covered | {} |\n",
        all.len(),
        found.len(),
        good.len(),
        good.len() * 100 / found.len().max(1),
        own("no-script"),
        own("understood"),
        own("recipe"),
        own("missing"),
    );
    let wanted = most_wanted(all);
    if !wanted.is_empty() {
        out.push_str("\n## What is missing\n\n| scripts not covered | keep from building |\n|---|---|\n");
        for (package, by) in wanted {
            let _ = writeln!(out, "| `{package}` | {by} |");
        }
    }
    for (title, list) in [("Builds", good), ("Does not build yet", bad), ("Not installable", not)] {
        if !list.is_empty() {
            let names: Vec<String> = list.iter().map(|one| format!("`{}`", one.package)).collect();
            let _ = write!(out, "\n## {title}\n\n{}\n", names.join(", "));
        }
    }
    out
}
