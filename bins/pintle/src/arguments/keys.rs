//! Arguments of `pintle keys`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make the keys of Secure Boot (PK, KEK, db), of PCR policies and of updates, in a new folder
    New(KeysNew),
    /// Write the signed lists that enrol the keys of a folder: for other certificates beside them, or after a key changed
    Enrol(KeysEnrol),
}

/// Ten years.
pub(crate) const DAYS: u32 = 3652;

#[derive(Debug, Args)]
pub(crate) struct KeysNew {
    /// Folder to make; only its owner may enter it
    pub(crate) folder: PathBuf,
    /// What the names in the certificates begin with
    #[arg(long, default_value = "Pintle")]
    pub(crate) name: String,
    /// How many days the certificates are valid; firmware does not look at it
    #[arg(long, default_value_t = DAYS)]
    pub(crate) days: u32,
    /// Certificate of others (PEM or DER) whose signatures are to count too, as of option ROMs; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) also: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct KeysEnrol {
    /// Folder with PK, KEK and db (.key and .crt)
    pub(crate) folder: PathBuf,
    /// Folder to make
    pub(crate) output: PathBuf,
    /// Certificate of others (PEM or DER) whose signatures are to count too; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) also: Vec<PathBuf>,
}
