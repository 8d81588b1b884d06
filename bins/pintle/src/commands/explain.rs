use super::check::read;
use crate::Outcome;
use crate::arguments::Explain;
use crate::report::{Failure, FailureKind, Reporter};
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(arguments: &Explain, reporter: &Reporter) -> Outcome {
    let definition = read(&arguments.definition, reporter)?;
    let Some(evaluation) = definition.evaluation() else {
        let message = "an evaluated document does not say where its values come from";
        return Err(Failure::new(FailureKind::Usage, message).hint("explain the definition it was made from"));
    };
    let explanation = evaluation
        .explain(&arguments.option)
        .map_err(|error| Failure::new(FailureKind::Usage, error).hint("pintle options lists all of them"))?;
    reporter.result(&explanation.to_string(), &json!(explanation));
    Ok(ExitCode::SUCCESS)
}
