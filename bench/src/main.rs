//! Times Pintle and its peers in the same run, on the same packages from the same mirror, and writes the page that
//! shows the ratios. `cargo xtask bench` builds what this needs and calls it.
//!
//! A [`case::Case`] is one question ("from a lock to an image: how long?") with one row for each program that answers
//! it. Rows are timed in turn (A B C, A B C …), so that a machine which slows down slows all of them.

mod case;
mod closure;
mod enlarge;
mod machine;
mod measure;
mod mirror;
mod ours;
mod page;
mod peers;

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// Times Pintle beside its peers.
#[derive(Debug, Parser)]
pub(crate) struct Cli {
    /// The program to time
    #[arg(long)]
    pintle: PathBuf,
    /// Folder for everything that is made; on a tmpfs, or the disk is timed too
    #[arg(long, default_value = "/dev/shm/pintle-bench")]
    work: PathBuf,
    /// Counted runs of each row, after one that is not
    #[arg(long, short = 'n', default_value_t = 5)]
    runs: usize,
    /// Only cases whose name contains this; may be repeated
    #[arg(long)]
    only: Vec<String>,
    /// Leave out what needs root and another Debian: mmdebstrap and mkosi
    #[arg(long)]
    no_peers: bool,
    /// Megabytes (10^6 bytes) of the closure in the cases `closure` and `closure-cache`; goals are for 2000
    #[arg(long, default_value_t = 2000)]
    closure_mb: u64,
    /// The page to write; standard output unless given
    #[arg(long)]
    page: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), String> {
    let place = machine::Place::new(&cli.work, &cli.pintle)?;
    let mirror = mirror::Mirror::start(&place.work.join("mirror"), &machine::mirror()?)?;
    let wanted = |name: &str| cli.only.is_empty() || cli.only.iter().any(|only| name.contains(only.as_str()));
    let peers = if cli.no_peers { None } else { Some(peers::Peers::new(&place, &mirror.uri())?) };
    let ours = ours::Ours::new(&place, &mirror.uri())?;
    let mut cases = ours.cases();
    if let Some(peers) = &peers {
        for case in &mut cases {
            peers.add_to(case);
        }
    }
    if closure::CASES.iter().any(|name| wanted(name)) {
        cases.extend(closure::Closure::new(&place, &mirror.uri(), cli.closure_mb)?.cases());
    }
    cases.retain(|case| wanted(case.name));
    let results = case::measure(&cases, cli.runs)?;
    let text = page::text(&cases, &results, &machine::describe(&place));
    match &cli.page {
        Some(path) => std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display())),
        None => {
            print(&text);
            Ok(())
        }
    }
}

#[expect(clippy::print_stderr, reason = "the one place of this program that talks")]
pub(crate) fn say(text: &str) {
    eprintln!("{}", text.trim_end());
}

#[expect(clippy::print_stdout, reason = "the page is what this program is for")]
fn print(text: &str) {
    println!("{text}");
}
