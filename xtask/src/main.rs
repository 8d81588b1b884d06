//! The project's chores, one word each: `cargo xtask try | test | tidy | docs | recipes | fuzz | bench`.

mod bench;
mod docs;
mod fuzz;
mod machine;
mod recipes;
mod test;
mod tidy;
mod tryout;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Every chore ends in this: the text is all there is to say.
type Outcome = Result<(), String>;

const HELP: &str = "\
cargo xtask CHORE

  try    build the example web server from the real archive and boot it until its page answers
  test   install what the tests judge with, then run every check and test
  tidy   the house rules a machine can see: layer arrows, words, papers; long files are only reported
  docs   write the option reference, the manual pages and the command reference (--check: fail if they differ)
  fuzz   every parser of outside bytes against a fuzzer: fuzz [SECONDS EACH [TARGET…]], fuzz --budget SECONDS --date DAY
  recipes  how many of the most installed server packages build: docs/recipes-coverage.md
  bench  time Pintle and its peers in the same run and write docs/benchmarks.md (about half an hour, needs root)
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let rest: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let outcome = match words.first().map(String::as_str) {
        Some("try") => tryout::run(&rest),
        Some("test") => test::run(&rest),
        Some("tidy") => tidy::run(),
        Some("docs") => docs::run(&rest),
        Some("recipes") => recipes::run(&rest),
        Some("fuzz") => fuzz::run(&rest),
        Some("bench") => bench::run(&rest),
        Some("-h" | "--help" | "help") => {
            say(HELP);
            Ok(())
        }
        _ => Err(HELP.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            say(&message);
            ExitCode::FAILURE
        }
    }
}

/// Progress of a chore goes to standard error; standard output belongs to the tools it calls.
#[expect(clippy::print_stderr, reason = "the one place of this program that talks")]
fn say(text: &str) {
    eprintln!("{}", text.trim_end());
}

/// The root of the checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}
