//! The command line. Help texts here are the one source of `--help`, manual pages, completions and the reference.

mod build;
mod closure;
mod definition;
mod keys;
mod lock;
mod mkfs;
mod recipe;
mod run;
mod verity;

pub(crate) use build::{Build, BuilderPlace, Sbom, SizeOf};
pub(crate) use closure::{Cache, CacheCompression, CachePush, Choice, Closure, EntryType, InstallBootspec};
pub(crate) use definition::{DefinitionOnly, Explain, New, Options, ReferenceFormat, StarterLayout};
pub(crate) use keys::{DAYS, Keys, KeysEnrol, KeysNew};
pub(crate) use lock::{Changelogs, Diff, Lock, Update, Vendor, Why};
pub(crate) use mkfs::{FileSystem, Mkfs};
pub(crate) use recipe::{Recipe, RecipeCoverage, RecipeList, RecipeRecord, RecipeShow};
pub(crate) use run::{Accel, Console, Disk, Firmware, Run, Ssh};
pub(crate) use verity::{Verity, VerityFormat, VerityVerify};

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Build, boot and look after declarative Linux servers
#[derive(Debug, Parser)]
#[command(
    name = "pintle",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// Print the report as JSON on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Say nothing but errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a starter definition
    New(New),
    /// Evaluate a definition and say what is wrong with it
    Check(DefinitionOnly),
    /// Print the evaluated system as JSON
    Show(DefinitionOnly),
    /// Say what a value is, what it is for, and which line set it
    Explain(Explain),
    /// Print the reference of all options
    Options(Options),
    /// Choose the exact packages and write them to pintle.lock; what is locked stays
    Lock(Lock),
    /// Move the lock to newer versions and say what changes
    Update(Update),
    /// Say why a package is in the lock
    Why(Why),
    /// Say how two locks, systems or images differ
    Diff(Diff),
    /// Fill a folder with all that a build fetches, to build from it without a network
    Vendor(Vendor),
    /// Build a disk image from a definition and its lock
    Build(Build),
    /// Say what an image is, without starting it
    Inspect(Inspect),
    /// Say what takes the space in an image, and what would save most
    Size(SizeOf),
    /// See, check and record what stands in for maintainer scripts
    #[command(subcommand)]
    Recipe(Recipe),
    /// Keep binary caches of Nix
    #[command(subcommand)]
    Cache(Cache),
    /// Make keys for Secure Boot, and what enrols them
    #[command(subcommand)]
    Keys(Keys),
    /// Write boot loader entries for every generation of a NixOS machine
    ///
    /// To be NixOS's `boot.loader.external.installHook`. Entries that no generation needs are removed; at any power cut
    /// the default and all it needs are whole.
    InstallBootspec(InstallBootspec),
    /// Boot an image in QEMU
    Run(Run),
    /// Log in to a machine started by `pintle run`
    Ssh(Ssh),
    /// Write a file system image from a folder or a tar archive, without root
    Mkfs(Mkfs),
    /// Write and check hash trees of dm-verity
    #[command(subcommand)]
    Verity(Verity),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Write the manual pages and the reference into a folder
    #[command(hide = true)]
    Docs(Docs),
    /// Build for `pintle build --builder` of another machine, by what it says on standard input
    #[command(hide = true)]
    ServeBuild,
}

const DEFINITION_HELP: &str = "Definition: a system.toml, an evaluated JSON document (`-` for standard input), or a folder that holds a system.toml";

/// Partitions, the two places for `/usr` and whether their bytes are what their root hash says, what firmware starts, who
/// signed it, tries left, and PCR 11 as a TPM will have it. Exits with 4 where something would keep the system from
/// starting.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Disk image: raw or qcow2
    pub(crate) image: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Docs {
    /// Folder
    pub(crate) folder: PathBuf,
    /// Write nothing; fail if a file there differs
    #[arg(long)]
    pub(crate) check: bool,
}
