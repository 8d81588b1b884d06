//! `pintle-agent`: the part of Pintle that lives in a system. This program parses arguments, calls one flow, and prints a
//! report; nothing is decided here.

mod arguments;
mod commands;
#[cfg(feature = "docs")]
mod docs;
mod report;

use arguments::{Cli, Command};
use clap::Parser as _;
use pintle_machine::Machine;
use report::{Failure, Reporter};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let reporter = Reporter::new(cli.json);
    let machine = Machine::default();
    let outcome = match &cli.command {
        Command::Health(arguments) => commands::health::run(arguments, &machine, &reporter),
        Command::Bless => commands::bless::run(&machine, &reporter),
        Command::Status => commands::status::run(&machine, &reporter),
        Command::Attest(arguments) => commands::attest::run(arguments, &machine, &reporter),
        Command::Drift => commands::drift::run(&machine, &reporter),
        #[cfg(feature = "docs")]
        Command::Docs { folder, check } => docs::run(folder, *check),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => reporter.fail(&failure),
    }
}

/// What every command returns: an exit status, or why there is none.
type Outcome = Result<ExitCode, Failure>;
