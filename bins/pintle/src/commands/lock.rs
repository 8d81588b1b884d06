use super::build::{explain_pin, say_change};
use super::check::read;
use crate::Outcome;
use crate::arguments::Lock;
use crate::environment::Outside;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::build::read_recipes;
use pintle_flows::definition::Definition;
use pintle_flows::pin::{Change, LockMode, pin};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(arguments: &Lock, reporter: &Reporter) -> Outcome {
    let definition = read(&arguments.definition, reporter)?;
    let lock_file = lock_file(&definition, arguments.lock_file.as_deref())?;
    let outside = Outside::of(reporter, arguments.offline, arguments.vendor.as_deref())?;
    let recipes =
        read_recipes(&definition.folder).map_err(|error| Failure::new(FailureKind::BadInput, error))?;
    let pinned = pin(&definition, Some(lock_file), LockMode::Extend, &recipes, &outside.supply());
    outside.done();
    let pinned = pinned.map_err(explain_pin)?;
    match &pinned.change {
        Some(change) => say_change(change, reporter),
        None => reporter
            .say("the lock answers the definition; nothing was changed (pintle update takes newer versions)"),
    }
    let changed = match &pinned.change {
        None => false,
        Some(Change::Made { .. }) => true,
        Some(Change::Changed(diff)) => !diff.is_empty(),
    };
    let packages = pinned.lock.packages.len();
    let text = format!("{}: {packages} packages", lock_file.display());
    reporter.result(&text, &json!({"lock": lock_file, "packages": packages, "changed": changed}));
    Ok(ExitCode::SUCCESS)
}

/// The lock that is meant: the one given, else the one next to the definition.
pub(crate) fn lock_file<'a>(
    definition: &'a Definition,
    given: Option<&'a Path>,
) -> Result<&'a Path, Failure> {
    given.or(definition.lock_file.as_deref()).ok_or_else(|| {
        Failure::new(FailureKind::Usage, "a definition from standard input has no place for a lock")
            .hint("name one with --lock-file PATH")
    })
}
