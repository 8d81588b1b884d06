use super::check::problems;
use crate::Outcome;
use crate::arguments::{Options, ReferenceFormat};
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::definition::reference;
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(arguments: &Options, reporter: &Reporter) -> Outcome {
    let mut reference = reference(&arguments.definition).map_err(|found| problems(&found))?;
    if let Some(prefix) = &arguments.prefix {
        let below = reference.below(prefix);
        let all = std::mem::replace(&mut reference, below);
        if reference.modules.is_empty() {
            let near =
                all.nearest(prefix).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let message = format!("there is no module or option `{prefix}`{near}");
            return Err(Failure::new(FailureKind::Usage, message).hint("pintle options lists all of them"));
        }
    }
    if reporter.json() {
        reporter.print(&format!("{:#}", json!(reference)));
    } else {
        reporter.print(&match arguments.format {
            ReferenceFormat::Markdown => reference.markdown(),
            ReferenceFormat::Html => reference.html(),
        });
    }
    Ok(ExitCode::SUCCESS)
}
