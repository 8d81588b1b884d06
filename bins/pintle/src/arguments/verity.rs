//! Arguments of `pintle verity`.

use clap::{Args, Subcommand};
use pintle_flows::verity::Salt;
use pintle_model::Digest;
use std::path::PathBuf;
use uuid::Uuid;

/// What can be done with hash trees.
#[derive(Debug, Subcommand)]
pub(crate) enum Verity {
    /// Write the hash tree of an image and print its root hash; the same bytes as `veritysetup format`
    Format(VerityFormat),
    /// Compare an image and its hash tree with a root hash
    Verify(VerityVerify),
}

#[derive(Debug, Args)]
pub(crate) struct VerityFormat {
    /// Image: a whole number of blocks of 4096 bytes
    pub(crate) data: PathBuf,
    /// File to write the hash tree into
    pub(crate) hash: PathBuf,
    /// Salt: up to 256 bytes in hexadecimal, or `-` for none; the same for every image unless given
    #[arg(long, value_name = "HEX")]
    pub(crate) salt: Option<Salt>,
    /// UUID of the hash tree; made from the root hash unless given
    #[arg(long)]
    pub(crate) uuid: Option<Uuid>,
    /// File to write the content of a signature partition into
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) signature: Option<PathBuf>,
    /// Private key (RSA, PEM) that signs the root hash
    #[arg(long, value_name = "FILE", requires_all = ["certificate", "signature"])]
    pub(crate) key: Option<PathBuf>,
    /// Its certificate (X.509, PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) certificate: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VerityVerify {
    /// Image
    pub(crate) data: PathBuf,
    /// File with its hash tree
    pub(crate) hash: PathBuf,
    /// Root hash, in hexadecimal
    #[arg(value_name = "ROOTHASH")]
    pub(crate) root: Digest,
}
