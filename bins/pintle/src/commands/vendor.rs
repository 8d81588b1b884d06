use super::build::explain_pin;
use super::check::read;
use super::lock::lock_file;
use crate::Outcome;
use crate::arguments::Vendor;
use crate::environment::Outside;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::vendor::{Leftovers, VendorError, Vendored, vendor};
use pintle_model::Size;
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(arguments: &Vendor, reporter: &Reporter) -> Outcome {
    let definition = read(&arguments.definition, reporter)?;
    let lock_file = lock_file(&definition, arguments.lock_file.as_deref())?;
    let outside = Outside::new(reporter, arguments.offline)?;
    let leftovers = if arguments.prune { Leftovers::Prune } else { Leftovers::Keep };
    let vendored = vendor(&definition, lock_file, &arguments.folder, leftovers, &outside.supply());
    outside.done();
    let vendored = vendored.map_err(explain)?;
    for suite in &vendored.moved_on {
        reporter.say(&format!(
            "note: suite {suite} has moved on since it was locked: the lock builds from the folder for ever, but can be \
             extended from it only until the suite's signature expires; pintle update, then vendor, for a whole one"
        ));
    }
    reporter.result(&text(&vendored), &json!(vendored));
    Ok(ExitCode::SUCCESS)
}

fn text(vendored: &Vendored) -> String {
    let Vendored { folder, packages, bytes, written, kept, removed, .. } = vendored;
    let mut text =
        format!("{}: {packages} packages ({}), {written} files written", folder.display(), Size(*bytes));
    if *kept > 0 {
        text += &format!(", {kept} there already");
    }
    if !removed.is_empty() {
        text += &format!(", {} removed", removed.len());
    }
    format!("{text}\nbuild from it with: pintle build --locked --vendor {}", folder.display())
}

fn explain(error: VendorError) -> Failure {
    match error {
        VendorError::Pin(error) => explain_pin(error),
        error @ VendorError::NotOurs(_) => {
            Failure::new(FailureKind::Usage, error).hint("name a new or an empty folder")
        }
        error @ (VendorError::Collision { .. } | VendorError::Closure) => {
            Failure::new(FailureKind::BadInput, error)
        }
        error => Failure::new(FailureKind::Failed, error),
    }
}
