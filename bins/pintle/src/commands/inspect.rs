use crate::Outcome;
use crate::arguments::Inspect;
use crate::environment::{open_cache, threads};
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::image::ImageError;
use pintle_flows::inspect::{InspectError, inspect};
use pintle_world::Store;
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(arguments: &Inspect, reporter: &Reporter) -> Outcome {
    let store = Store::open(&open_cache()?);
    let found = inspect(&arguments.image, &store, threads()).map_err(explain)?;
    reporter.result(&found.text(), &json!(found));
    let refused = !found.problems.is_empty();
    Ok(if refused { FailureKind::Refused.status() } else { ExitCode::SUCCESS })
}

fn explain(error: InspectError) -> Failure {
    match error {
        error @ (InspectError::Open(ImageError::Missing(_)) | InspectError::Unknown(_)) => {
            Failure::new(FailureKind::Usage, error).hint("name a disk image that is raw or qcow2")
        }
        error => Failure::new(FailureKind::BadInput, error),
    }
}
