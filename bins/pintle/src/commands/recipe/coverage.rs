use super::{definition_or_bare, explain};
use crate::Outcome;
use crate::arguments::RecipeCoverage;
use crate::environment::Outside;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::build::read_recipes;
use pintle_flows::recipe::{Covered, coverage, most_wanted};
use serde_json::json;
use std::fmt::Write as _;
use std::process::ExitCode;

/// Status where a package would not build.
const OPEN: u8 = 1;

pub(crate) fn run(arguments: &RecipeCoverage, reporter: &Reporter) -> Outcome {
    let names = names(arguments)?;
    let definition = definition_or_bare(&arguments.definition, reporter)?;
    let recipes =
        read_recipes(&definition.folder).map_err(|error| Failure::new(FailureKind::BadInput, error))?;
    let outside = Outside::new(reporter, false)?;
    let mut tell = |one: &Covered| reporter.say(&line(one));
    let found = coverage(&definition, &names, &recipes, &outside.supply(), &mut tell);
    outside.done();
    let found = found.map_err(explain)?;
    if arguments.markdown {
        reporter.print(&super::page::page(&found));
        return Ok(ExitCode::SUCCESS);
    }
    let good = found.iter().filter(|one| is_good(one)).count();
    let wanted = most_wanted(&found);
    let mut text = format!("{good} of {} packages would build", found.len());
    for (package, by) in &wanted {
        let _ = write!(text, "\n  {package}: keeps {by} of them from it");
    }
    reporter.result(&text, &json!({"packages": found, "covered": good, "most-wanted": wanted}));
    Ok(if good == found.len() { ExitCode::SUCCESS } else { ExitCode::from(OPEN) })
}

fn names(arguments: &RecipeCoverage) -> Result<Vec<String>, Failure> {
    let mut names = arguments.packages.clone();
    if let Some(path) = &arguments.from {
        let read = pintle_world::files::read(path).ok().flatten();
        let bytes = read.ok_or_else(|| {
            Failure::new(FailureKind::Usage, format!("cannot read the list {}", path.display()))
        })?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        names.extend(lines.filter(|line| !line.is_empty()).map(str::to_owned));
    }
    if names.is_empty() {
        let failure = Failure::new(FailureKind::Usage, "no package is named");
        return Err(failure.hint("pintle recipe coverage postgresql redis-server"));
    }
    Ok(names)
}

fn is_good(one: &Covered) -> bool {
    one.missing.is_empty() && one.unsolvable.is_none()
}

fn line(one: &Covered) -> String {
    if one.unsolvable.is_some() {
        return format!("{}: cannot be installed", one.package);
    }
    if is_good(one) {
        return format!("{}: would build ({} packages)", one.package, one.packages);
    }
    let missing: Vec<String> =
        one.missing.iter().map(|missing| format!("{} ({})", missing.package, missing.script)).collect();
    format!("{}: would not build: {}", one.package, missing.join(", "))
}
