//! The text form of a recipe: TOML, one file per package.

use crate::effect::{AddUser, Alternative, Existing, Scope};
use pintle_model::Digest;
use serde::Deserialize;

/// What stands in for a package's maintainer scripts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Package name; one `*` stands for any text (`linux-image-*`).
    pub package: String,
    /// What the scripts would have done and how this covers it.
    pub why: String,
    /// The scripts it was written for.
    #[serde(default, rename = "script")]
    pub scripts: Vec<KnownScript>,
    /// Packages that it recommends and without which it does not work as it comes: they are installed with it.
    #[serde(default)]
    pub recommends: Vec<String>,
    /// Effects that Pintle makes by itself.
    #[serde(default)]
    pub native: Vec<Native>,
    /// What is deliberately left out, and why.
    #[serde(default, rename = "left-out")]
    pub left_out: Vec<String>,
    /// Users.
    #[serde(default, rename = "user")]
    pub users: Vec<AddUser>,
    /// Groups.
    #[serde(default, rename = "group")]
    pub groups: Vec<GroupItem>,
    /// Users that enter groups.
    #[serde(default, rename = "member")]
    pub members: Vec<MemberItem>,
    /// Directories.
    #[serde(default, rename = "directory")]
    pub directories: Vec<DirectoryItem>,
    /// Files.
    #[serde(default, rename = "file")]
    pub files: Vec<FileItem>,
    /// Configuration files that ucf(1) looks after.
    #[serde(default, rename = "ucf")]
    pub ucf: Vec<UcfItem>,
    /// Symbolic links.
    #[serde(default, rename = "link")]
    pub links: Vec<LinkItem>,
    /// Paths that go away.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Changes of owner, group and mode.
    #[serde(default, rename = "change")]
    pub changes: Vec<ChangeItem>,
    /// Changes of owner, group and mode that dpkg remembers.
    #[serde(default, rename = "statoverride")]
    pub overrides: Vec<OverrideItem>,
    /// Files that run with capabilities.
    #[serde(default, rename = "capability")]
    pub capabilities: Vec<CapabilityItem>,
    /// Candidates for generic names.
    #[serde(default, rename = "alternative")]
    pub alternatives: Vec<Alternative>,
    /// Diversions.
    #[serde(default, rename = "divert")]
    pub diversions: Vec<DivertItem>,
    /// Units to enable.
    #[serde(default, rename = "enable")]
    pub enable: Vec<EnableItem>,
    /// Modules of PHP to enable.
    #[serde(default, rename = "php-module")]
    pub php_modules: Vec<PhpModuleItem>,
    /// What of Apache's is enabled.
    #[serde(default)]
    pub apache: Vec<ApacheItem>,
    /// Commands that the machine runs once.
    #[serde(default, rename = "first-boot")]
    pub first_boot: Vec<FirstBootItem>,
}

/// A script the recipe was written for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownScript {
    /// `preinst` or `postinst`.
    pub name: String,
    /// Package versions it was seen in, for people.
    pub version: String,
    /// Digest of its normalised text ([`super::normalise`]).
    pub sha256: Digest,
    /// Fingerprints of its lines, to show what is new in another version.
    #[serde(default)]
    pub lines: String,
}

/// An effect that Pintle makes by itself.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Native {
    /// passwd and group from base-passwd's masters.
    BasePasswd,
    /// shadow and gshadow.
    Shadow,
    /// /etc/shells from shells.d.
    Shells,
    /// The bundle and links of /etc/ssl/certs.
    CaCertificates,
    /// The common files of PAM.
    Pam,
    /// ld.so.cache.
    LdSoCache,
    /// The index of kernel modules.
    KernelModules,
    /// hwdb.bin.
    Hwdb,
    /// The journal's message catalog.
    JournalCatalog,
    /// The initrd and the boot entry.
    Initrd,
    /// /etc/machine-id, uninitialized until the first boot.
    MachineId,
    /// SSH host keys, made at the first boot.
    SshHostKeys,
}

