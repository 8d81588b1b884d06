//! Recipes: those that come with Pintle, and the user's own beside the definition, which win.

use pintle_assemble::Recipes;
use pintle_assemble::recipes::BadRecipe;
use std::path::{Path, PathBuf};

/// A recipe that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// It is wrong.
    #[error(transparent)]
    Bad(#[from] BadRecipe),
    /// It cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// All recipes for a definition in `folder`.
///
/// # Errors
/// [`RecipeError`].
pub fn read(folder: &Path) -> Result<Recipes, RecipeError> {
    let mut recipes = Recipes::shipped()?;
    let own = folder.join("recipes");
    let failed = |path: &Path, source| RecipeError::Read { path: path.to_owned(), source };
    for name in pintle_world::files::names(&own).map_err(|error| failed(&own, error))? {
        if !name.ends_with(".toml") {
            continue;
        }
        let path = own.join(&name);
        let bytes = pintle_world::files::read(&path).map_err(|error| failed(&path, error))?;
        let text = String::from_utf8(bytes.unwrap_or_default()).map_err(|_| {
            failed(&path, std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not UTF-8 text"))
        })?;
        recipes.add(&format!("recipes/{name}"), &text)?;
    }
    Ok(recipes)
}
