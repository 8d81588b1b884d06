use super::check::read;
use super::elsewhere;
use crate::Outcome;
use crate::arguments::{Build, BuilderPlace, Sbom};
use crate::environment::{self, Outside};
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::archive::ArchiveError;
use pintle_flows::build::{BuildError, Built, Event, Reports, Request, build};
use pintle_flows::closure::ClosureError;
use pintle_flows::pin::{Change, LockMode, PinError};
use pintle_flows::remote::Traffic;
use pintle_flows::unpack::UnpackError;
use pintle_model::{SbomFormat, Size};
use pintle_world::fetch::FetchError;
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(arguments: &Build, reporter: &Reporter) -> Outcome {
    let definition = match super::closure::definition(&arguments.closure)? {
        Some(definition) => definition,
        None => read(&arguments.definition, reporter)?,
    };
    let outside = Outside::of(reporter, arguments.offline, arguments.vendor.as_deref())?;
    let signing = super::signing::of_build(arguments, &definition, reporter)?;
    let sbom: Vec<SbomFormat> = arguments.sbom.iter().filter_map(|sbom| sbom_format(*sbom)).collect();
    let agent = arguments.agent.clone().or_else(environment::agent);
    let request = Request {
        definition: &definition,
        lock_file: arguments.lock_file.as_deref().or(definition.lock_file.as_deref()),
        lock_mode: if arguments.locked { LockMode::Locked } else { LockMode::Extend },
        output: &arguments.output,
        shown: &arguments.output,
        formats: &arguments.format,
        signing: signing.as_ref(),
        reports: Reports {
            sbom: (!arguments.sbom.is_empty()).then_some(&sbom),
            no_page: arguments.no_report,
        },
        agent: agent.as_deref(),
        checksum: !arguments.no_checksum,
    };
    let mut tell = |event: Event| {
        outside.progress().pause(|| match &event {
            Event::Step(_) => {}
            Event::Locked(change) => say_change(change, reporter),
            Event::Note(text) => reporter.say(&format!("note: {text}")),
        });
    };
    let done = match &arguments.elsewhere.builder {
        BuilderPlace::Here => {
            build(&request, &outside.supply(), &mut tell).map(|built| (built, None)).map_err(explain)
        }
        BuilderPlace::There(address) => {
            elsewhere::build(arguments, address, &request, &outside.supply(), &mut tell)
                .map(|(built, traffic)| (built, Some(traffic)))
        }
    };
    outside.done();
    let (built, traffic) = done?;
    report(&built, traffic.as_ref(), reporter);
    Ok(ExitCode::SUCCESS)
}

fn sbom_format(wanted: Sbom) -> Option<SbomFormat> {
    match wanted {
        Sbom::Spdx => Some(SbomFormat::Spdx),
        Sbom::Cyclonedx => Some(SbomFormat::CycloneDx),
        Sbom::None => None,
    }
}

/// What the rules of the definition saved, in one line.
fn say_slimmed(built: &Built, reporter: &Reporter) {
    let saved: u64 = built.slimmed.iter().map(|rule| rule.bytes).sum();
    if saved > 0 {
        let rules = built.slimmed.iter().filter(|rule| rule.bytes > 0);
        let rules: Vec<String> = rules.map(|rule| format!("{} {}", rule.rule, Size(rule.bytes))).collect();
        reporter.say(&format!("left out {}: {}", Size(saved), rules.join(", ")));
    }
}

