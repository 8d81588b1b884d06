use crate::Outcome;
use crate::arguments::{Cli, Completions};
use crate::report::Reporter;
use clap::CommandFactory as _;
use std::process::ExitCode;

pub(crate) fn run(arguments: &Completions, reporter: &Reporter) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "pintle", &mut script);
    reporter.print(&String::from_utf8_lossy(&script));
    Ok(ExitCode::SUCCESS)
}