/// A system group.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupItem {
    /// Name.
    pub name: String,
    /// GID, where it is fixed.
    pub gid: Option<u32>,
}

/// A user that enters a group.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberItem {
    /// The user.
    pub user: String,
    /// The group.
    pub group: String,
}

/// A module of PHP, enabled for every interface.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhpModuleItem {
    /// `8.4`
    pub version: String,
    /// `opcache`
    pub name: String,
}

/// Something of Apache's that is enabled, without suffix.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApacheItem {
    /// Its folder is this with `-available`.
    pub kind: ApacheKind,
    /// Names, without suffix.
    pub names: Vec<String>,
}

/// The three folders of Apache's.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApacheKind {
    /// Modules.
    Mods,
    /// Settings.
    Conf,
    /// Sites.
    Sites,
}

/// Commands that need the machine: keys and databases that no two machines may share. They become a unit of systemd.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstBootItem {
    /// The unit is `first-boot-NAME.service`.
    pub name: String,
    /// What the unit does, for people.
    pub description: String,
    /// Nothing is done where this path exists.
    pub unless: Option<String>,
    /// Nothing is done where this folder has something in it.
    #[serde(rename = "unless-filled")]
    pub unless_filled: Option<String>,
    /// Nothing is done where this path does not exist.
    pub when: Option<String>,
    /// Commands as ExecStart= takes them, one after the other.
    pub run: Vec<String>,
    /// The user that runs them; root if not given.
    pub user: Option<String>,
    /// Units that wait for it and that bring it in; without any, every boot does until it is done.
    #[serde(default)]
    pub before: Vec<String>,
    /// Units that it waits for.
    #[serde(default)]
    pub after: Vec<String>,
}

/// A directory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryItem {
    /// Absolute path.
    pub path: String,
    /// Octal mode, as text; `0755` if not given.
    pub mode: Option<String>,
    /// Owner.
    pub owner: Option<String>,
    /// Group.
    pub group: Option<String>,
}

/// A file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileItem {
    /// Absolute path.
    pub path: String,
    /// Its text; or else `copy`.
    pub text: Option<String>,
    /// Absolute path in the tree of the file to copy.
    pub copy: Option<String>,
    /// Octal mode, as text.
    pub mode: Option<String>,
    /// Owner.
    pub owner: Option<String>,
    /// Group.
    pub group: Option<String>,
    /// What happens to a file that is there.
    #[serde(default)]
    pub existing: Existing,
}

/// A configuration file that ucf(1) looks after.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UcfItem {
    /// Absolute path of the file in the package.
    pub source: String,
    /// Absolute path of the configuration file.
    pub path: String,
}

/// A symbolic link.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkItem {
    /// Absolute path.
    pub path: String,
    /// Target as written.
    pub target: String,
    /// What happens to what is there.
    #[serde(default)]
    pub existing: Existing,
}

/// A change of owner, group or mode.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeItem {
    /// Absolute path.
    pub path: String,
    /// Octal mode, as text.
    pub mode: Option<String>,
    /// Owner.
    pub owner: Option<String>,
    /// Group.
    pub group: Option<String>,
}

/// A line of dpkg's statoverride file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverrideItem {
    /// Absolute path.
    pub path: String,
    /// Octal mode, as text.
    pub mode: String,
    /// Owner.
    pub owner: String,
    /// Group.
    pub group: String,
}

/// A file that runs with capabilities.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapabilityItem {
    /// Absolute path.
    pub path: String,
    /// As setcap(8) takes them: `cap_net_raw+ep`.
    pub capabilities: String,
}

/// A diversion.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DivertItem {
    /// Absolute path as packages ship it.
    pub from: String,
    /// Where other packages' files go.
    pub to: String,
    /// Whose own file stays; none: the recipe's package.
    pub package: Option<String>,
}

/// A unit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnableItem {
    /// Full name.
    pub unit: String,
    /// Its manager.
    #[serde(default)]
    pub scope: Scope,
    /// Enabled whatever presets say.
    #[serde(default)]
    pub always: bool,
}
