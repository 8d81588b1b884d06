use super::check::read;
use crate::Outcome;
use crate::arguments::DefinitionOnly;
use crate::report::Reporter;
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(arguments: &DefinitionOnly, reporter: &Reporter) -> Outcome {
    let definition = read(&arguments.definition, reporter)?;
    reporter.print(&format!("{:#}", json!(definition.system())));
    Ok(ExitCode::SUCCESS)
}
