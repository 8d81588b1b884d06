//! The command line. Help texts here are the one source of `--help`, manual pages, completions and the reference.

use clap::{Args, Parser, Subcommand, ValueEnum};
use pintle_flows::remote::{Address, BadAddress};
use pintle_flows::run::{Forward, Until};
use pintle_model::{OutputFormat, Size};
use std::path::PathBuf;
use std::str::FromStr;
use uuid::Uuid;

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
    /// Say what takes the space in an image, and what would save most
    Size(SizeOf),
    /// See, check and record what stands in for maintainer scripts
    #[command(subcommand)]
    Recipe(Recipe),
    /// Keep binary caches of Nix
    #[command(subcommand)]
    Cache(Cache),
    /// Write boot loader entries for every generation of a NixOS profile, as `boot.loader.external.installHook`
    InstallBootspec(InstallBootspec),
    /// Boot an image in QEMU
    Run(Run),
    /// Log in to a machine started by `pintle run`
    Ssh(Ssh),
    /// Write a file system image from a folder or a tar archive, without root
    Mkfs(Mkfs),
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

#[derive(Debug, Args)]
pub(crate) struct New {
    /// Name of the system, and of the folder to make
    pub(crate) name: String,
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

#[derive(Debug, Args)]
pub(crate) struct Build {
    #[arg(help = DEFINITION_HELP, default_value = ".", conflicts_with = "nix")]
    pub(crate) definition: PathBuf,
    #[command(flatten)]
    pub(crate) closure: Closure,
    /// Folder for the image and its manifest
    #[arg(long, short, default_value = "out")]
    pub(crate) output: PathBuf,
    /// Output format; may be repeated; overrides the definition's
    #[arg(long, short, value_parser = output_format)]
    pub(crate) format: Vec<OutputFormat>,
    /// Bill of materials to write beside the image; may be repeated; overrides the definition's
    #[arg(long, value_enum)]
    pub(crate) sbom: Vec<Sbom>,
    /// Write no NAME.html
    #[arg(long)]
    pub(crate) no_report: bool,
    /// Give disks that are written as they are (raw, VHD) no SHA-256: hashing takes longer than writing them
    #[arg(long)]
    pub(crate) no_checksum: bool,
    /// Fail if pintle.lock is missing or does not answer the definition
    #[arg(long)]
    pub(crate) locked: bool,
    /// Lock file; next to the definition unless given
    #[arg(long)]
    pub(crate) lock_file: Option<PathBuf>,
    /// Use only what was downloaded before
    #[arg(long)]
    pub(crate) offline: bool,
    /// Take everything from a folder made by `pintle vendor`, nothing from the network
    #[arg(long, value_name = "DIR")]
    pub(crate) vendor: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) elsewhere: Elsewhere,
}

/// A build on another machine.
#[derive(Debug, Args)]
pub(crate) struct Elsewhere {
    /// Build on another machine, with nothing but SSH there: `ssh://[user@]host[:port]`; `here` builds on this one
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "PINTLE_BUILDER",
        hide_env_values = true,
        default_value = "here"
    )]
    pub(crate) builder: BuilderPlace,
    /// Option for ssh, as in ssh_config(5) (`IdentityFile=FILE`); may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = ssh_option)]
    pub(crate) builder_option: Vec<String>,
    /// Send the packages from here; the builder asks no mirror
    #[arg(long)]
    pub(crate) builder_push: bool,
}

/// Where a build happens.
#[derive(Clone, Debug)]
pub(crate) enum BuilderPlace {
    /// On this machine.
    Here,
    /// On another.
    There(Address),
}

impl FromStr for BuilderPlace {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        // Empty: a variable that was set to nothing.
        if matches!(text, "here" | "") { Ok(Self::Here) } else { text.parse().map(Self::There) }
    }
}

fn ssh_option(text: &str) -> Result<String, String> {
    let known = text
        .split_once('=')
        .is_some_and(|(key, _)| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if known { Ok(text.to_owned()) } else { Err("write KEY=VALUE, as in ssh_config(5)".to_owned()) }
}

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

#[derive(Debug, Args)]
pub(crate) struct SizeOf {
    /// Definition (as for `build`), image or manifest; an image is told by the manifest beside it
    #[arg(default_value = ".")]
    pub(crate) target: PathBuf,
    /// How many packages and files to list
    #[arg(long, short = 'n', default_value_t = 15)]
    pub(crate) top: usize,
    /// Lock file of a definition; next to it unless given
    #[arg(long)]
    pub(crate) lock_file: Option<PathBuf>,
    /// Use only what was downloaded before
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Bills of materials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sbom {
    /// SPDX 2.3
    Spdx,
    /// CycloneDX 1.6
    Cyclonedx,
    /// None at all
    None,
}

fn output_format(text: &str) -> Result<OutputFormat, String> {
    let known = OutputFormat::ALL.map(OutputFormat::name);
    OutputFormat::ALL
        .into_iter()
        .find(|format| format.name() == text)
        .ok_or_else(|| format!("not an output format (known: {})", known.join(", ")))
}

/// Firmware.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Firmware {
    /// OVMF
    Uefi,
    /// SeaBIOS
    Bios,
}

/// Bus of the disk.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Disk {
    /// virtio-blk, /dev/vda
    Virtio,
    /// virtio-scsi, /dev/sda
    Scsi,
    /// AHCI, /dev/sda
    Sata,
    /// /dev/nvme0n1
    Nvme,
}

