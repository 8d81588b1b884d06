use crate::closure::ClosureError;
use pintle_boot::bootspec::BootspecError;
use pintle_boot::cmdline::CmdlineError;
use pintle_boot::loader::{BadBootName, EntryError};
use pintle_boot::uki::{LinuxHeaderError, UkiError};
use pintle_closure::esp::NoRoom;
use pintle_nix::StorePath;
use pintle_world::initrd_secrets::SecretsError;
use std::io;
use std::path::PathBuf;

/// Why the machine starts what it started before.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The system.
    #[error(transparent)]
    Closure(#[from] ClosureError),
    /// What was named is no system.
    #[error(
        "{text} is no system of Nix: {why}. Name a toplevel in the store, a link to one, or the boot.json inside of it"
    )]
    NoSystem {
        /// As it was named.
        text: String,
        /// Why.
        why: String,
    },
    /// The profile.
    #[error("cannot read the profile {}", .path.display())]
    Profile {
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The system's bootspec.
    #[error("{toplevel} does not say how it starts")]
    Bootspec {
        /// The system.
        toplevel: StorePath,
        /// Why.
        #[source]
        source: BootspecError,
    },
    /// A machine that is not known.
    #[error("{toplevel} is for `{system}`; there are boot loaders for x86_64-linux and aarch64-linux")]
    System {
        /// The system.
        toplevel: StorePath,
        /// As it says.
        system: String,
    },
    /// The default entry.
    #[error("{title} would be the default, and cannot be started")]
    Default {
        /// Its title.
        title: String,
        /// Why.
        #[source]
        source: EntryFault,
    },
    /// The boot loader.
    #[error("there is no systemd-boot at {path}; say where its files are with `--systemd-boot-dir`")]
    NoLoader {
        /// Where it should be.
        path: String,
    },
    /// Signing the boot loader.
    #[error("systemd-boot cannot be signed")]
    Sign(#[source] pintle_boot::sign::SignError),
    /// A file.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `loader.conf`.
    #[error("the boot loader's configuration cannot be written")]
    Conf(#[source] BadBootName),
    /// Reading the partition.
    #[error("cannot read {path} of the EFI system partition")]
    Esp {
        /// The file or folder.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file system that a power cut damaged.
    #[error(
        "{leftover} and {path} of the EFI system partition may be one file under two names, as a power cut leaves it: \
         removing either would damage the other. Unmount the partition, run `fsck.vfat -a` on it, and run this again. \
         Nothing was changed"
    )]
    Twin {
        /// What an interrupted run left.
        leftover: String,
        /// Its final name.
        path: String,
    },
    /// No room.
    #[error(transparent)]
    Room(#[from] NoRoom),
    /// An effect. What was there still starts.
    #[error(
        "cannot {what} {path} of the EFI system partition; the default is what it was unless this was cleaning up"
    )]
    Step {
        /// `write`, `rename`, …
        what: &'static str,
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Why there is no entry.
#[derive(Debug, thiserror::Error)]
pub enum EntryFault {
    /// Its bootspec.
    #[error(transparent)]
    Bootspec(#[from] BootspecError),
    /// Its kernel's parameters.
    #[error(transparent)]
    Cmdline(#[from] CmdlineError),
    /// A file that is not there.
    #[error("its {what} {path} is not there")]
    Missing {
        /// `kernel`, `initrd`, …
        what: &'static str,
        /// The path.
        path: String,
    },
    /// A file that cannot be read.
    #[error("cannot read its {what} {path}")]
    Read {
        /// `kernel`, `initrd`, …
        what: &'static str,
        /// The path.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel.
    #[error("{path} is no kernel that can be started here")]
    Kernel {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: LinuxHeaderError,
    },
    /// The stub.
    #[error(
        "there is no systemd stub at {path}; say where systemd's boot files are with `--systemd-boot-dir`"
    )]
    NoStub {
        /// Where it should be.
        path: String,
    },
    /// The image.
    #[error("no unified kernel image can be made of it")]
    Uki(#[source] UkiError),
    /// Its signature.
    #[error("its unified kernel image cannot be signed")]
    Sign(#[source] pintle_boot::sign::SignError),
    /// The type #1 entry.
    #[error("no boot entry can be written for it")]
    Entry(#[from] EntryError),
    /// Secrets.
    #[error("the secrets of this machine could not be added to its initrd (`boot.initrd.secrets`)")]
    Secrets(#[from] SecretsError),
    /// Secrets of another machine.
    #[error(
        "its initrd needs secrets of the machine (`boot.initrd.secrets`), which only a run on that machine can add \
         (`nixos-enter`, without `--root`)"
    )]
    SecretsElsewhere,
}

impl EntryFault {
    /// What is on the partition of such a generation is no better than nothing. "If the program fails, there must be no
    /// boot entry" (RFC 0125, of secrets).
    pub(super) fn forbids_entry(&self) -> bool {
        matches!(self, Self::Secrets(_) | Self::SecretsElsewhere | Self::Missing { .. })
    }
}
