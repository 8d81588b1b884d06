//! Arguments of the commands about definitions.

use super::DEFINITION_HELP;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct New {
    /// Name of the system, and of the folder to make
    pub(crate) name: String,
    /// Layout of its disk
    #[arg(long, value_enum, default_value = "verified")]
    pub(crate) layout: StarterLayout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StarterLayout {
    /// Read-only /usr that the kernel checks, signed with keys that are made too
    Verified,
    /// One writable disk
    Plain,
}

#[derive(Debug, Args)]
pub(crate) struct DefinitionOnly {
    #[arg(help = DEFINITION_HELP, default_value = ".")]
    pub(crate) definition: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Path of the option, such as `nginx.sites` or `base.hostname`
    pub(crate) option: String,
    #[arg(help = DEFINITION_HELP, default_value = ".")]
    pub(crate) definition: PathBuf,
}

/// How a reference is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReferenceFormat {
    /// Markdown
    Markdown,
    /// One self-contained page
    Html,
}

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only this module or option (`nginx`, `nginx.sites`)
    pub(crate) prefix: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value = "markdown")]
    pub(crate) format: ReferenceFormat,
    /// Folder of the definition, whose own modules are included
    #[arg(long, default_value = ".")]
    pub(crate) definition: PathBuf,
}