/// Acceleration.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Accel {
    /// KVM where it is usable
    Auto,
    /// KVM
    Kvm,
    /// QEMU's own translation
    Tcg,
}

/// Where the serial console goes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Console {
    /// Shown only when the boot fails
    Hidden,
    /// Shown as it comes
    Show,
    /// Connected to this terminal (Ctrl-A X ends it)
    Terminal,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Image (raw or qcow2), or a boot.json or toplevel of NixOS, which is started without a boot loader; the newest
    /// image in out/ unless given
    #[arg(conflicts_with = "nix")]
    pub(crate) image: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) closure: Closure,
    /// Start this specialisation of a NixOS system
    #[arg(long, value_name = "NAME")]
    pub(crate) specialisation: Option<String>,
    /// Put another NixOS system on the disk too, to switch to; may be repeated
    #[arg(long, value_name = "SYSTEM")]
    pub(crate) with: Vec<String>,
    /// Start this generation of the profile `system` of the store (`--nix-store`)
    #[arg(long, value_name = "N", conflicts_with_all = ["nix", "image"])]
    pub(crate) generation: Option<u32>,
    /// Firmware that starts the machine
    #[arg(long, value_enum, default_value = "uefi")]
    pub(crate) firmware: Firmware,
    /// Memory
    #[arg(long, short, default_value = "1G")]
    pub(crate) memory: Size,
    /// Processors
    #[arg(long, default_value_t = 2)]
    pub(crate) cpus: u8,
    /// What the disk is attached to
    #[arg(long, value_enum, default_value = "virtio")]
    pub(crate) disk: Disk,
    /// Attach a further disk image (/dev/vdb and so on), whose changes are thrown away; may be repeated
    #[arg(long, value_name = "IMAGE")]
    pub(crate) drive: Vec<PathBuf>,
    /// Forward a TCP port of this host: HOST:GUEST; may be repeated
    #[arg(long, short, value_name = "HOST:GUEST")]
    pub(crate) forward: Vec<Forward>,
    /// Wait for `login`, `ssh`, a URL of the guest (`http://:80/`), or `console:TEXT` on its console, then stop; may be
    /// repeated
    #[arg(long, short, value_name = "WHAT")]
    pub(crate) until: Vec<Until>,
    /// Run a command in the guest over SSH once it is ready; its exit status becomes ours
    #[arg(long, value_name = "COMMAND", num_args = 1.., allow_hyphen_values = true)]
    pub(crate) exec: Option<Vec<String>>,
    /// Draw how the boot went (firmware, loader, kernel, initrd, units with their critical chain) as SVG; the same
    /// figures are in the report of `--json`
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,
    /// Stay after readiness
    #[arg(long)]
    pub(crate) keep: bool,
    /// Serial console
    #[arg(long, value_enum, default_value = "hidden")]
    pub(crate) console: Console,
    /// Keep what the guest writes in the image, instead of throwing it away
    #[arg(long)]
    pub(crate) writable: bool,
    /// Acceleration
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) accel: Accel,
    /// Seconds to wait for readiness
    #[arg(long, default_value_t = 300)]
    pub(crate) timeout: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Ssh {
    /// Name of the machine; not needed while only one runs
    #[arg(long, short)]
    pub(crate) name: Option<String>,
    /// User to log in as
    #[arg(long, short, default_value = "root")]
    pub(crate) user: String,
    /// Command to run instead of a shell
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
}

/// File systems that can be written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FileSystem {
    /// ext4
    Ext4,
    /// FAT16 or FAT32, by size
    Vfat,
}

#[derive(Debug, Args)]
pub(crate) struct Mkfs {
    /// Kind of file system
    #[arg(value_enum)]
    pub(crate) kind: FileSystem,
    /// Folder, tar archive, or `-` for a tar archive on standard input
    pub(crate) source: PathBuf,
    /// Image to write
    pub(crate) output: PathBuf,
    /// Size of the file system; as small as the content allows unless given
    #[arg(long, short)]
    pub(crate) size: Option<Size>,
    /// Volume label
    #[arg(long, short = 'L', default_value = "")]
    pub(crate) label: String,
    /// UUID; made from the content's names unless given (vfat: its first 4 bytes are the serial number)
    #[arg(long, short = 'U')]
    pub(crate) uuid: Option<Uuid>,
    /// Time of the file system itself, seconds since 1970
    #[arg(long, env = "SOURCE_DATE_EPOCH", default_value_t = 0)]
    pub(crate) epoch: i64,
    /// Everything is owned by root, whoever owns the folder (tar archives keep their owners)
    #[arg(long)]
    pub(crate) root_owner: bool,
}

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
