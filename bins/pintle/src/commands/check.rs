use crate::Outcome;
use crate::arguments::DefinitionOnly;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_definition::{Paint, Problems};
use pintle_flows::definition::{Definition, DefinitionError, load};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(arguments: &DefinitionOnly, reporter: &Reporter) -> Outcome {
    let definition = read(&arguments.definition, reporter)?;
    let system = definition.system();
    let text = format!(
        "{} {}: good ({} packages asked for, {} files, {} services)",
        system.name,
        system.version,
        system.packages.len(),
        system.files.len(),
        system.services.len()
    );
    let notices = definition.evaluation().map(|evaluation| evaluation.notices());
    reporter.result(&text, &json!({"name": system.name, "version": system.version, "notices": notices}));
    Ok(ExitCode::SUCCESS)
}

/// Reads and evaluates a definition, for every command that needs one; notices are said on the way.
pub(crate) fn read(path: &Path, reporter: &Reporter) -> Result<Definition, Failure> {
    let definition = load(path, &mut std::io::stdin().lock()).map_err(explain_definition)?;
    if let Some(evaluation) = definition.evaluation()
        && !evaluation.notices().0.is_empty()
    {
        reporter.say(&evaluation.notices().render_as_notices(paint()));
    }
    Ok(definition)
}

/// Colour where standard error is a terminal that wants it.
fn paint() -> Paint {
    let stderr = std::io::stderr();
    match anstream::AutoStream::choice(&stderr) {
        anstream::ColorChoice::Never => Paint::Plain,
        _ => Paint::Ansi,
    }
}

/// What is wrong with a definition, one after the other.
pub(crate) fn problems(problems: &Problems) -> Failure {
    let count = problems.0.len();
    let head = if count == 1 {
        "the definition has a mistake".into()
    } else {
        format!("the definition has {count} mistakes")
    };
    Failure::new(FailureKind::BadInput, format!("{head}\n\n{}", problems.render(paint())))
        .details(json!(problems))
        .hint("`pintle options NAME` prints the reference of a module")
}

pub(crate) fn explain_definition(error: DefinitionError) -> Failure {
    match &error {
        DefinitionError::Problems(found) => problems(found),
        DefinitionError::Missing(_) => Failure::new(FailureKind::BadInput, error)
            .hint("pintle new NAME, or name a definition: pintle check PATH"),
        DefinitionError::Empty => {
            Failure::new(FailureKind::BadInput, error).hint("pintle show DEFINITION prints such a document")
        }
        _ => Failure::new(FailureKind::BadInput, error),
    }
}
