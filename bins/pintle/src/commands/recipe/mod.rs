//! `pintle recipe`: what stands in for maintainer scripts.

mod check;
mod coverage;
mod list;
mod page;
mod record;

use crate::Outcome;
use crate::arguments::Recipe;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::definition::Definition;
use pintle_flows::recipe::RecipeFlowError;
use std::path::Path;

pub(crate) fn run(command: &Recipe, reporter: &Reporter) -> Outcome {
    match command {
        Recipe::Record(arguments) => record::run(arguments, reporter),
        Recipe::Check(arguments) => check::run(arguments, reporter),
        Recipe::Coverage(arguments) => coverage::run(arguments, reporter),
        Recipe::List(arguments) => list::run(arguments, reporter),
        Recipe::Show(arguments) => list::show(arguments, reporter),
    }
}

/// The definition at `path`; where the folder has none, one that asks for nothing.
fn definition_or_bare(path: &Path, reporter: &Reporter) -> Result<Definition, Failure> {
    let folder_without = path.is_dir() && !path.join(pintle_flows::definition::FILE_NAME).exists();
    if folder_without {
        return Definition::bare(path).map_err(|found| super::check::problems(&found));
    }
    super::check::read(path, reporter)
}

/// A failure with its kind and next step.
fn explain(error: RecipeFlowError) -> Failure {
    match error {
        RecipeFlowError::Pin(error) => super::build::explain_pin(error),
        RecipeFlowError::Recipe(error) => Failure::new(FailureKind::BadInput, error),
        error => Failure::new(FailureKind::Failed, error),
    }
}
