use crate::Outcome;
use crate::arguments::Diff;
use crate::environment::open_cache;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::definition::DefinitionError;
use pintle_flows::diff::{Detail, DiffError, diff};
use pintle_world::Store;
use serde_json::json;
use std::process::ExitCode;

/// Files listed that no changed package explains.
const LISTED: usize = 40;

pub(crate) fn run(arguments: &Diff, reporter: &Reporter) -> Outcome {
    let store = Store::open(&open_cache()?);
    let differences = diff(&arguments.a, &arguments.b, &store).map_err(explain)?;
    let detail = if arguments.files { Detail::AllFiles } else { Detail::Surprises(LISTED) };
    reporter.result(&differences.text(detail), &json!(differences));
    let differs = arguments.exit_code && !differences.is_empty();
    Ok(if differs { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn explain(error: DiffError) -> Failure {
    match error {
        DiffError::Definition(DefinitionError::Problems(found)) => super::check::problems(&found),
        error @ (DiffError::Missing(_) | DiffError::Unknown(_)) => Failure::new(FailureKind::Usage, error)
            .hint("name two definitions, locks (*.lock), manifests (NAME.json) or images (raw, qcow2)"),
        DiffError::Lock(error) => super::build::explain_pin(error),
        error => Failure::new(FailureKind::BadInput, error),
    }
}
