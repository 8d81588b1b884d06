//! The house rules a machine can see. All of them fail but lengths, which are only reported.

mod arrows;
mod papers;
mod words;

use crate::machine::output;
use crate::{Outcome, root, say};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Lines of a file (without its tests) above which it is reported.
const LONG_FILE: usize = 400;

/// One tracked file that is text.
struct File {
    /// From the root.
    name: PathBuf,
    text: String,
}

/// `cargo xtask tidy`.
pub(crate) fn run() -> Outcome {
    let root = root();
    let files = tracked(&root)?;
    let mut problems = Vec::new();
    arrows::check(&files, &mut problems);
    words::check(&files, &mut problems);
    papers::check(&files, &mut problems);
    let test_modules = test_modules(&files);
    for file in files.iter().filter(|file| is_source(&file.name) && !in_tests(&file.name, &test_modules)) {
        let length = before_tests(&file.text).lines().count();
        if length > LONG_FILE {
            say(&format!("tidy: {}: {length} lines; can one idea leave?", file.name.display()));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

/// All files that git knows or would add, but for those that are no text.
fn tracked(root: &Path) -> Result<Vec<File>, String> {
    let folder = root.to_string_lossy();
    let names =
        output(&["git", "-C", &folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    if names.is_empty() {
        return Err("tidy looks at the files that git tracks: run it in a checkout".to_owned());
    }
    let names: BTreeSet<&str> = names.split('\0').filter(|name| !name.is_empty()).collect();
    let mut files = Vec::new();
    for name in names {
        match std::fs::read(root.join(name)) {
            Ok(bytes) => {
                files.extend(String::from_utf8(bytes).ok().map(|text| File { name: name.into(), text }))
            }
            // Removed but not yet committed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{name}: {error}")),
        }
    }
    Ok(files)
}

fn is_source(name: &Path) -> bool {
    name.extension().is_some_and(|extension| extension == "rs")
}

/// The part of a file before its unit tests.
fn before_tests(text: &str) -> &str {
    let mut starts = text.match_indices("#[cfg(test)]\n");
    let tests = starts.find(|(at, mark)| text[at + mark.len()..].starts_with("mod tests {"));
    tests.map_or(text, |(at, _)| &text[..at])
}

/// Files that are modules for tests only (`#[cfg(test)] mod probe;`).
fn test_modules(files: &[File]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for file in files.iter().filter(|file| is_source(&file.name)) {
        for rest in file.text.split("#[cfg(test)]\n").skip(1) {
            let line = rest.lines().next().unwrap_or_default();
            let module =
                line.trim_start_matches("pub(crate) ").strip_prefix("mod ").and_then(|m| m.strip_suffix(';'));
            found.extend(module.map(|module| file.name.with_file_name(format!("{module}.rs"))));
        }
    }
    found
}

fn in_tests(name: &Path, test_modules: &BTreeSet<PathBuf>) -> bool {
    let folders = ["tests", "benches", "examples", "fuzz"];
    name.components().any(|part| part.as_os_str().to_str().is_some_and(|part| folders.contains(&part)))
        || name.file_name().is_some_and(|file| file == "tests.rs")
        || test_modules.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_of_a_file_are_told_apart() {
        let file = |name: &str, text: &str| File { name: name.into(), text: text.to_owned() };
        let text = "#[cfg(test)]\nmod probe;\nfn a() {}\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(before_tests(text), "#[cfg(test)]\nmod probe;\nfn a() {}\n");
        let modules = test_modules(&[file("rules/x/src/lib.rs", text)]);
        assert!(in_tests(Path::new("rules/x/src/probe.rs"), &modules));
        assert!(in_tests(Path::new("rules/x/tests/a.rs"), &modules));
        assert!(!in_tests(Path::new("rules/x/src/lib.rs"), &modules));
    }
}
