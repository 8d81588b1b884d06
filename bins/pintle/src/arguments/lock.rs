//! Arguments of the commands about locks.

use super::DEFINITION_HELP;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Lock {
    #[arg(help = DEFINITION_HELP, default_value = ".")]
    pub(crate) definition: PathBuf,
    /// Lock file; next to the definition unless given
    #[arg(long)]
    pub(crate) lock_file: Option<PathBuf>,
    /// Use only what was downloaded before
    #[arg(long)]
    pub(crate) offline: bool,
    /// Take everything from a folder made by `pintle vendor`, nothing from the network
    #[arg(long, value_name = "DIR")]
    pub(crate) vendor: Option<PathBuf>,
}

/// How much of the changelogs is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Changelogs {
    /// Nothing
    None,
    /// The first lines for each source package
    Short,
    /// Every line
    Full,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Packages of the lock to move (binary packages, or source packages for all that is made from them), with what
    /// they need in another version; everything unless given
    pub(crate) packages: Vec<String>,
    #[arg(long, short, help = DEFINITION_HELP, default_value = ".")]
    pub(crate) definition: PathBuf,
    /// Lock file; next to the definition unless given
    #[arg(long)]
    pub(crate) lock_file: Option<PathBuf>,
    /// Say what would change, and write nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// How much of the changelogs to print (`--json` has all of it)
    #[arg(long, value_enum, default_value = "short")]
    pub(crate) changelog: Changelogs,
    /// Use only what was downloaded before
    #[arg(long)]
    pub(crate) offline: bool,
    /// Take everything from a folder made by `pintle vendor`, nothing from the network
    #[arg(long, value_name = "DIR")]
    pub(crate) vendor: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Why {
    /// Package, or a name that packages provide
    pub(crate) package: String,
    #[arg(help = DEFINITION_HELP, default_value = ".")]
    pub(crate) definition: PathBuf,
    /// Lock file; next to the definition unless given
    #[arg(long)]
    pub(crate) lock_file: Option<PathBuf>,
    /// Use only what was downloaded before
    #[arg(long)]
    pub(crate) offline: bool,
    /// Take everything from a folder made by `pintle vendor`, nothing from the network
    #[arg(long, value_name = "DIR")]
    pub(crate) vendor: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// A definition (with the lock beside it), a lock, a manifest (NAME.json), or an image (raw or qcow2; for others the
    /// manifest beside it)
    pub(crate) a: PathBuf,
    /// Another
    pub(crate) b: PathBuf,
    /// List every file that differs, also those of packages with another version
    #[arg(long)]
    pub(crate) files: bool,
    /// Exit with 1 where they differ; 0 means that they were compared unless this is given
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct Vendor {
    #[arg(help = DEFINITION_HELP, default_value = ".")]
    pub(crate) definition: PathBuf,
    /// Folder to fill: new, empty, or made by an earlier run
    pub(crate) folder: PathBuf,
    /// Lock file; next to the definition unless given
    #[arg(long)]
    pub(crate) lock_file: Option<PathBuf>,
    /// Remove from the folder what the lock no longer names
    #[arg(long)]
    pub(crate) prune: bool,
    /// Use only what was downloaded before
    #[arg(long)]
    pub(crate) offline: bool,
}