fn report(built: &Built, traffic: Option<&Traffic>, reporter: &Reporter) {
    traffic.into_iter().for_each(|traffic| reporter.say(&elsewhere::said(traffic)));
    for finding in &built.findings {
        reporter.say(&format!("note: {}", finding.text));
    }
    say_slimmed(built, reporter);
    let steps: Vec<String> =
        built.steps.iter().map(|(name, took)| format!("{name} {:.2} s", took.as_secs_f64())).collect();
    reporter.say(&format!("time: {}", steps.join(", ")));
    let lines =
        built.outputs.iter().map(|output| format!("wrote {} ({})", output.path.display(), Size(output.size)));
    let reports = built.reports.iter().map(|report| format!("wrote {}", report.path.display()));
    let lines: Vec<String> = lines.chain(reports).collect();
    let steps: Vec<_> =
        built.steps.iter().map(|(name, took)| json!({"step": name, "seconds": took.as_secs_f64()})).collect();
    let mut machine = json!({
        "outputs": built.outputs, "manifest": built.manifest, "reports": built.reports,
        "slimmed": built.slimmed, "disk": built.plan,
        "findings": built.findings, "next": built.next, "steps": steps,
    });
    if let Some(traffic) = traffic {
        machine["builder"] = json!(traffic);
    }
    reporter.result(&lines.join("\n"), &machine);
    for next in &built.next {
        reporter.say(&format!("next, for {}:", next.format));
        for step in &next.steps {
            reporter.say(&format!("  # {}\n  {}", step.purpose, step.command));
        }
    }
}

/// What became of the lock, in a few lines.
pub(crate) fn say_change(change: &Change, reporter: &Reporter) {
    match change {
        Change::Made { packages, paths: 0 } => {
            reporter.say(&format!("made the lock: {packages} packages; keep it with the definition"))
        }
        Change::Made { packages, paths } => reporter.say(&format!(
            "made the lock: {paths} store paths, and {packages} packages to start them; keep it with the definition"
        )),
        Change::Changed(diff) if diff.is_empty() => {
            reporter.say("the lock now answers the definition; the packages are the same")
        }
        Change::Changed(diff) => reporter.say(&format!("changed the lock:\n{diff}")),
    }
}

pub(crate) fn explain(error: BuildError) -> Failure {
    let next = error.next_step();
    let failure = match error {
        error if error.is_refusal() => Failure::new(FailureKind::Refused, error),
        BuildError::Pin(error) => explain_pin(error),
        BuildError::Stopped => stopped(),
        BuildError::Copy(_)
        | BuildError::Recipe(_)
        | BuildError::Assemble(_)
        | BuildError::Container(_)
        | BuildError::Plan(_) => Failure::new(FailureKind::BadInput, error),
        BuildError::Agent(_)
        | BuildError::Lint(_)
        | BuildError::Boot(_)
        | BuildError::Compress(_)
        | BuildError::Output(_)
        | BuildError::Report(_) => Failure::new(FailureKind::Failed, error),
    };
    next.into_iter().fold(failure, Failure::hint)
}

/// Ctrl-C.
fn stopped() -> Failure {
    Failure::new(
        FailureKind::Failed,
        "stopped; what was downloaded is kept, and the next run goes on from there",
    )
}

/// Kind and next step of everything between a definition and its packages.
pub(crate) fn explain_pin(error: PinError) -> Failure {
    use FailureKind::{BadInput, Failed, Refused};
    let (kind, hint) = match &error {
        PinError::Closure(ClosureError::Stopped)
        | PinError::Archive(ArchiveError::Fetch { source: FetchError::Cancelled, .. })
        | PinError::Unpack(UnpackError::Stopped | UnpackError::Fetch { source: FetchError::Cancelled, .. }) =>
        {
            return stopped();
        }
        PinError::Unpack(UnpackError::Fetch { source: FetchError::NotFound(place), .. })
            if place.starts_with('/') =>
        {
            (
                Failed,
                "the folder lacks a package of the lock: pintle vendor fills it where there is a network",
            )
        }
        PinError::Unpack(UnpackError::Fetch { source: FetchError::NotFound(_), .. }) => (
            Failed,
            "mirrors drop old versions: pintle update takes those of today, `source.snapshot` names an archive of all",
        ),
        PinError::Archive(ArchiveError::Fetch { source: FetchError::NotFound(_), .. }) => {
            (Failed, "check the mirror (`source.mirror`) and the name of the suite")
        }
        PinError::Closure(error) => closure(error),
        PinError::Missing(_) => (BadInput, "pintle lock, and keep the file with the definition"),
        PinError::Outdated(_) => (BadInput, "pintle lock shows and writes what changes"),
        PinError::Lock { .. } => (BadInput, "take it from version control, or remove it and run pintle lock"),
        PinError::Spec(_) | PinError::Unsolvable(_) | PinError::Accounts(_) => (BadInput, ""),
        PinError::Archive(error) => archive(error),
        PinError::Unpack(UnpackError::Fetch { source, .. }) => fetch(source),
        PinError::NotText(_) => (BadInput, "take it from version control, or remove it and run pintle lock"),
        PinError::Unpack(UnpackError::Keep { .. }) => {
            (Failed, "PINTLE_CACHE_DIR names another folder for the cache")
        }
        PinError::Unpack(UnpackError::Deb { .. }) => {
            (Refused, "the package is not what a package must be; report it to its maintainer")
        }
        PinError::Unpack(UnpackError::Suite { .. }) => (BadInput, "pintle lock"),
        _ => (Failed, ""),
    };
    let failure = Failure::new(kind, error);
    if hint.is_empty() { failure } else { failure.hint(hint) }
}

