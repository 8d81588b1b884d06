//! `pintle`: build, boot and look after declarative Linux servers. This program parses arguments, calls one flow,
//! and prints a report; nothing is decided here.

mod arguments;
mod commands;
mod environment;
mod progress;
mod report;

use arguments::{Cli, Command};
use clap::Parser as _;
use report::{Failure, Reporter};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let reporter = Reporter::new(cli.json, cli.quiet);
    let outcome = match &cli.command {
        Command::New(arguments) => commands::new::run(arguments, &reporter),
        Command::Check(arguments) => commands::check::run(arguments, &reporter),
        Command::Show(arguments) => commands::show::run(arguments, &reporter),
        Command::Explain(arguments) => commands::explain::run(arguments, &reporter),
        Command::Options(arguments) => commands::options::run(arguments, &reporter),
        Command::Lock(arguments) => commands::lock::run(arguments, &reporter),
        Command::Update(arguments) => commands::update::run(arguments, &reporter),
        Command::Why(arguments) => commands::why::run(arguments, &reporter),
        Command::Diff(arguments) => commands::diff::run(arguments, &reporter),
        Command::Vendor(arguments) => commands::vendor::run(arguments, &reporter),
        Command::Build(arguments) => commands::build::run(arguments, &reporter),
        Command::Inspect(arguments) => commands::inspect::run(arguments, &reporter),
        Command::Size(arguments) => commands::size::run(arguments, &reporter),
        Command::Recipe(command) => commands::recipe::run(command, &reporter),
        Command::Cache(arguments::Cache::Push(arguments)) => commands::cache::push(arguments, &reporter),
        Command::Keys(command) => commands::keys::run(command, &reporter),
        Command::InstallBootspec(arguments) => commands::install_bootspec::run(arguments, &reporter),
        Command::Run(arguments) => commands::run::run(arguments, &reporter),
        Command::Ssh(arguments) => commands::ssh::run(arguments, &reporter),
        Command::Mkfs(arguments) => commands::mkfs::run(arguments, &reporter),
        Command::Verity(command) => commands::verity::run(command, &reporter),
        Command::Completions(arguments) => commands::completions::run(arguments, &reporter),
        Command::Docs(arguments) => commands::docs::run(arguments, &reporter),
        Command::ServeBuild => commands::elsewhere::serve(),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => reporter.fail(&failure),
    }
}

/// What every command returns: an exit status, or why there is none.
type Outcome = Result<ExitCode, Failure>;
