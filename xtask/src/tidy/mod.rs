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

/// Folders that are no part of the project: git's own, and those that .gitignore names.
const LEFT_BEHIND: [&str; 4] = [".git", "target", "out", "fuzz/corpus"];

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

/// All files of the project that are text: what git knows or would add; in a copy without git, every file but what
/// builds and runs leave behind.
fn tracked(root: &Path) -> Result<Vec<File>, String> {
    let mut names = known_to_git(root);
    if names.is_empty() {
        walk(root, Path::new(""), &mut names).map_err(|error| format!("{}: {error}", root.display()))?;
    }
    let mut files = Vec::new();
    for name in names {
        match std::fs::read(root.join(&name)) {
            Ok(bytes) => files.extend(String::from_utf8(bytes).ok().map(|text| File { name, text })),
            // Removed but not yet committed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{}: {error}", name.display())),
        }
    }
    Ok(files)
}

/// Nothing where there is no git, or no checkout. The owner of the folder is not git's business here.
fn known_to_git(root: &Path) -> BTreeSet<PathBuf> {
    let folder = root.to_string_lossy();
    let words = ["git", "-c", "safe.directory=*", "-C", &folder, "ls-files", "-z", "--cached", "--others"];
    let names = output(&[&words[..], &["--exclude-standard"]].concat());
    names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect()
}

fn walk(root: &Path, folder: &Path, names: &mut BTreeSet<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = folder.join(entry.file_name());
        match entry.file_type()? {
            kind if kind.is_file() => drop(names.insert(name)),
            kind if kind.is_dir() && !LEFT_BEHIND.iter().any(|left| name.ends_with(left)) => {
                walk(root, &name, names)?;
            }
            _ => {}
        }
    }
    Ok(())
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
