//! Layers: an import may only point to an earlier one; the inner ones touch nothing of the world.

use super::{File, before_tests, in_tests, is_source, test_modules};
use std::collections::BTreeMap;
use std::path::Path;

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
/// (Addresses of `std::net` are plain data.)
const EFFECTS: [&str; 10] = [
    "std::fs",
    "std::env",
    "std::process",
    "SystemTime::now",
    "Instant::now",
    "thread::sleep",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
];

/// Both rules.
pub(super) fn check(files: &[File], problems: &mut Vec<String>) {
    arrows(files, problems);
    let test_modules = test_modules(files);
    for file in files.iter().filter(|file| is_source(&file.name) && !in_tests(&file.name, &test_modules)) {
        effects(&file.name, &file.text, problems);
    }
}

/// Every crate's normal dependencies must lie in layers its own may import.
fn arrows(files: &[File], problems: &mut Vec<String>) {
    let mut layer_of: BTreeMap<&str, &str> = BTreeMap::new();
    let mut manifests = Vec::new();
    for file in files {
        let parts: Vec<&str> = file.name.iter().filter_map(|part| part.to_str()).collect();
        let [folder, name, "Cargo.toml"] = parts[..] else { continue };
        let Some((layer, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == folder) else { continue };
        layer_of.insert(name, layer);
        manifests.push((name, *layer, *allowed, &file.text));
    }
    for (name, layer, allowed, text) in manifests {
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
    if !inner || name.ends_with("build.rs") {
        return;
    }
    for (number, line) in before_tests(text).lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        if let Some(word) = EFFECTS.iter().find(|word| code.contains(**word)) {
            problems.push(format!("{}:{}: `{word}` belongs to world/", name.display(), number + 1));
        }
    }
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
    fn an_arrow_that_points_outwards_is_seen() {
        let file = |name: &str, text: &str| File { name: name.into(), text: text.to_owned() };
        let files = [
            file("world/w/Cargo.toml", "[dependencies]\nm.workspace = true\nr.workspace = true\n"),
            file("model/m/Cargo.toml", ""),
            file("rules/r/Cargo.toml", "[dependencies]\nm.workspace = true\n"),
        ];
        let mut problems = Vec::new();
        arrows(&files, &mut problems);
        assert_eq!(problems, ["world/w imports rules/r: `world` may only use model"]);
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
