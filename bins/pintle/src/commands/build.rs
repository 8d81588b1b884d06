use super::check::read;
use crate::Outcome;
use crate::arguments::Build;
use crate::environment::Outside;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::archive::ArchiveError;
use pintle_flows::build::{BuildError, Built, Event, Request, build};
use pintle_flows::pin::{Change, LockMode, PinError};
use pintle_flows::unpack::UnpackError;
use pintle_model::Size;
use pintle_world::fetch::FetchError;
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(arguments: &Build, reporter: &Reporter) -> Outcome {
    let definition = read(&arguments.definition, reporter)?;
    let outside = Outside::new(reporter, arguments.offline)?;
    let request = Request {
        definition: &definition,
        lock_file: arguments.lock_file.as_deref().or(definition.lock_file.as_deref()),
        lock_mode: if arguments.locked { LockMode::Locked } else { LockMode::Extend },
        output: &arguments.output,
        formats: &arguments.format,
    };
    let mut tell = |event: Event| {
        outside.progress().pause(|| match &event {
            Event::Step(_) => {}
            Event::Locked(change) => say_change(change, reporter),
            Event::Note(text) => reporter.say(&format!("note: {text}")),
        });
    };
    let built = build(&request, &outside.supply(), &mut tell);
    outside.done();
    report(&built.map_err(explain)?, reporter);
    Ok(ExitCode::SUCCESS)
}

fn report(built: &Built, reporter: &Reporter) {
    for finding in &built.findings {
        reporter.say(&format!("note: {}", finding.text));
    }
    let steps: Vec<String> =
        built.steps.iter().map(|(name, took)| format!("{name} {:.2} s", took.as_secs_f64())).collect();
    reporter.say(&format!("time: {}", steps.join(", ")));
    let lines: Vec<String> = built
        .outputs
        .iter()
        .map(|output| format!("wrote {} ({})", output.path.display(), Size(output.size)))
        .collect();
    let steps: Vec<_> =
        built.steps.iter().map(|(name, took)| json!({"step": name, "seconds": took.as_secs_f64()})).collect();
    reporter.result(
        &lines.join("\n"),
        &json!({
            "outputs": built.outputs, "manifest": built.manifest, "disk": built.plan,
            "findings": built.findings, "steps": steps,
        }),
    );
}

/// What became of the lock, in a few lines.
pub(crate) fn say_change(change: &Change, reporter: &Reporter) {
    match change {
        Change::Made { packages } => {
            reporter.say(&format!("made the lock: {packages} packages; keep it with the definition"))
        }
        Change::Changed(diff) if diff.is_empty() => {
            reporter.say("the lock now answers the definition; the packages are the same")
        }
        Change::Changed(diff) => reporter.say(&format!("changed the lock:\n{diff}")),
    }
}

fn explain(error: BuildError) -> Failure {
    match error {
        BuildError::Pin(error) => explain_pin(error),
        BuildError::Copy(_) | BuildError::Recipe(_) | BuildError::Assemble(_) | BuildError::Plan(_) => {
            Failure::new(FailureKind::BadInput, error)
        }
        BuildError::Lint(_) => Failure::new(FailureKind::Refused, error),
        BuildError::Boot(_) | BuildError::Output(_) => Failure::new(FailureKind::Failed, error),
    }
}

/// Kind and next step of everything between a definition and its packages.
pub(crate) fn explain_pin(error: PinError) -> Failure {
    use FailureKind::{BadInput, Failed, Refused};
    let (kind, hint) = match &error {
        PinError::Missing(_) => (BadInput, "pintle lock, and keep the file with the definition"),
        PinError::Outdated(_) => (BadInput, "pintle lock shows and writes what changes"),
        PinError::Lock { .. } => (BadInput, "take it from version control, or remove it and run pintle lock"),
        PinError::Spec(_) | PinError::Unsolvable(_) | PinError::Accounts(_) => (BadInput, ""),
        PinError::Archive(error) => archive(error),
        PinError::Unpack(UnpackError::Fetch { source, .. }) => fetch(source),
        PinError::Unpack(UnpackError::Deb { .. }) => {
            (Refused, "the package is not what a package must be; report it to its maintainer")
        }
        PinError::Unpack(UnpackError::Suite { .. }) => (BadInput, "pintle lock"),
        _ => (Failed, ""),
    };
    let failure = Failure::new(kind, error);
    if hint.is_empty() { failure } else { failure.hint(hint) }
}

fn archive(error: &ArchiveError) -> (FailureKind, &'static str) {
    use FailureKind::{BadInput, Failed, Refused};
    match error {
        ArchiveError::Signature { .. } => (
            Refused,
            "nothing of it was used; try another mirror (`source.mirror`), or add the archive's key (`source.keys`)",
        ),
        ArchiveError::Stale(_) => {
            (Refused, "check this machine's clock, or take another mirror (`source.mirror`)")
        }
        ArchiveError::OtherSuite { .. } | ArchiveError::Unpack { .. } => {
            (Refused, "take another mirror (`source.mirror`)")
        }
        ArchiveError::NoMirror(_)
        | ArchiveError::Mirror { .. }
        | ArchiveError::Component { .. }
        | ArchiveError::Key { .. }
        | ArchiveError::Sources { .. } => (BadInput, ""),
        ArchiveError::Fetch { source, .. } => fetch(source),
        _ => (Failed, ""),
    }
}

/// The text of a fetch error ends with what to do.
fn fetch(error: &FetchError) -> (FailureKind, &'static str) {
    match error {
        FetchError::Mismatch { .. } => (FailureKind::Refused, ""),
        FetchError::Mirror(_) | FetchError::Proxy(_) => (FailureKind::BadInput, ""),
        _ => (FailureKind::Failed, ""),
    }
}
