mod image;

pub use image::{Encrypt, Enrol, Image, Layout, SbomFormat, SecureBoot, UsrFileSystem};

use crate::{Arch, Command, Nix, Service, SlimRule};
use serde::{Deserialize, Serialize};

/// Version of the evaluated document this build reads and writes.
pub const SYSTEM_SCHEMA: u32 = 1;

/// The evaluated definition: what a system is, with every module already applied. The same document is accepted as
/// JSON in place of a TOML definition, so other languages can produce it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// [`SYSTEM_SCHEMA`].
    pub schema: u32,
    /// `IMAGE_ID=` of os-release; also names the outputs. Lower-case letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// `IMAGE_VERSION=` of os-release.
    pub version: String,
    /// Target architecture.
    #[serde(default)]
    pub arch: Arch,
    /// Where packages come from.
    pub source: Source,
    /// Packages asked for, sorted, without doubles.
    #[serde(default)]
    pub packages: Vec<String>,
    /// Packages whose maintainer scripts may stay uncovered, each with its reason.
    #[serde(default)]
    pub accept: Vec<Accept>,
    /// The kernel and its parameters.
    #[serde(default)]
    pub kernel: Kernel,
    /// Shape of the image.
    #[serde(default)]
    pub image: Image,
    /// Files, directories and links to add, in path order.
    #[serde(default)]
    pub files: Vec<FileSpec>,
    /// Users to add.
    #[serde(default)]
    pub users: Vec<UserSpec>,
    /// Groups to add.
    #[serde(default)]
    pub groups: Vec<GroupSpec>,
    /// Services, rendered for the init system at assembly.
    #[serde(default)]
    pub services: Vec<Service>,
    /// Units of packages to enable, disable or mask.
    #[serde(default)]
    pub units: Units,
    /// What must hold for a boot to count as good.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// How long `checks` may take, and what happens where they do not hold.
    #[serde(default, skip_serializing_if = "Health::is_default")]
    pub health: Health,
    /// What of the packages is left out; the last pattern that matches decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slim: Vec<SlimRule>,
}

impl System {
    /// Whether it is to start by itself: there is a kernel among its packages, or a closure, which has one.
    #[must_use]
    pub fn starts(&self) -> bool {
        self.kernel.is_wanted() || self.source.nix.is_some()
    }
}

/// Where a value of the definition was written: `system.toml:12:3`, or the module that set it.
pub type SourceLine = String;

/// Where the system comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The Debian archive: everything, or, where there is a closure, only what starts it.
    pub debian: Debian,
    /// A closure that is the whole system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nix: Option<Nix>,
}

/// The Debian archive, as the definition sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Debian {
    /// Suites together, the first is the base (`trixie`, `trixie-updates`, `trixie-security`).
    pub suites: Vec<Suite>,
    /// Install Recommends too.
    #[serde(default)]
    pub recommends: bool,
    /// Base URL of a snapshot archive for versions the mirror no longer has; `{time}` stands for the
    /// snapshot time (`20261115T000000Z`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// Files with further OpenPGP certificates to trust, beside the definition.
    #[serde(default)]
    pub keys: Vec<String>,
}

/// One suite and where it is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// Suite or codename, as under `dists/` (`trixie-security`).
    pub name: String,
    /// Components (`main`, `non-free-firmware`).
    pub components: Vec<String>,
    /// Base URL or local directory; none: the machine's own apt sources decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
}

/// A maintainer script the user takes responsibility for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    /// Package name.
    pub package: String,
    /// Why it is fine that its scripts do not run.
    pub reason: String,
}

/// The kernels, all with the same command line. None at all: not bootable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// Kernel package (`linux-image-cloud-amd64`); also listed in `packages`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Further kernel packages; also listed in `packages`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
    /// Releases (`uname -r`) of kernels without a package, sorted: `files` brings `/boot/vmlinuz-RELEASE` and, where
    /// it has modules, `/usr/lib/modules/RELEASE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<String>,
    /// Pattern of the release that starts by itself (`6.12.*`, `*-cloud-amd64`): of those that match, the newest.
    /// None: the newest of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Seconds for which the boot menu waits. None: 0 with one kernel, 3 with several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub menu_timeout: Option<u32>,
    /// Kernel command line, in order, without `root=`.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// Modules that the initrd must hold beyond those of the root device.
    #[serde(default)]
    pub initrd_modules: Vec<String>,
}

