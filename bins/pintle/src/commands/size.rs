use super::build::{explain, say_change};
use super::check::read;
use crate::Outcome;
use crate::arguments::SizeOf;
use crate::environment::{self, Outside};
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::build::{Event, Reports, Request, measure};
use pintle_flows::pin::LockMode;
use pintle_flows::size::{ManifestError, SizeReport, Target, of_manifest, target};
use pintle_model::Size;
use serde_json::json;
use std::fmt::Write as _;
use std::process::ExitCode;

pub(crate) fn run(arguments: &SizeOf, reporter: &Reporter) -> Outcome {
    let report = match target(&arguments.target).map_err(no_manifest)? {
        Target::Manifest(path) => of_manifest(&path).map_err(no_manifest)?,
        Target::Definition => of_definition(arguments, reporter)?,
    };
    reporter.result(&text(&report, arguments.top), &json!(report));
    Ok(ExitCode::SUCCESS)
}

fn no_manifest(error: ManifestError) -> Failure {
    let hint = "measure the definition, or build again: pintle build writes the manifest beside the image";
    Failure::new(FailureKind::BadInput, error).hint(hint)
}

/// Assembles the definition's packages as a build would, and writes nothing but the lock.
fn of_definition(arguments: &SizeOf, reporter: &Reporter) -> Result<SizeReport, Failure> {
    let definition = read(&arguments.target, reporter)?;
    let outside = Outside::new(reporter, arguments.offline)?;
    let agent = environment::agent();
    let request = Request {
        definition: &definition,
        lock_file: arguments.lock_file.as_deref().or(definition.lock_file.as_deref()),
        lock_mode: LockMode::Extend,
        output: &definition.folder,
        shown: &definition.folder,
        formats: &[],
        signing: None,
        reports: Reports::default(),
        agent: agent.as_deref(),
        checksum: false,
    };
    let mut tell = |event: Event| {
        outside.progress().pause(|| match &event {
            Event::Locked(change) => say_change(change, reporter),
            Event::Note(text) => reporter.say(&format!("note: {text}")),
            Event::Step(_) => {}
        });
    };
    let measured = measure(&request, &outside.supply(), &mut tell);
    outside.done();
    measured.map_err(explain)
}

fn text(report: &SizeReport, top: usize) -> String {
    let mut out = format!("{}: {} in {} files\n", report.name, Size(report.bytes), report.files);
    advice(&mut out, report);
    packages(&mut out, report, top);
    let files = report.largest.iter().take(top);
    table(&mut out, "largest files", files.map(|file| (file.bytes, format!("{}  ({})", file.path, file.by))));
    let made = report.made.iter().filter(|made| made.bytes >= 64 << 10);
    table(&mut out, "made by the build", made.map(|made| (made.bytes, made.by.clone())));
    let modules = report.modules.iter().take(top.min(8));
    table(
        &mut out,
        "kernel modules",
        modules.map(|area| (area.bytes, format!("{} ({} files)", area.area, area.files))),
    );
    let rules = report.rules.iter().filter(|rule| rule.on && rule.bytes > 0);
    table(
        &mut out,
        "left out already",
        rules.map(|rule| (rule.bytes, format!("{} ({} files)", rule.rule, rule.files))),
    );
    out
}

fn advice(out: &mut String, report: &SizeReport) {
    if report.advice.is_empty() {
        return;
    }
    out.push_str("\nwhat would save most\n");
    for advice in &report.advice {
        let how = advice.how.replace('\n', " ");
        let _ = writeln!(out, "  {:>10}  {}\n{:>14}{how}", Size(advice.bytes).to_string(), advice.what, "");
    }
}

fn packages(out: &mut String, report: &SizeReport, top: usize) {
    let shown: Vec<_> = report.packages.iter().take(top).collect();
    let width = shown.iter().map(|package| package.name.len()).max().unwrap_or(0).max(7);
    let _ = writeln!(out, "\n  {:>10}  {:>10}  {:<width$}  why", "own", "with it", "package");
    for package in shown {
        let with = match package.packages_with_it {
            0 | 1 => String::new(),
            _ => Size(package.with_it).to_string(),
        };
        let own = Size(package.bytes).to_string();
        let _ = writeln!(out, "  {own:>10}  {with:>10}  {:<width$}  {}", package.name, package.why);
    }
    out.push_str("  (with it: together with the packages that only it needs)\n");
}

fn table(out: &mut String, title: &str, rows: impl Iterator<Item = (u64, String)>) {
    for (index, (bytes, what)) in rows.enumerate() {
        if index == 0 {
            let _ = writeln!(out, "\n{title}");
        }
        let _ = writeln!(out, "  {:>10}  {what}", Size(bytes).to_string());
    }
}
