use crate::Outcome;
use crate::arguments::{RecipeList, RecipeShow};
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::build::read_recipes;
use pintle_flows::recipe::{list, text};
use serde_json::json;
use std::fmt::Write as _;
use std::process::ExitCode;

pub(crate) fn run(arguments: &RecipeList, reporter: &Reporter) -> Outcome {
    let recipes =
        read_recipes(&arguments.definition).map_err(|error| Failure::new(FailureKind::BadInput, error))?;
    let all = list(&recipes);
    let mut out = String::new();
    for (package, file, own) in &all {
        let _ = writeln!(out, "{package}{}", if *own { format!(" ({file})") } else { String::new() });
    }
    let machine: Vec<_> = all
        .iter()
        .map(|(package, file, own)| json!({"package": package, "file": file, "own": own}))
        .collect();
    reporter.result(&out, &json!({ "recipes": machine }));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn show(arguments: &RecipeShow, reporter: &Reporter) -> Outcome {
    let found = text(&arguments.definition, &arguments.package)
        .map_err(|error| Failure::new(FailureKind::BadInput, error))?;
    let Some((file, text)) = found else {
        let message = format!("there is no recipe for package {}", arguments.package);
        return Err(Failure::new(FailureKind::BadInput, message)
            .hint(format!("pintle recipe record {} drafts one, if it needs one", arguments.package)));
    };
    if reporter.json() {
        reporter.result("", &json!({"package": arguments.package, "file": file, "text": text}));
    } else {
        reporter.print(&text);
    }
    Ok(ExitCode::SUCCESS)
}
