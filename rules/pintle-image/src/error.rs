use crate::usr_fs::UsrFsError;
use pintle_boot::cmdline::CmdlineError;
use pintle_boot::grub::GrubError;
use pintle_boot::grub::config::MenuError;
use pintle_boot::loader::{BadBootName, EspError};
use pintle_boot::measure::{MeasureError, PolicyKeyError};
use pintle_boot::sign::SignError;
use pintle_boot::uki::{LinuxHeaderError, UkiError};
use pintle_disk::gpt::PlaceError;
use pintle_fs::{ext4, vfat};
use pintle_model::{Size, TreeError, TreePath};
use std::io;

/// Why no image can be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A kernel is there and neither way to boot it is on.
    #[error("the image has a kernel but no way to boot it: set `image.bios` or `image.uefi`")]
    NoFirmware,
    /// PC BIOS exists on x86 only.
    #[error("`image.bios` is on, but {0} machines have no PC BIOS: set it to false")]
    NoBios(pintle_model::Arch),
    /// Boot files that were not given.
    #[error("`image.{option}` is on, but the files of {what} are not there")]
    NoBootFiles {
        /// `bios` or `uefi`.
        option: &'static str,
        /// Whose files.
        what: &'static str,
    },
    /// `kernel.parameters` cannot be a command line.
    #[error("`kernel.parameters` cannot be used")]
    Parameters(#[source] CmdlineError),
    /// `kernel.parameters` names a root.
    #[error("`kernel.parameters` holds `{0}`, but the image's own root is the only one it can boot")]
    RootParameter(String),
    /// The kernel image cannot be read.
    #[error("the kernel of release {release} cannot be used")]
    Kernel {
        /// As named.
        release: String,
        /// Why.
        #[source]
        source: LinuxHeaderError,
    },
    /// `kernel.default` matches nothing.
    #[error(
        "`kernel.default` is `{pattern}`, but no kernel of the image has such a release: there are {}",
        .releases.join(", ")
    )]
    NoSuchKernel {
        /// As asked for.
        pattern: String,
        /// Those of the image, newest first.
        releases: Vec<String>,
    },
    /// Kernel and modules would not fit each other.
    #[error("the kernel image says it is {found}, but it is installed as {release}")]
    Release {
        /// Of the package.
        release: String,
        /// In the image.
        found: String,
    },
    /// GRUB would not find the kernel.
    #[error("{0} is missing from the root: GRUB loads the kernel from there")]
    KernelMissing(TreePath),
    /// The UKI must carry it, and the loader's menu shows it.
    #[error("the root has no os-release file (package base-files?)")]
    NoOsRelease,
    /// Name and version of the system cannot name a boot entry.
    #[error("name and version of the system cannot name its boot image")]
    Name(#[source] BadBootName),
    /// No unified kernel image.
    #[error("the unified kernel image cannot be made")]
    Uki(#[source] UkiError),
    /// What it will be measured as cannot be said.
    #[error("what a TPM will hold of the unified kernel image cannot be known")]
    Measure(#[source] MeasureError),
    /// No signature about it.
    #[error("the key of PCR policies (`pcr.key`) cannot be used")]
    Policy(#[source] PolicyKeyError),
    /// No signature for firmware.
    #[error("{what} cannot be signed")]
    Sign {
        /// What of the boot chain.
        what: &'static str,
        /// Why.
        #[source]
        source: SignError,
    },
    /// No GRUB.
    #[error("GRUB's core image cannot be made")]
    Grub(#[source] GrubError),
    /// GRUB's core outgrew its partition.
    #[error("GRUB's core image has {len} bytes, over the {max} bytes of its partition")]
    CoreTooLarge {
        /// Its length.
        len: u64,
        /// Of the partition.
        max: u64,
    },
    /// No menu.
    #[error("GRUB's menu cannot be written")]
    Menu(#[source] MenuError),
    /// The tree has something else where boot files go.
    #[error("the root has no place for a boot file")]
    Root(#[source] TreeError),
    /// No EFI system partition.
    #[error("the EFI system partition cannot be laid out")]
    Esp(#[source] EspError),
    /// Its file system.
    #[error("the file system of the EFI system partition cannot be made")]
    EspFileSystem(#[source] vfat::Error),
    /// Root's file system.
    #[error("the root file system cannot be made")]
    RootFileSystem(#[source] ext4::Error),
    /// `/usr` does not become a file system.
    #[error("the file system of /usr cannot be made")]
    UsrFileSystem(#[source] UsrFsError),
    /// GRUB reads the unified kernel image too.
    #[error(
        "the layout `verified` keeps its kernel in the unified kernel image, for BIOS as well: set `image.uefi = true`"
    )]
    VerifiedNoUefi,
    /// Nobody could say what the TPM gives its key to.
    #[error(
        "`image.encrypt` seals /var to what `pcr.key` signs, and there is no such key: set `image.secure-boot.keys`"
    )]
    NoPolicyKey,
    /// A unified kernel image without a part.
    #[error("the unified kernel image has no section {0}")]
    NoSection(&'static str),
    /// GRUB reads sectors.
    #[error("section {0} of the unified kernel image does not begin at a sector")]
    Unaligned(&'static str),
    /// `image.slot-size` is too small.
    #[error("`image.slot-size` gives /usr {size}, it needs {needed} at least")]
    SlotTooSmall {
        /// What it has.
        size: Size,
        /// What it needs.
        needed: Size,
    },
    /// `image.esp_size` is too small.
    #[error("`image.esp_size` makes an EFI system partition of {size}, its files need {needed} at least")]
    EspTooSmall {
        /// As asked for, in whole MiB.
        size: Size,
        /// What would do.
        needed: Size,
    },
    /// `image.size` is too small.
    #[error(
        "`image.size` is {size}, the image needs {needed} at least ({needed_bytes} bytes){}",
        most(.largest),
        needed_bytes = .needed.bytes()
    )]
    DiskTooSmall {
        /// As asked for.
        size: Size,
        /// What would do.
        needed: Size,
        /// Whose files take the most of it, with their bytes.
        largest: Vec<(String, Size)>,
    },
    /// No partition table.
    #[error("the partitions find no place")]
    Place(#[source] PlaceError),
    /// Reading an input failed.
    #[error("reading {what} failed")]
    Read {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn most(largest: &[(String, Size)]) -> String {
    let each: Vec<String> = largest.iter().map(|(who, size)| format!("{who} ({size})")).collect();
    if each.is_empty() { String::new() } else { format!("; most of it are the files of {}", each.join(", ")) }
}
