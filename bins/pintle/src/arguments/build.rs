//! Arguments of `pintle build` and of what measures its images.

use super::{Closure, DEFINITION_HELP};
use clap::{Args, ValueEnum};
use pintle_flows::remote::{Address, BadAddress};
use pintle_model::OutputFormat;
use std::path::PathBuf;
use std::str::FromStr;

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
    /// Folder with the keys that sign what UEFI firmware starts (`pintle keys new`); overrides
    /// `image.secure-boot.keys`
    #[arg(long, value_name = "DIR")]
    pub(crate) keys: Option<PathBuf>,
    /// Sign nothing, whatever the definition says
    #[arg(long, conflicts_with = "keys")]
    pub(crate) unsigned: bool,
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
    /// Agent for the system, where its layout is `verified`; the `pintle-agent` beside this program unless given
    #[arg(long, value_name = "FILE", env = "PINTLE_AGENT", hide_env_values = true)]
    pub(crate) agent: Option<PathBuf>,
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