fn closure(error: &ClosureError) -> (FailureKind, &'static str) {
    use FailureKind::{BadInput, Failed, Refused};
    match error {
        ClosureError::Untrusted { .. }
        | ClosureError::Unpack { .. }
        | ClosureError::Other { .. }
        | ClosureError::CacheInfo { .. }
        | ClosureError::NarInfo { .. } => (Refused, ""),
        ClosureError::Closure(pintle_flows::closure::BadClosure::Secrets { .. })
        | ClosureError::OtherProgram { .. } => (Refused, ""),
        ClosureError::NoSystem { .. }
        | ClosureError::Path(_)
        | ClosureError::Key(_)
        | ClosureError::Cache(_)
        | ClosureError::Registration { .. }
        | ClosureError::BootFiles { .. }
        | ClosureError::BootFile { .. }
        | ClosureError::Closure(_) => (BadInput, ""),
        ClosureError::Absent { .. } => (
            Failed,
            "build or copy it (`nix build`, `nix copy`), or name a cache that has it (`source.nix-caches`)",
        ),
        ClosureError::Gone { .. } => {
            (Failed, "nix-store --repair-path PATH, or `nix-store --verify --check-contents`")
        }
        ClosureError::Keep { .. } => (Failed, "PINTLE_CACHE_DIR names another folder for the cache"),
        ClosureError::Fetch { source: FetchError::NotFound(_), .. } => (
            Failed,
            "the cache knows the path but has lost its archive: name another cache that has it (`source.nix-caches`)",
        ),
        ClosureError::Fetch { source, .. } => fetch(source),
        _ => (Failed, ""),
    }
}

fn archive(error: &ArchiveError) -> (FailureKind, &'static str) {
    use FailureKind::{BadInput, Failed, Refused};
    match error {
        ArchiveError::Signature { .. } => (
            Refused,
            "nothing of it was used; try another mirror (`source.mirror`), or add the archive's key (`source.keys`)",
        ),
        // It says so itself.
        ArchiveError::Stale(_) => (Refused, ""),
        ArchiveError::OtherSuite { .. } | ArchiveError::Unpack { .. } => {
            (Refused, "take another mirror (`source.mirror`)")
        }
        ArchiveError::NoMirror(_)
        | ArchiveError::Mirror { .. }
        | ArchiveError::Component { .. }
        | ArchiveError::Key { .. }
        | ArchiveError::NoKey(_)
        | ArchiveError::Sources { .. } => (BadInput, ""),
        ArchiveError::Fetch { source, .. } => fetch(source),
        _ => (Failed, ""),
    }
}

/// The text of a fetch error ends with what to do.
fn fetch(error: &FetchError) -> (FailureKind, &'static str) {
    match error {
        FetchError::Mismatch { .. } | FetchError::Size { .. } | FetchError::Encoded(_) => {
            (FailureKind::Refused, "")
        }
        FetchError::Mirror(_) | FetchError::Proxy(_) => (FailureKind::BadInput, ""),
        _ => (FailureKind::Failed, ""),
    }
}
