use super::{definition_or_bare, explain};
use crate::Outcome;
use crate::arguments::RecipeRecord;
use crate::environment::Outside;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::build::read_recipes;
use pintle_flows::recipe::{Drafted, RecordFlowError, Recording, record};
use pintle_world::namespace::NamespaceError;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

pub(crate) fn run(arguments: &RecipeRecord, reporter: &Reporter) -> Outcome {
    let definition = definition_or_bare(&arguments.definition, reporter)?;
    let recipes =
        read_recipes(&definition.folder).map_err(|error| Failure::new(FailureKind::BadInput, error))?;
    let outside = Outside::new(reporter, false)?;
    let recording = Recording {
        definition: &definition,
        lock_file: definition.lock_file.as_deref(),
        packages: &arguments.packages,
        replace: arguments.replace,
        limit: Duration::from_secs(arguments.timeout),
    };
    let drafted = record(&recording, &recipes, &outside.supply(), &mut |line| reporter.say(line));
    outside.done();
    let drafted = drafted.map_err(fail)?;
    reporter.result(&text(&drafted), &machine(&drafted));
    Ok(ExitCode::SUCCESS)
}

fn text(drafted: &[Drafted]) -> String {
    if drafted.is_empty() {
        return "every script is covered: there is nothing to record".into();
    }
    let mut out = String::new();
    for one in drafted {
        let needed = if one.needed { ", which what you asked for needs" } else { "" };
        let (file, package, version) = (one.file.display(), &one.package, &one.version);
        let _ = writeln!(out, "wrote {file}: {package} {version}{needed}, {} effects", one.effects);
        for note in &one.notes {
            let _ = writeln!(out, "  to judge: {}", note.replace('\n', "\n    "));
        }
    }
    out.push_str("These are drafts: review them, say in `why` what the scripts do, and commit them. Builds replay them.");
    out
}

fn machine(drafted: &[Drafted]) -> Value {
    let one = |one: &Drafted| {
        json!({
            "package": one.package, "version": one.version, "file": one.file, "effects": one.effects,
            "needed": one.needed, "notes": one.notes,
        })
    };
    json!({ "drafts": drafted.iter().map(one).collect::<Vec<_>>() })
}

fn fail(error: RecordFlowError) -> Failure {
    match error {
        RecordFlowError::Recipe(error) => explain(error),
        RecordFlowError::There(_) => Failure::new(FailureKind::Refused, error)
            .hint("--replace records it anew; what you wrote there is lost"),
        RecordFlowError::Namespace(NamespaceError::Forbidden { ref settings, .. }) => {
            let settings = settings.clone();
            let failure = Failure::new(FailureKind::Failed, error);
            let failure = settings.iter().fold(failure, |failure, command| failure.hint(*command));
            let hint = if settings.is_empty() {
                "a container may forbid them too: run this on the host, or allow user namespaces in the container"
            } else {
                "or run this one command elsewhere: builds need no namespaces, only the recipe that it writes"
            };
            failure.hint(hint)
        }
        RecordFlowError::Namespace(NamespaceError::Slow { .. }) => {
            Failure::new(FailureKind::Failed, error).hint("--timeout SECONDS gives them more time")
        }
        RecordFlowError::Script { .. } => Failure::new(FailureKind::Failed, error).hint(
            "write the recipe by hand (docs/recipes.md): the script needs what a scratch tree does not have",
        ),
        error => Failure::new(FailureKind::Failed, error),
    }
}