impl Kernel {
    /// Some kernel is to be there.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.all_packages().next().is_some() || !self.own.is_empty()
    }

    /// Every kernel package.
    pub fn all_packages(&self) -> impl Iterator<Item = &str> {
        self.package.iter().chain(&self.packages).map(String::as_str)
    }
}

pub(crate) fn yes() -> bool {
    true
}

/// What a [`FileSpec`] puts at its path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileContent {
    /// A file with this text.
    Text(String),
    /// A copy of a file or, whole, of a folder; relative to the definition.
    Copy(String),
    /// A copy of a container image, an OCI archive or layout; the build compares every byte with the digest.
    OciImage {
        /// The file or folder, relative to the definition.
        path: String,
        /// `sha256:…` of its manifest or index.
        digest: String,
    },
    /// A symbolic link with this target.
    Symlink(String),
    /// A directory.
    Directory,
}

impl FileContent {
    /// What is copied from beside the definition.
    #[must_use]
    pub fn copied(&self) -> Option<&str> {
        match self {
            Self::Copy(path) | Self::OciImage { path, .. } => Some(path),
            Self::Text(_) | Self::Symlink(_) | Self::Directory => None,
        }
    }
}

/// One file, directory or link of the definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    /// Absolute path.
    pub path: String,
    /// What is there.
    pub content: FileContent,
    /// Octal mode, as text (`"0644"`). None: 0644, 0755 for directories, the source's executable bit for copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Owner by name or number.
    #[serde(default = "root_name")]
    pub owner: String,
    /// Group by name or number.
    #[serde(default = "root_name")]
    pub group: String,
    /// Who wrote it.
    #[serde(default)]
    pub origin: SourceLine,
}

fn root_name() -> String {
    "root".into()
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserSpec {
    /// Login name.
    pub name: String,
    /// UID; none: allocated at lock time (1000 and up, below 1000 for system users).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Primary group by name; none: a group of the user's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Further groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Full name.
    #[serde(default)]
    pub description: String,
    /// Home directory; none: `/home/NAME`, `/nonexistent` for system users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// Login shell; none: `/bin/bash`, `/usr/sbin/nologin` for system users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// A system user: no home is made.
    #[serde(default)]
    pub system: bool,
    /// Keys for `~/.ssh/authorized_keys`, one line each.
    #[serde(default)]
    pub ssh_keys: Vec<String>,
    /// `crypt(3)` hash for /etc/shadow; none: no password login (`!`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    /// Who wrote it.
    #[serde(default)]
    pub origin: SourceLine,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// Name.
    pub name: String,
    /// GID; none: allocated at lock time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// A system group.
    #[serde(default)]
    pub system: bool,
    /// Who wrote it.
    #[serde(default)]
    pub origin: SourceLine,
}

/// Units of packages by full name (`nginx.service`), each sorted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Units {
    /// Enabled.
    #[serde(default)]
    pub enable: Vec<String>,
    /// Left disabled.
    #[serde(default)]
    pub disable: Vec<String>,
    /// Masked.
    #[serde(default)]
    pub mask: Vec<String>,
}

/// What must hold for a boot to count as good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
pub enum Check {
    /// A unit is active.
    Unit {
        /// Its name.
        unit: String,
    },
    /// A TCP port on this host accepts.
    Tcp {
        /// Its number.
        port: u16,
    },
    /// A URL on this host answers 2xx or 3xx.
    Http {
        /// The URL.
        url: String,
    },
    /// A command ends with success.
    Command {
        /// Its words.
        command: Command,
    },
    /// A unit has not failed, whether it runs or not.
    NotFailed {
        /// Its name.
        unit: String,
    },
    /// The network is up: an interface that must be has its address.
    Network,
}

/// How the checks of a boot are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Seconds from the start of the kernel within which all checks must hold.
    #[serde(default = "default_deadline")]
    pub deadline: u32,
    /// Seconds that one attempt of one check may take.
    #[serde(default = "default_timeout")]
    pub timeout: u32,
    /// What happens at the deadline.
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// What happens where a boot is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// A boot that is being counted ends, so that the boot loader tries again or takes what was good before; any other
    /// stays up.
    #[default]
    Reboot,
    /// The machine stays up, whatever boot it is.
    Stay,
}

impl Health {
    /// As where the definition says nothing.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Health {
    fn default() -> Self {
        Self { deadline: default_deadline(), timeout: default_timeout(), on_failure: OnFailure::Reboot }
    }
}

fn default_deadline() -> u32 {
    300
}
fn default_timeout() -> u32 {
    10
}
