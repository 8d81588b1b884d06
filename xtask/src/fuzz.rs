//! Every parser of outside bytes against a fuzzer, one after the other.

use crate::machine::{call, output};
use crate::{Outcome, root, say};
use std::path::Path;

/// Seconds for each target where none are given: enough for what a change broke, not for what nobody found before.
const SECONDS: u32 = 30;

/// `cargo xtask fuzz [SECONDS [TARGET…]]`.
pub(crate) fn run(rest: &[&str]) -> Outcome {
    let seconds = match rest.first() {
        Some(text) => text.parse().map_err(|_| format!("`{text}` is not a number of seconds"))?,
        None => SECONDS,
    };
    let folder = root().join("fuzz");
    let all = targets(&folder)?;
    let chosen: Vec<&str> = match rest.get(1..) {
        None | Some([]) => all.iter().map(String::as_str).collect(),
        Some(names) => names.to_vec(),
    };
    if let Some(unknown) = chosen.iter().find(|name| !all.iter().any(|known| known == *name)) {
        return Err(format!("there is no target `{unknown}`; there are {}", all.join(", ")));
    }
    if output(&["cargo", "fuzz", "--version"]).is_empty() {
        call(&["cargo", "install", "--locked", "cargo-fuzz"], &folder)?;
    }
    let mut failed = Vec::new();
    for target in chosen {
        if let Err(reason) = one(&folder, target, seconds) {
            say(&reason);
            failed.push(target);
        }
    }
    match failed[..] {
        [] => Ok(()),
        _ => Err(format!(
            "inputs that break {} are below fuzz/artifacts; docs/fuzzing.md says what next",
            failed.join(", ")
        )),
    }
}

/// Names of the targets, sorted.
fn targets(folder: &Path) -> Result<Vec<String>, String> {
    let sources = folder.join("fuzz_targets");
    let entries = std::fs::read_dir(&sources).map_err(|error| format!("{}: {error}", sources.display()))?;
    let names =
        entries.filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}

/// Runs one target. What it finds interesting is kept in `fuzz/corpus`, what it breaks on in `fuzz/artifacts`.
fn one(folder: &Path, target: &str, seconds: u32) -> Outcome {
    let (corpus, seeds) = (format!("corpus/{target}"), format!("seeds/{target}"));
    for name in [&corpus, &seeds] {
        let path = folder.join(name);
        std::fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    // The instrumentation is an unstable flag of a stable compiler. No sanitizer: there is no unsafe code of ours.
    let command =
        ["env", "RUSTC_BOOTSTRAP=1", "cargo", "fuzz", "run", "--sanitizer", "none", target, &corpus, &seeds];
    let time = format!("-max_total_time={seconds}");
    // Writers need some length before there is a tree at all; for parsers, short first is the better way.
    let lengths = if target.ends_with("_write") { "-len_control=0" } else { "-len_control=100" };
    let limits = ["--", &time, "-timeout=10", "-rss_limit_mb=2048", "-max_len=65536", lengths];
    let words: Vec<&str> = command.into_iter().chain(limits).collect();
    call(&words, folder)
}
