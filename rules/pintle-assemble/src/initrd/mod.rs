//! The initrd: a small systemd system that finds and mounts the root file system and switches to it.
//!
//! It is assembled from files of the finished system tree: the units and programs of `needs.rs`, the libraries those
//! need, and the kernel modules for disks of clouds and virtual machines. No dracut or initramfs-tools is involved, and
//! nothing is run.

mod again;
mod build;
mod error;
mod etc;
mod kernel;
mod libraries;
mod microcode;
mod needs;
mod sealed;
mod stateless;
mod tpm;
mod units;

pub use error::InitrdError;
pub use microcode::microcode;

use crate::generate::modules;
use build::Build;
use pintle_model::{Arch, Contents, Encrypt, Timestamp, Tree, TreePath};

/// What the initrd is for.
#[derive(Clone, Debug)]
pub struct InitrdOptions {
    /// The architecture of its programs.
    pub arch: Arch,
    /// Directory name below `/usr/lib/modules`.
    pub kernel_version: String,
    /// What the root is.
    pub root: Root,
    /// Kernel modules to add to the usual ones, by name. It is an error when the kernel has one neither as a module
    /// nor built in.
    pub modules: Vec<String>,
    /// The kernel may have no modules at all: somebody built it with everything it needs.
    pub may_lack_modules: bool,
    /// Time of generated files.
    pub epoch: Timestamp,
}

/// How the root file system is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// The kernel command line says: `root=PARTUUID=…`, `root=LABEL=…`, `root=gpt-auto`.
    CommandLine {
        /// What is on it: `ext4`. Its module comes along. Checking it is left to the
        /// system itself, which does so while its root is still read-only.
        file_system: String,
    },
    /// The kernel command line names the digest of `/usr` (`usrhash=`), and the root is made at every boot:
    /// [`crate::stateless`].
    Stateless {
        /// What `/usr` is: `erofs`, `ext4`. Its module comes along.
        file_system: String,
        /// `PARTLABEL` of the partition with `/var`.
        var_label: String,
        /// For systemd-tmpfiles: what of an earlier boot must go.
        remove: String,
        /// For systemd-tmpfiles: how to make the root.
        root: String,
        /// Encryption of `/var`.
        encrypt: Encrypt,
        /// Tell a TPM when the initrd begins and ends.
        tpm: bool,
        /// Seconds from the start of the kernel after which a boot that hangs ends; so does one that fails. None: nothing
        /// ends by itself.
        deadline: Option<u32>,
    },
}

impl Root {
    fn file_system(&self) -> &str {
        match self {
            Self::CommandLine { file_system } | Self::Stateless { file_system, .. } => file_system,
        }
    }
}

/// Assembles the initrd of `system`. The result is a tree of its own: packages keep their files' provenance in it.
///
/// # Errors
/// [`InitrdError`]: what is missing, why it is needed and which package to add.
pub fn assemble(
    system: &Tree,
    contents: &dyn Contents,
    options: &InitrdOptions,
) -> Result<Tree, InitrdError> {
    let mut build = Build::new(system, contents, options);
    etc::skeleton(&mut build)?;
    for need in needs::FILES {
        build.require(need)?;
    }
    units::add(&mut build)?;
    stateless::add(&mut build)?;
    tpm::add(&mut build)?;
    again::add(&mut build)?;
    sealed::add(&mut build)?;
    libraries::add(&mut build)?;
    let dir = kernel::directory(&options.kernel_version)?;
    let modular = system.get(&dir).is_some() || !options.may_lack_modules || !options.modules.is_empty();
    if modular {
        kernel::add(&mut build)?;
    }
    etc::groups(&mut build)?;
    let mut tree = build.finish();
    if modular {
        modules::index(&mut tree, contents, &dir, options.epoch).map_err(InitrdError::Modules)?;
    }
    Ok(tree)
}

/// A literal path of the tables, which are written absolute.
fn literal(path: &str) -> TreePath {
    TreePath::literal(path)
}
