use super::build::explain_pin;
use super::check::read;
use super::lock::lock_file;
use crate::Outcome;
use crate::arguments::Why;
use crate::environment::Outside;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::why::{WhyError, why};
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(arguments: &Why, reporter: &Reporter) -> Outcome {
    let definition = read(&arguments.definition, reporter)?;
    let lock_file = lock_file(&definition, arguments.lock_file.as_deref())?;
    let outside = Outside::of(reporter, arguments.offline, arguments.vendor.as_deref())?;
    let answer = why(&definition, lock_file, &arguments.package, &outside.supply());
    outside.done();
    let answer = answer.map_err(|error| match error {
        WhyError::Pin(error) => explain_pin(error),
        WhyError::NotThere(error) => Failure::new(FailureKind::Usage, error),
    })?;
    if answer.outdated {
        reporter.say(
            "note: the definition has changed since the lock was made; pintle lock brings them together",
        );
    }
    let text: Vec<String> = answer.whys.iter().map(ToString::to_string).collect();
    reporter.result(&text.join("\n"), &json!({"why": answer.whys, "outdated": answer.outdated}));
    Ok(ExitCode::SUCCESS)
}
