//! The house rules a machine can see. Layer arrows and forbidden words fail; sizes are only reported.

use crate::{Outcome, root, say};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Layers in order, each with the layers it may import (itself where its crates may use each other).
const LAYERS: [(&str, &[&str]); 6] = [
    ("model", &[]),
    ("formats", &["model"]),
    ("rules", &["model", "formats"]),
    ("world", &["model"]),
    ("flows", &["model", "formats", "rules", "world"]),
    ("bins", &["model", "formats", "rules", "world", "flows"]),
];

/// What only the outer layers may touch; in `model`, `formats` and `rules` these words are an error outside tests.
const EFFECTS: [&str; 7] =
    ["std::fs", "std::net", "std::env", "std::process", "SystemTime::now", "Instant::now", "thread::sleep"];

/// Lines of a file (without its tests) above which it is reported.
const LONG_FILE: usize = 400;

/// `cargo xtask tidy`.
pub(crate) fn run() -> Outcome {
    let root = root();
    let mut problems = Vec::new();
    let mut remarks = Vec::new();
    arrows(&root, &mut problems)?;
    for file in sources(&root)? {
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let name = file.strip_prefix(&root).unwrap_or(&file).to_owned();
        effects(&name, &text, &mut problems);
        let length = before_tests(&text).lines().count();
        if length > LONG_FILE && !in_tests(&name) {
            remarks.push(format!("{}: {length} lines; can one idea leave?", name.display()));
        }
    }
    for remark in &remarks {
        say(&format!("tidy: {remark}"));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

/// Every crate's normal dependencies must lie in layers its own may import.
fn arrows(root: &Path, problems: &mut Vec<String>) -> Outcome {
    let mut layer_of: BTreeMap<String, &str> = BTreeMap::new();
    let mut manifests = Vec::new();
    for (layer, _) in LAYERS {
        let folder = root.join(layer);
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let folder = entry.map_err(|error| error.to_string())?.path();
            let Ok(text) = std::fs::read_to_string(folder.join("Cargo.toml")) else { continue };
            let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            layer_of.insert(name.clone(), layer);
            manifests.push((name, layer, text));
        }
    }
    for (name, layer, text) in &manifests {
        let allowed = LAYERS.iter().find(|(l, _)| l == layer).map(|(_, allowed)| *allowed).unwrap_or_default();
        for dependency in dependencies(text) {
            if let Some(target) = layer_of.get(dependency)
                && !allowed.contains(target)
            {
                problems.push(format!(
                    "{layer}/{name} imports {target}/{dependency}: `{layer}` may only use {}",
                    if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") }
                ));
            }
        }
    }
    Ok(())
}

/// Names in the `[dependencies]` table of a manifest (development dependencies are free).
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', '=', ' ']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
}

fn effects(name: &Path, text: &str, problems: &mut Vec<String>) {
    let inner = ["model", "formats", "rules"].iter().any(|layer| name.starts_with(layer));
    if !inner || in_tests(name) || name.ends_with("build.rs") {
        return;
    }
    for (number, line) in before_tests(text).lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        if let Some(word) = EFFECTS.iter().find(|word| code.contains(**word)) {
            problems.push(format!("{}:{}: `{word}` belongs to world/", name.display(), number + 1));
        }
    }
}

/// The part of a file before its unit tests.
fn before_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

fn in_tests(name: &Path) -> bool {
    name.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "benches" | "examples")))
        || name.file_name().is_some_and(|file| file == "tests.rs")
}

/// All Rust sources of the project.
fn sources(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut todo: Vec<PathBuf> =
        LAYERS.iter().map(|(layer, _)| root.join(layer)).chain([root.join("testkit"), root.join("xtask")]).collect();
    while let Some(folder) = todo.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_of_a_manifest_are_seen() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = \"1\"\n# c\n\n[dev-dependencies]\nd = \"1\"\n";
        assert_eq!(dependencies(manifest).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn effects_are_found_outside_tests_only() {
        let mut problems = Vec::new();
        let text = "// std::fs is fine here\nuse std::fs;\n#[cfg(test)]\nmod tests { use std::fs; }\n";
        effects(Path::new("rules/x/src/lib.rs"), text, &mut problems);
        effects(Path::new("world/x/src/lib.rs"), text, &mut problems);
        assert_eq!(problems, ["rules/x/src/lib.rs:2: `std::fs` belongs to world/"]);
    }
}
