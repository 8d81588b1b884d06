//! What reports are made from.

use pintle_model::{Contents, Digest, LockedPackage, LockedPath, OutputFormat, SourceId, System, Tree};
use pintle_package::UnpackedDeb;

/// Everything about a finished build.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// Version of Pintle.
    pub pintle: &'a str,
    /// The evaluated definition.
    pub system: &'a System,
    /// Time of everything made here, seconds since 1970.
    pub epoch: i64,
    /// The root file system.
    pub root: &'a Tree,
    /// The initrd.
    pub initrd: Option<&'a Tree>,
    /// Reads the bytes of trees and packages.
    pub contents: &'a dyn Contents,
    /// Packages in the lock's order.
    pub packages: &'a [PackageFact<'a>],
    /// Paths of the closure that is the system; none where there is no closure.
    pub paths: &'a [LockedPath],
    /// The disk.
    pub disk: &'a Disk,
    /// The files that were written.
    pub outputs: &'a dyn Outputs,
    /// What is worth knowing, each one a sentence.
    pub warnings: &'a [String],
    /// Rules that took something out of the packages.
    pub slimmed: &'a [SlimFact],
}

/// Tells which files were written.
pub trait Outputs: Sync {
    /// The files, images first. Waits for them where they are being written meanwhile, so this is asked last, when all
    /// else of a report is done.
    fn wait(&self) -> &[OutputFact];
}

/// One package.
#[derive(Clone, Copy)]
pub struct PackageFact<'a> {
    /// Its line in the lock.
    pub locked: &'a LockedPackage,
    /// Its index.
    pub unpacked: &'a UnpackedDeb,
    /// The pack with its file bytes.
    pub source: SourceId,
    /// Places that asked for it by name.
    pub asked_by: &'a [String],
    /// How its maintainer scripts were covered; none for what is not installed.
    pub scripts: Option<ScriptFact<'a>>,
}

/// How maintainer scripts were covered.
#[derive(Clone, Copy)]
pub struct ScriptFact<'a> {
    /// `no script`, `understood`, `recipe NAME`, `accepted: REASON`.
    pub coverage: &'a str,
    /// True where the definition accepts that a script does not run.
    pub accepted: bool,
    /// What its recipe leaves out, with reasons.
    pub left_out: &'a [String],
}

/// The disk, for people.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// Bytes.
    pub size: u64,
    /// Partitions in the order of the disk.
    pub partitions: Vec<Partition>,
    /// Kernel command line.
    pub cmdline: String,
    /// `uname -r`.
    pub kernel: Option<String>,
    /// How firmware gets to the kernel, a step each, in order.
    pub boot: Vec<BootStep>,
}

/// A partition.
#[derive(Clone, Debug)]
pub struct Partition {
    /// `PARTLABEL`.
    pub label: String,
    /// What is in it.
    pub content: String,
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub size: u64,
    /// Bytes of it that are taken.
    pub used: u64,
    /// `PARTUUID`.
    pub uuid: String,
}

/// A step of the boot chain.
#[derive(Clone, Debug)]
pub struct BootStep {
    /// What it is: `UEFI firmware`, `systemd-boot`.
    pub name: String,
    /// Where it is, and more.
    pub detail: String,
    /// Bytes that are loaded.
    pub size: Option<u64>,
    /// `uefi`, `bios` or `both`.
    pub way: &'static str,
}

/// A written file.
#[derive(Clone, Debug)]
pub struct OutputFact {
    /// Format.
    pub format: OutputFormat,
    /// Name.
    pub file: String,
    /// Bytes.
    pub size: u64,
    /// Digest; none where none was wanted.
    pub sha256: Option<Digest>,
}

/// What a rule took out of the packages.
#[derive(Clone, Debug)]
pub struct SlimFact {
    /// Its name.
    pub rule: String,
    /// Files and links.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
}
