//! Arguments about closures of Nix: as a source, into a cache, into a boot menu.

use super::DEFINITION_HELP;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A Nix closure in place of a definition.
#[derive(Debug, Args)]
#[command(next_help_heading = "Nix closures")]
pub(crate) struct Closure {
    /// Take a Nix closure instead: a link to it (./result), its store path, or its boot.json
    #[arg(long, value_name = "SYSTEM")]
    pub(crate) nix: Option<PathBuf>,
    /// Folder in which nix/store and nix/var are, where that is not /
    #[arg(long, value_name = "DIR")]
    pub(crate) nix_store: Option<PathBuf>,
    /// What the store holds, as `nix-store --dump-db` writes it, in place of its database
    #[arg(long, value_name = "FILE")]
    pub(crate) nix_registration: Option<PathBuf>,
    /// Binary cache for what is not in the store, a URL or a folder; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) nix_cache: Vec<String>,
    /// Public key of those who may have filled the caches, or a file with it; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(crate) nix_trusted_key: Vec<String>,
    /// Folder with the boot loaders (lib/systemd/boot/efi, lib/grub/i386-pc) in place of Debian's packages, as packages of
    /// nixpkgs are; may be repeated
    #[arg(long, value_name = "DIR")]
    pub(crate) nix_boot_files: Vec<PathBuf>,
    /// Build without the secrets that the boot loader should add to the initrd
    #[arg(long)]
    pub(crate) omit_initrd_secrets: bool,
    /// Add the secrets of this machine to the initrd, by running the system's own program here: whoever has the image has
    /// them
    #[arg(long, conflicts_with = "omit_initrd_secrets")]
    pub(crate) run_initrd_secrets: bool,
}

/// What can be done with binary caches.
#[derive(Debug, Subcommand)]
pub(crate) enum Cache {
    /// Write a closure or a system of packages into a binary cache, from which any Nix can take it
    Push(CachePush),
}

/// How archives of a binary cache are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CacheCompression {
    /// Not at all
    None,
    /// xz
    Xz,
    /// Zstandard
    Zstd,
}

#[derive(Debug, Args)]
pub(crate) struct CachePush {
    /// The cache: a folder, made where there is none, or a bucket (`s3://BUCKET/FOLDER?region=…&endpoint=…&profile=…`)
    pub(crate) place: String,
    #[arg(help = DEFINITION_HELP, conflicts_with = "nix")]
    pub(crate) definition: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) closure: Closure,
    /// Lock file of the definition; next to it unless given
    #[arg(long)]
    pub(crate) lock_file: Option<PathBuf>,
    /// Fail if pintle.lock is missing or does not answer the definition
    #[arg(long)]
    pub(crate) locked: bool,
    /// File with the secret key that signs, as `nix key generate-secret` makes it
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// How archives are packed
    #[arg(long, value_enum, default_value = "zstd")]
    pub(crate) compression: CacheCompression,
    /// Use only what was downloaded before
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Kinds of boot entries.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum EntryType {
    /// Unified kernel images: one file each, which can be signed
    Uki,
    /// Text files beside kernels and initrds, which generations share
    Entry,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Choice {
    /// Yes
    Yes,
    /// No
    No,
}

#[derive(Debug, Args)]
pub(crate) struct InstallBootspec {
    /// System that becomes the default: a toplevel, a link to it, or its boot.json
    pub(crate) toplevel: PathBuf,
    /// Where the EFI system partition is mounted; /boot below `--root` unless given
    #[arg(long, value_name = "DIR")]
    pub(crate) esp: Option<PathBuf>,
    /// Profile whose generations get entries
    #[arg(long, value_name = "PATH", default_value = "/nix/var/nix/profiles/system")]
    pub(crate) profile: PathBuf,
    /// Folder that is the machine's /
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(crate) root: PathBuf,
    /// How many of the newest generations get entries; all unless given
    #[arg(long, value_name = "N")]
    pub(crate) configuration_limit: Option<usize>,
    /// Seconds the menu is shown; 0 shows it only while a key is held
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub(crate) timeout: u32,
    /// Whether the kernel's command line can be edited in the menu
    #[arg(long, value_enum, default_value = "yes")]
    pub(crate) editor: Choice,
    /// Kind of the entries
    #[arg(long = "type", value_enum, default_value = "uki")]
    pub(crate) kind: EntryType,
    /// Folder with systemd-boot and its stub; of each system's own systemd unless given
    #[arg(long, value_name = "DIR")]
    pub(crate) systemd_boot_dir: Option<PathBuf>,
    /// Private key (RSA, PEM) that signs unified kernel images and systemd-boot for Secure Boot
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,
    /// Its certificate (X.509, PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) certificate: Option<PathBuf>,
    /// Write also where no FAT file system is mounted
    #[arg(long)]
    pub(crate) any_file_system: bool,
    /// Say what would be done, and do nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
}
