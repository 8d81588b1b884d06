//! Arguments of the commands about recipes.

use super::DefinitionOnly;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What can be done with recipes.
#[derive(Debug, Subcommand)]
pub(crate) enum Recipe {
    /// Run scripts that nobody covers, once, and write what they change as a draft
    ///
    /// The scripts run in a user namespace without a network, on a scratch tree made of the locked packages. What they
    /// change is written to recipes/PKG.toml beside the definition, to be reviewed and committed; builds replay it and
    /// run nothing.
    Record(RecipeRecord),
    /// Say which recipes the locked versions have outgrown, which packages lack one, which recipes nobody needs
    ///
    /// Exits with 0 if every script is covered, with 1 if a build would stop.
    Check(DefinitionOnly),
    /// Say which packages would build, each by itself with all that it pulls in
    ///
    /// Exits with 0 if all would, with 1 if one would not.
    Coverage(RecipeCoverage),
    /// Print the packages that have a recipe
    List(RecipeList),
    /// Print the recipe of a package
    Show(RecipeShow),
}

#[derive(Debug, Args)]
pub(crate) struct RecipeRecord {
    /// Packages; all of the definition's that nobody covers unless given
    #[arg(value_name = "PKG")]
    pub(crate) packages: Vec<String>,
    /// Definition or its folder, beside which recipes are written; a folder without a definition will do
    #[arg(long, default_value = ".")]
    pub(crate) definition: PathBuf,
    /// Replace drafts and recipes that are there
    #[arg(long)]
    pub(crate) replace: bool,
    /// Seconds that the scripts of one package may take
    #[arg(long, default_value_t = 120)]
    pub(crate) timeout: u64,
}

#[derive(Debug, Args)]
pub(crate) struct RecipeCoverage {
    /// Packages
    #[arg(value_name = "PKG")]
    pub(crate) packages: Vec<String>,
    /// File with further names, one on each line; `#` begins a comment
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Print tables as Markdown, and exit with 0
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Definition whose suites and recipes count
    #[arg(long, default_value = ".")]
    pub(crate) definition: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RecipeList {
    /// Folder of the definition, whose own recipes are included
    #[arg(long, default_value = ".")]
    pub(crate) definition: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RecipeShow {
    /// Package
    pub(crate) package: String,
    /// Folder of the definition, whose own recipes are included
    #[arg(long, default_value = ".")]
    pub(crate) definition: PathBuf,
}
