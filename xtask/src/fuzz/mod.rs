//! Every parser of outside bytes against a fuzzer: each for a while, or those that had the least time first.

mod kept;
mod ledger;

use crate::machine::{call, need, output};
use crate::{Outcome, root, say};
use ledger::{Ledger, Share};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Seconds for each target where none are given: enough for what a change broke, not for what nobody found before.
const SECONDS: u32 = 30;
/// Longest turn of one target when a budget is divided: short enough that a stopped run has given to many.
const TURN: u64 = 120;

const USAGE: &str =
    "fuzz [SECONDS [TARGET…]] | fuzz --budget SECONDS --date YYYY-MM-DD [TARGET…] | fuzz --keep [TARGET…]";

/// `cargo xtask fuzz …`, as [`USAGE`] has it.
pub(crate) fn run(rest: &[&str]) -> Outcome {
    let folder = root().join("fuzz");
    match rest {
        ["--budget", seconds, "--date", date, names @ ..] => {
            let budget = Duration::from_secs(number(seconds)?);
            ledger::check_date(date)?;
            Bench::new(folder, names)?.divide(budget, date)
        }
        ["--keep", names @ ..] => Bench::new(folder, names)?.keep(),
        [option, ..] if option.starts_with('-') => Err(format!("cargo xtask {USAGE}")),
        [] => Bench::new(folder, &[])?.each(SECONDS.into()),
        [seconds, names @ ..] => Bench::new(folder, names)?.each(number(seconds)?),
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number of seconds"))
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

/// Built targets, ready to run.
struct Bench {
    /// `fuzz/`.
    folder: PathBuf,
    /// Where the programs are.
    programs: PathBuf,
    chosen: Vec<String>,
}

impl Bench {
    /// Builds everything; of no names, all.
    fn new(folder: PathBuf, names: &[&str]) -> Result<Self, String> {
        let all = targets(&folder)?;
        if let Some(unknown) = names.iter().find(|name| !all.iter().any(|known| known == *name)) {
            return Err(format!("there is no target `{unknown}`; there are {}", all.join(", ")));
        }
        need(&["tar", "zstd"])?;
        if output(&["cargo", "fuzz", "--version"]).is_empty() {
            call(&["cargo", "install", "--locked", "cargo-fuzz"], &folder)?;
        }
        // The instrumentation is an unstable flag of a stable compiler. No sanitizer: there is no unsafe code of ours.
        let mut build = vec!["env", "RUSTC_BOOTSTRAP=1", "cargo", "fuzz", "build", "--sanitizer", "none"];
        build.extend(names.iter().filter(|_| names.len() == 1));
        call(&build, &folder)?;
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| folder.join("target"), PathBuf::from);
        let host = output(&["rustc", "-vV"]);
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
        let programs = target.join(host).join("release");
        let chosen = if names.is_empty() { all } else { names.iter().map(|&name| name.to_owned()).collect() };
        Ok(Self { folder, programs, chosen })
    }

    /// So many seconds for each, one after the other.
    fn each(&self, seconds: u64) -> Outcome {
        let failed = self.chosen.iter().filter(|target| match self.one(target, seconds) {
            Ok(share) => !share.sound,
            Err(reason) => {
                say(&reason);
                true
            }
        });
        sound(failed.map(String::as_str).collect())
    }

    /// Gives turns to the targets that had the least time until `budget` is used up; notes each turn in the ledger,
    /// then keeps what was found.
    fn divide(&self, budget: Duration, date: &str) -> Outcome {
        let start = Instant::now();
        let path = self.folder.join("ledger.toml");
        let (mut ran, mut failed) = (Vec::new(), Vec::new());
        while let Some(left) = budget.checked_sub(start.elapsed()).filter(|left| left.as_secs() > 0) {
            // Read each time: another run may have written it.
            let mut ledger = Ledger::read(&path)?;
            let healthy = self.chosen.iter().filter(|target| !failed.contains(*target));
            let Some(target) = healthy.min_by_key(|target| ledger.seconds(target)) else { break };
            let share = self.one(target, left.as_secs().min(TURN))?;
            if share.sound {
                ledger.add(target, &share, date);
                ledger.write(&path)?;
            } else {
                failed.push(target.clone());
            }
            if !ran.contains(target) {
                ran.push(target.clone());
            }
        }
        for target in &ran {
            kept::pack(&self.folder, &self.programs, target)?;
        }
        sound(failed.iter().map(String::as_str).collect())
    }

    fn keep(&self) -> Outcome {
        self.chosen.iter().try_for_each(|target| {
            kept::unpack(&self.folder, target)?;
            kept::pack(&self.folder, &self.programs, target)
        })
    }

    /// Runs one target. What it finds interesting goes to `fuzz/corpus`, what it breaks on to `fuzz/artifacts`.
    fn one(&self, target: &str, seconds: u64) -> Result<Share, String> {
        kept::unpack(&self.folder, target)?;
        let (corpus, seeds) = (format!("corpus/{target}"), format!("seeds/{target}"));
        let artifacts = format!("artifacts/{target}/");
        for name in [&corpus, &seeds, &artifacts] {
            make(&self.folder.join(name))?;
        }
        let program = self.programs.join(target);
        say(&format!("$ {} ({seconds} s)", program.display()));
        let before = ledger::processor_seconds();
        let run = Command::new(&program)
            .current_dir(&self.folder)
            .args([
                &corpus,
                &seeds,
                &format!("-max_total_time={seconds}"),
                &format!("-artifact_prefix={artifacts}"),
            ])
            .args(["-print_final_stats=1", "-timeout=10", "-rss_limit_mb=2048", "-max_len=65536"])
            .args(lengths(target))
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        let text = String::from_utf8_lossy(&run.stderr);
        if !run.status.success() {
            let tail: Vec<&str> = text.lines().rev().take(40).collect();
            tail.iter().rev().for_each(|line| say(line));
        }
        let executions = text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        Ok(Share {
            seconds: ledger::processor_seconds() - before,
            executions: executions.and_then(|number| number.trim().parse().ok()).unwrap_or(0),
            sound: run.status.success(),
        })
    }
}

/// Writers need some length before there is a tree at all; for parsers, short first is the better way.
fn lengths(target: &str) -> [&'static str; 1] {
    if target.ends_with("_write") { ["-len_control=0"] } else { ["-len_control=100"] }
}

fn make(folder: &Path) -> Outcome {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

fn sound(failed: Vec<&str>) -> Outcome {
    if failed.is_empty() {
        return Ok(());
    }
    let names = failed.join(", ");
    Err(format!("inputs that break {names} are below fuzz/artifacts; docs/fuzzing.md says what next"))
}
