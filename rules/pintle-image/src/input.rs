use crate::sign::Signing;
use pintle_boot::grub::Files;
use pintle_fs::erofs::Packed;
use pintle_model::{Blob, Contents, Lock, System, Tree, TreePath};
use std::sync::Arc;

/// Everything a plan is made from.
pub struct Inputs<'a> {
    /// The evaluated definition.
    pub system: &'a System,
    /// The lock: versions for the report.
    pub lock: &'a Lock,
    /// The assembled root; the plan adds to it what booting needs.
    pub root: Tree,
    /// `/usr` by itself, where nothing else of the root is on the disk ([`pintle_model::Layout::Verified`]).
    pub usr: Option<Tree>,
    /// Its files in compressed form, where the file system that the definition wants has them so.
    pub usr_packed: Option<Arc<Packed>>,
    /// What boots it; none for a disk without kernel.
    pub boot: Option<BootFiles<'a>>,
    /// Keys of the boot chain; none: nothing is signed.
    pub signing: Option<&'a Signing>,
    /// Who sees to it that root is found, mounted and grown.
    pub mounting: Mounting,
    /// Time of everything made here, seconds since 1970.
    pub epoch: i64,
    /// Folder that holds `RELEASE/` with the modules of each kernel.
    pub modules: TreePath,
    /// Reads the bytes of the tree and of the boot files.
    pub contents: &'a dyn Contents,
}

/// Who sees to it that root is found, mounted and grown.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Mounting {
    /// The plan: `root=` on the command line, `/etc/fstab`, a definition for systemd-repart.
    #[default]
    Planned,
    /// The system itself, which looks for a file system of this label; nothing is added for it.
    ByLabel(String),
}

/// Kernels and the ways to them.
pub struct BootFiles<'a> {
    /// One at least, in any order.
    pub kernels: Vec<KernelFiles>,
    /// For `image.uefi`.
    pub efi: Option<EfiFiles>,
    /// For `image.bios`.
    pub grub: Option<GrubFiles<'a>>,
}

/// A kernel.
#[derive(Clone, Debug)]
pub struct KernelFiles {
    /// Its image.
    pub image: Blob,
    /// Where it is in the root: GRUB loads it from there.
    pub path: TreePath,
    /// `uname -r` of it.
    pub release: String,
    /// The initrd; none where the kernel has all it needs built in.
    pub initrd: Option<Blob>,
    /// Where the initrd is in the root; none: the plan puts it there.
    pub initrd_path: Option<TreePath>,
    /// How this entry differs from others of the system; none: the plan's command line, `kernel.default` chooses.
    pub variant: Option<Variant>,
}

/// A boot entry of a system that describes its entries itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Tells it from the others in names of files; empty for the one that starts by itself.
    pub name: String,
    /// For menus.
    pub title: String,
    /// The whole command line.
    pub cmdline: String,
    /// Its os-release file.
    pub os_release: Vec<u8>,
}

/// Files of systemd's boot packages.
pub struct EfiFiles {
    /// `linux*.efi.stub`.
    pub stub: Blob,
    /// `systemd-boot*.efi`.
    pub systemd_boot: Blob,
}

/// Files of GRUB's package.
pub struct GrubFiles<'a> {
    /// Gives a file below `i386-pc/` by name.
    pub files: &'a Files<'a>,
}
