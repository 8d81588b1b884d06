//! Recipes: how the locked packages' scripts are covered, and drafts for those that are not.

mod check;
mod coverage;
mod record;

pub use check::{Checked, Idle, Problem, check};
pub use coverage::{Covered, Missing, coverage, most_wanted};
pub use record::{Drafted, RecordFlowError, Recording, record};

use crate::build::RecipeError;
use crate::pin::PinError;
use pintle_assemble::{AssembleError, Recipes};
use std::path::Path;

/// Why nothing can be said of recipes.
#[derive(Debug, thiserror::Error)]
pub enum RecipeFlowError {
    /// Lock, archive, downloads.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// A recipe of the user's.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The packages cannot be read.
    #[error(transparent)]
    Survey(#[from] Box<AssembleError>),
    /// The user wants to stop.
    #[error("stopped")]
    Stopped,
}

/// File, package and whether it is the user's own, for each recipe; by package.
#[must_use]
pub fn list(recipes: &Recipes) -> Vec<(String, String, bool)> {
    let entry = |package: &str| {
        let file = recipes.get(package).map(|(file, _)| file.to_owned()).unwrap_or_default();
        let own = file.starts_with("recipes/");
        (package.to_owned(), file, own)
    };
    recipes.packages().map(entry).collect()
}

/// The recipe for a package, for a definition in `folder`: its file and text.
///
/// # Errors
/// [`RecipeError`].
pub fn text(folder: &Path, package: &str) -> Result<Option<(String, String)>, RecipeError> {
    let recipes = crate::build::read_recipes(folder)?;
    let Some((file, _, _)) = recipes.find(package) else { return Ok(None) };
    if let Some(text) = Recipes::shipped_text(file) {
        return Ok(Some((file.to_owned(), text.to_owned())));
    }
    let path = folder.join(file);
    let read = pintle_world::files::read(&path);
    let bytes = read.map_err(|source| RecipeError::Read { path, source })?.unwrap_or_default();
    Ok(Some((file.to_owned(), String::from_utf8_lossy(&bytes).into_owned())))
}
