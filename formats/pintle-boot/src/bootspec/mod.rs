//! Bootspec (NixOS RFC 0125, version 1): `boot.json` in a system's toplevel says what to boot and how.
//!
//! What an older toplevel lacks is put together from its files ([`Bootspec::of_toplevel`]).

mod error;
mod extension;
mod path;
mod read;
mod toplevel;
mod write;

pub use error::{BootspecError, FileFault};
pub use extension::{Lanzaboote, SystemdBoot};
pub use path::{BadBootPath, BootPath};
pub use read::Limits;
pub use toplevel::{Toplevel, TreeToplevel};

use crate::cmdline::{Cmdline, CmdlineError};
use serde_json::Value;
use std::collections::BTreeMap;

/// The document's name in a toplevel.
pub const FILE_NAME: &str = "boot.json";
/// What to boot.
const BOOTSPEC: &str = "org.nixos.bootspec.v1";
/// Variants of it.
const SPECIALISATION: &str = "org.nixos.specialisation.v1";

/// A system, and how to boot it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bootspec {
    /// `org.nixos.bootspec.v1`.
    pub boot: Boot,
    /// `org.nixos.specialisation.v1`: variants of the system, by name.
    pub specialisations: BTreeMap<String, Bootspec>,
    /// Every other key. Nobody but its owner knows what it means, so it is kept as it is; never null.
    pub extensions: BTreeMap<String, Value>,
}

/// What the boot loader is to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Processor and kernel, `x86_64-linux`.
    pub system: String,
    /// For people: distribution, version, kernel.
    pub label: String,
    /// The kernel.
    pub kernel: BootPath,
    /// Its parameters, but for `init=`: see [`Boot::command_line`].
    pub kernel_params: Vec<String>,
    /// What the kernel or the initrd starts as process 1.
    pub init: BootPath,
    /// The initrd, where the system has one.
    pub initrd: Option<BootPath>,
    /// A program to be run on the machine itself with a writable copy of the initrd as its argument, which it adds
    /// secrets to. If it fails, there must be no boot entry.
    pub initrd_secrets: Option<BootPath>,
    /// The system's toplevel.
    pub toplevel: BootPath,
}

impl Boot {
    /// The kernel's whole command line: the parameters, then `init=`, which stage 1 finds the system by.
    ///
    /// # Errors
    /// [`CmdlineError`] for parameters that are none.
    pub fn command_line(&self) -> Result<Cmdline, CmdlineError> {
        let line = Cmdline::parse(&self.kernel_params.join(" "))?;
        Ok(line.followed_by(&Cmdline::parse(&format!("init={}", self.init))?))
    }
}
