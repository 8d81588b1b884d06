//! What the documents say of the code: each dependency has its reason, each folder on the map is there.

use super::File;
use std::collections::BTreeSet;
use std::path::Path;

/// Both rules.
pub(super) fn check(files: &[File], problems: &mut Vec<String>) {
    let text =
        |name: &str| files.iter().find(|file| file.name == Path::new(name)).map(|file| file.text.as_str());
    let (Some(workspace), Some(table), Some(map)) =
        (text("Cargo.toml"), text("docs/dependencies.md"), text("ARCHITECTURE.md"))
    else {
        problems.push("Cargo.toml, docs/dependencies.md or ARCHITECTURE.md is missing".to_owned());
        return;
    };
    let manifests: Vec<&File> = files.iter().filter(|file| file.name.ends_with("Cargo.toml")).collect();
    let members = || manifests.iter().filter(|file| file.name != Path::new("Cargo.toml"));
    let used: BTreeSet<&str> = members().flat_map(|file| wanted(&file.text)).collect();
    let offered: BTreeSet<&str> = keys(workspace, |table| table == "workspace.dependencies").collect();
    let reasons = reasons(table);
    for name in offered.difference(&used) {
        problems.push(format!("Cargo.toml: no crate uses `{name}`"));
    }
    for name in used.union(&offered).filter(|name| !name.starts_with("pintle-")) {
        if !reasons.contains(name) {
            problems.push(format!("docs/dependencies.md: no row says why `{name}` is here"));
        }
    }
    for name in reasons.iter().filter(|name| !used.contains(**name)) {
        problems.push(format!("docs/dependencies.md: `{name}` is not a dependency any more"));
    }
    for name in places(map) {
        let there = |file: &File| {
            file.name.starts_with(name) || file.name.iter().nth(1).is_some_and(|part| part == name)
        };
        if !files.iter().any(there) {
            problems.push(format!("ARCHITECTURE.md: there is no `{name}`"));
        }
    }
}

/// Keys of the tables of a manifest whose name is accepted.
fn keys(manifest: &str, accept: fn(&str) -> bool) -> impl Iterator<Item = &str> {
    let mut inside = false;
    manifest.lines().filter_map(move |line| {
        if let Some(table) = line.strip_prefix('[') {
            inside = accept(table.trim_end().trim_end_matches(']'));
            return None;
        }
        let key = line.split(['.', '=', ' ']).next().unwrap_or_default();
        (inside && !key.is_empty() && !key.starts_with('#')).then_some(key)
    })
}

/// Every dependency of a manifest, of whatever kind.
fn wanted(manifest: &str) -> impl Iterator<Item = &str> {
    keys(manifest, |table| table.ends_with("dependencies"))
}

/// Names in the first column of the table; what follows in brackets says more about them.
fn reasons(table: &str) -> BTreeSet<&str> {
    let first = table.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next());
    let plain = first.skip(2).map(|cell| cell.split('(').next().unwrap_or_default());
    plain.flat_map(|cell| cell.split(", ")).map(str::trim).filter(|name| !name.is_empty()).collect()
}

/// Folders, files and crates that a document names in backquotes.
fn places(document: &str) -> impl Iterator<Item = &str> {
    let quoted = document.split('`').skip(1).step_by(2);
    quoted.filter_map(|word| {
        let is_place = !word.starts_with('/')
            && (word.ends_with('/')
                || (word.contains('/') && word.ends_with(".rs"))
                || word.starts_with("pintle-"));
        is_place.then_some(word.trim_end_matches('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(manifest: &str, table: &str, map: &str) -> Vec<String> {
        let file = |name: &str, text: &str| File { name: name.into(), text: text.to_owned() };
        let mut problems = Vec::new();
        let files = [
            file(
                "Cargo.toml",
                "[workspace.dependencies]\na = \"1\"\nb = { version = \"2\" }\n\n[x]\ny = 1\n",
            ),
            file("rules/pintle-x/Cargo.toml", manifest),
            file("docs/dependencies.md", table),
            file("ARCHITECTURE.md", map),
        ];
        check(&files, &mut problems);
        problems
    }

    const TABLE: &str = "| crate | used for |\n|---|---|\n| a, b (for tests) | x |\n";

    #[test]
    fn papers_in_order_are_quiet() {
        let manifest = "[dependencies]\na.workspace = true\n[dev-dependencies]\nb.workspace = true\n";
        assert!(
            problems(manifest, TABLE, "`rules/`, `pintle-x` and `/usr/`, `docs/dependencies.md`").is_empty()
        );
    }

    #[test]
    fn each_disagreement_is_named() {
        assert_eq!(
            problems("[dependencies]\na.workspace = true\nc = \"1\"\n", TABLE, "`world/`, `pintle-y`"),
            [
                "Cargo.toml: no crate uses `b`",
                "docs/dependencies.md: no row says why `c` is here",
                "docs/dependencies.md: `b` is not a dependency any more",
                "ARCHITECTURE.md: there is no `world`",
                "ARCHITECTURE.md: there is no `pintle-y`",
            ]
        );
    }
}
