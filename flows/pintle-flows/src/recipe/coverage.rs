//! Would these packages build? Each by itself, with all that it pulls in.

use super::{Problem, RecipeFlowError};
use crate::definition::Definition;
use crate::pin::{choose_each, installed, packages};
use crate::supply::Supply;
use pintle_assemble::{Coverage, Recipes, survey};
use pintle_model::{Digest, Lock};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What was found for one package.
#[derive(Debug, Serialize)]
pub struct Covered {
    /// The package asked for.
    pub package: String,
    /// How many packages it makes with all that it pulls in.
    pub packages: usize,
    /// How its own scripts are covered: `no-script`, `understood`, `recipe`, `missing`, `unknown`.
    pub own: &'static str,
    /// Scripts that nobody covers, its own or of what it pulls in.
    pub missing: Vec<Missing>,
    /// Why it cannot be installed at all.
    pub unsolvable: Option<String>,
}

/// A script that nobody covers.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Missing {
    /// Package.
    pub package: String,
    /// `preinst` or `postinst`.
    pub script: String,
    /// Whether there is a recipe for another version.
    pub outgrown: bool,
    /// The lines that are not understood, and what they may concern.
    pub text: String,
}

/// Solves for each of `names` by itself and surveys the scripts of the solution.
///
/// # Errors
/// [`RecipeFlowError`]; a package that cannot be installed is none.
pub fn coverage(
    definition: &Definition,
    names: &[String],
    recipes: &Recipes,
    supply: &Supply<'_>,
    tell: &mut dyn FnMut(&Covered),
) -> Result<Vec<Covered>, RecipeFlowError> {
    let locks = choose_each(definition, names, recipes, supply)?;
    let mut out = Vec::new();
    let mut known: BTreeMap<Digest, crate::unpack::Unpacked> = BTreeMap::new();
    for (name, lock) in names.iter().zip(locks) {
        if supply.fetcher.cancelled() {
            return Err(RecipeFlowError::Stopped);
        }
        let found = match lock {
            Err(why) => Covered {
                package: name.clone(),
                packages: 0,
                own: "unknown",
                missing: Vec::new(),
                unsolvable: Some(why),
            },
            Ok(lock) => {
                let new: Vec<_> =
                    lock.packages.iter().filter(|p| !known.contains_key(&p.sha256)).cloned().collect();
                for package in packages(definition, &Lock { packages: new, ..lock.clone() }, supply)? {
                    known.insert(package.locked.sha256, package);
                }
                let found: Vec<_> =
                    lock.packages.iter().filter_map(|p| known.get(&p.sha256).cloned()).collect();
                look(name, &found, recipes, supply)?
            }
        };
        tell(&found);
        out.push(found);
    }
    Ok(out)
}

fn look(
    name: &str,
    packages: &[crate::unpack::Unpacked],
    recipes: &Recipes,
    supply: &Supply<'_>,
) -> Result<Covered, RecipeFlowError> {
    let installed = installed(packages);
    let surveyed = survey(&installed, recipes, &[], supply.store).map_err(Box::new)?;
    let own = match surveyed.iter().find(|one| one.report.package == name) {
        None => "unknown",
        Some(one) if !one.problems.is_empty() => "missing",
        Some(one) => match one.report.coverage {
            Coverage::NoScript => "no-script",
            Coverage::Understood => "understood",
            _ => "recipe",
        },
    };
    let problems = surveyed.iter().flat_map(|one| &one.problems).filter_map(Problem::new);
    let missing = problems.map(|problem| Missing {
        package: problem.package,
        script: problem.script,
        outgrown: problem.outgrown.is_some(),
        text: problem.text,
    });
    Ok(Covered {
        package: name.to_owned(),
        packages: packages.len(),
        own,
        missing: missing.collect(),
        unsolvable: None,
    })
}

/// Packages that lack a recipe, by how many of `all` they keep from building, the most first.
#[must_use]
pub fn most_wanted(all: &[Covered]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in all {
        for missing in &one.missing {
            counts.entry(&missing.package).or_default().insert(&one.package);
        }
    }
    let mut out: Vec<(String, usize)> =
        counts.into_iter().map(|(name, by)| (name.to_owned(), by.len())).collect();
    out.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    out
}
