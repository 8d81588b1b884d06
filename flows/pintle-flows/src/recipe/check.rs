//! Which recipes the locked versions have outgrown, which packages lack one, which recipes nobody needs.

use super::RecipeFlowError;
use crate::definition::Definition;
use crate::pin::{self, Moves, Wanted, choose, installed, lock_answers};
use crate::supply::Supply;
use pintle_assemble::{AssembleError, Coverage, Recipes, Surveyed, survey};
use pintle_model::{Digest, Lock};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// Packages looked at.
    pub packages: usize,
    /// Without scripts that act.
    pub no_script: usize,
    /// Whose scripts are understood by themselves.
    pub understood: usize,
    /// By recipe file: the packages it covers.
    pub recipes: Vec<(String, Vec<String>)>,
    /// Accepted by the definition, with reasons.
    pub accepted: Vec<(String, String)>,
    /// What would stop a build.
    pub problems: Vec<Problem>,
    /// The user's own recipes that do nothing.
    pub idle: Vec<Idle>,
    /// True if the lock was used; false if packages were chosen for this alone.
    pub locked: bool,
}

/// A script that nobody covers.
#[derive(Debug, Serialize)]
pub struct Problem {
    /// Package.
    pub package: String,
    /// Version.
    pub version: String,
    /// `preinst` or `postinst`.
    pub script: String,
    /// The recipe that was written for another version of the script.
    pub outgrown: Option<String>,
    /// Lines that the recipe did not know.
    pub new_lines: Vec<String>,
    /// The whole story.
    pub text: String,
}

/// A recipe of the user's that does nothing.
#[derive(Debug, Serialize)]
pub struct Idle {
    /// Its file.
    pub file: String,
    /// Its package.
    pub package: String,
    /// Whether the package is installed: its scripts then need no recipe any more.
    pub installed: bool,
}

/// Checks the recipes of `definition` against its lock, or, where there is none that answers it, against what the
/// archive has now. Nothing is written.
///
/// # Errors
/// [`RecipeFlowError`].
pub fn check(
    definition: &Definition,
    lock_file: Option<&Path>,
    recipes: &Recipes,
    supply: &Supply<'_>,
) -> Result<Checked, RecipeFlowError> {
    let (lock, locked) = lock(definition, lock_file, recipes, supply)?;
    let packages = pin::packages(definition, &lock, supply)?;
    let installed = installed(&packages);
    let surveyed =
        survey(&installed, recipes, &definition.system().accept, supply.store).map_err(Box::new)?;
    Ok(sum(&surveyed, recipes, locked))
}

/// The lock that answers the definition, or one made for this alone.
fn lock(
    definition: &Definition,
    lock_file: Option<&Path>,
    recipes: &Recipes,
    supply: &Supply<'_>,
) -> Result<(Lock, bool), RecipeFlowError> {
    let old = lock_file.map(pin::read).transpose()?.flatten().map(|(lock, _)| lock);
    match old {
        Some(lock) if lock_answers(&lock, definition) => Ok((lock, true)),
        old => {
            let digest = Digest::of(b"check");
            let wanted = Wanted { definition, boot: &[], digest, old: old.as_ref(), recipes };
            Ok((choose(&wanted, Moves::Nothing, supply)?, false))
        }
    }
}

fn sum(surveyed: &[Surveyed], recipes: &Recipes, locked: bool) -> Checked {
    let mut out = Checked {
        packages: surveyed.len(),
        no_script: 0,
        understood: 0,
        recipes: Vec::new(),
        accepted: Vec::new(),
        problems: Vec::new(),
        idle: Vec::new(),
        locked,
    };
    let mut used = BTreeSet::new();
    for one in surveyed {
        out.problems.extend(one.problems.iter().filter_map(Problem::new));
        let package = &one.report.package;
        match &one.report.coverage {
            _ if !one.problems.is_empty() => drop(one.recipe.as_ref().map(|file| used.insert(file.clone()))),
            Coverage::NoScript => out.no_script += 1,
            Coverage::Understood => out.understood += 1,
            Coverage::Recipe { name } => {
                used.insert(name.clone());
                match out.recipes.iter_mut().find(|(file, _)| file == name) {
                    Some((_, packages)) => packages.push(package.clone()),
                    None => out.recipes.push((name.clone(), vec![package.clone()])),
                }
            }
            Coverage::Accepted { reason, .. } => out.accepted.push((package.clone(), reason.clone())),
        }
    }
    let own = super::list(recipes).into_iter().filter(|(_, file, own)| *own && !used.contains(file));
    out.idle = own
        .map(|(package, file, _)| Idle {
            installed: surveyed.iter().any(|one| one.recipe.as_ref() == Some(&file)),
            file,
            package,
        })
        .collect();
    out
}

impl Problem {
    /// A problem of coverage; `None` for any other.
    #[must_use]
    pub fn new(error: &AssembleError) -> Option<Self> {
        let text = error.to_string();
        match error {
            AssembleError::Uncovered(found) => Some(Self {
                package: found.package.clone(),
                version: found.version.clone(),
                script: found.script.to_owned(),
                outgrown: None,
                new_lines: Vec::new(),
                text,
            }),
            AssembleError::RecipeOutdated(found) => Some(Self {
                package: found.package.clone(),
                version: found.version.clone(),
                script: found.script.to_owned(),
                outgrown: Some(found.recipe.clone()),
                new_lines: found.new.clone(),
                text,
            }),
            _ => None,
        }
    }
}
