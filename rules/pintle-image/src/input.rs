use pintle_boot::grub::Files;
use pintle_model::{Blob, Contents, Lock, System, Tree, TreePath};

/// Everything a plan is made from.
pub struct Inputs<'a> {
    /// The evaluated definition.
    pub system: &'a System,
    /// The lock: versions for the report.
    pub lock: &'a Lock,
    /// The assembled root; the plan adds to it what booting needs.
    pub root: Tree,
    /// What boots it; none for a disk without kernel.
    pub boot: Option<BootFiles<'a>>,
    /// Time of everything made here, seconds since 1970.
    pub epoch: i64,
    /// Reads the bytes of the tree and of the boot files.
    pub contents: &'a dyn Contents,
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
