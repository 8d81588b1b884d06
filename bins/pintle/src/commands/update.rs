use super::build::explain_pin;
use super::check::read;
use super::lock::lock_file;
use crate::Outcome;
use crate::arguments::{Changelogs, Update};
use crate::environment::Outside;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::build::read_recipes;
use pintle_flows::pin::PinError;
use pintle_flows::update::{Changes, Detail, Effect, update};
use serde_json::json;
use std::process::ExitCode;

/// Lines of changelog for each source package unless more are asked for.
const SHORT: usize = 12;

pub(crate) fn run(arguments: &Update, reporter: &Reporter) -> Outcome {
    let definition = read(&arguments.definition, reporter)?;
    let lock_file = lock_file(&definition, arguments.lock_file.as_deref())?;
    let outside = Outside::of(reporter, arguments.offline, arguments.vendor.as_deref())?;
    let recipes =
        read_recipes(&definition.folder).map_err(|error| Failure::new(FailureKind::BadInput, error))?;
    let effect = if arguments.dry_run { Effect::DryRun } else { Effect::Write };
    let updated = update(&definition, lock_file, &arguments.packages, effect, &recipes, &outside.supply());
    outside.done();
    let updated = updated.map_err(explain)?;
    let detail = match arguments.changelog {
        Changelogs::None => Detail::None,
        Changelogs::Short => Detail::Lines(SHORT),
        Changelogs::Full => Detail::Full,
    };
    let changes: &Changes = &updated.changes;
    reporter.result(
        &changes.text(detail),
        &json!({
            "lock": lock_file, "written": updated.differs && effect == Effect::Write,
            "differs": updated.differs, "changes": changes,
        }),
    );
    match (updated.differs, effect) {
        (false, _) => reporter.say("the lock is as new as the archive"),
        (true, Effect::DryRun) => reporter.say("nothing was written"),
        (true, Effect::Write) => reporter.say(&format!("wrote {}", lock_file.display())),
    }
    Ok(ExitCode::SUCCESS)
}

fn explain(error: PinError) -> Failure {
    match &error {
        PinError::NotLocked { .. } => Failure::new(FailureKind::Usage, error).hint(
            "name packages of the lock, binary or source; pintle lock adds what the definition asks for",
        ),
        _ => explain_pin(error),
    }
}
