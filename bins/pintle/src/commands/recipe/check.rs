use super::explain;
use crate::Outcome;
use crate::arguments::DefinitionOnly;
use crate::environment::Outside;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::build::read_recipes;
use pintle_flows::recipe::{Checked, check};
use serde_json::json;
use std::fmt::Write as _;
use std::process::ExitCode;

/// Status where a build would stop.
const OPEN: u8 = 1;

pub(crate) fn run(arguments: &DefinitionOnly, reporter: &Reporter) -> Outcome {
    let definition = crate::commands::check::read(&arguments.definition, reporter)?;
    let recipes =
        read_recipes(&definition.folder).map_err(|error| Failure::new(FailureKind::BadInput, error))?;
    let outside = Outside::new(reporter, false)?;
    let checked = check(&definition, definition.lock_file.as_deref(), &recipes, &outside.supply());
    outside.done();
    let checked = checked.map_err(explain)?;
    reporter.result(&text(&checked), &json!(checked));
    Ok(if checked.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(OPEN) })
}

fn text(checked: &Checked) -> String {
    let mut out = String::new();
    for problem in &checked.problems {
        let _ = writeln!(out, "{}\n", problem.text.trim_end());
    }
    for idle in &checked.idle {
        let why = if idle.installed { "its scripts need no recipe" } else { "it is not installed" };
        let _ = writeln!(out, "{}: not used: package {}: {why}; remove it", idle.file, idle.package);
    }
    for (package, reason) in &checked.accepted {
        let _ = writeln!(out, "{package}: its scripts are accepted as they are: {reason}");
    }
    let covered: usize = checked.recipes.iter().map(|(_, packages)| packages.len()).sum();
    let source =
        if checked.locked { "the lock" } else { "what the archive has now: there is no lock that fits" };
    let _ = writeln!(
        out,
        "{} packages of {source}: {} without scripts, {} understood, {covered} by {} recipes, {} accepted",
        checked.packages,
        checked.no_script,
        checked.understood,
        checked.recipes.len(),
        checked.accepted.len(),
    );
    let outgrown = checked.problems.iter().filter(|problem| problem.outgrown.is_some()).count();
    let lacking = checked.problems.len() - outgrown;
    if checked.problems.is_empty() {
        out.push_str("every script is covered\n");
    } else {
        let names: std::collections::BTreeSet<&str> =
            checked.problems.iter().map(|problem| problem.package.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let _ = writeln!(
            out,
            "{outgrown} scripts have outgrown their recipe, {lacking} lack one; next: pintle recipe record {}",
            names.join(" ")
        );
    }
    out
}
