use crate::{Arch, Digest, LockedClosure};
use serde::{Deserialize, Serialize};

/// Version of the lock format this build writes.
pub const LOCK_SCHEMA: u32 = 1;

/// The exact inputs of a build, as `pintle lock` decided them. The text form (TOML, byte-for-byte stable) is read
/// and written by `pintle-resolve`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// [`LOCK_SCHEMA`].
    pub version: u32,
    /// Digest of what was asked for (suites, components, packages, accepted scripts, users and groups); a build compares it to
    /// see whether the lock still answers the definition.
    pub request: Digest,
    /// Target architecture.
    pub arch: Arch,
    /// Suites, in the definition's order.
    #[serde(default, rename = "suite")]
    pub suites: Vec<LockedSuite>,
    /// Packages, sorted by name.
    #[serde(default, rename = "package")]
    pub packages: Vec<LockedPackage>,
    /// Users with a number of their own here (not those of base-passwd), sorted by name.
    #[serde(default, rename = "user")]
    pub users: Vec<LockedUser>,
    /// Groups likewise.
    #[serde(default, rename = "group")]
    pub groups: Vec<LockedGroup>,
    /// The closure that is the system, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closure: Option<LockedClosure>,
}

/// Names a suite within a lock (`trixie-security`).
pub type SuiteTag = String;

/// One suite of the archive as it stood at lock time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedSuite {
    /// Suite or codename, as under `dists/`.
    pub name: SuiteTag,
    /// Components that were read.
    pub components: Vec<String>,
    /// `Date` of the InRelease, RFC 3339 UTC: the snapshot time.
    pub snapshot: String,
    /// Digest of the InRelease.
    pub inrelease: Digest,
    /// Fingerprint of the (primary) key whose signature was accepted, upper-case hexadecimal.
    pub signed_by: String,
}

/// What a package is locked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum PackageRole {
    /// Part of the system.
    #[default]
    System,
    /// Only parts of it enter the boot chain (EFI stub, GRUB modules); it is not installed, its dependencies are not followed.
    Boot,
}

impl PackageRole {
    fn is_system(&self) -> bool {
        *self == Self::System
    }
}

/// One package, pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPackage {
    /// Binary package name.
    pub name: String,
    /// Full version with epoch and revision.
    pub version: String,
    /// `Architecture` field: the target's, or `all`.
    pub arch: String,
    /// Suite it was taken from.
    pub suite: SuiteTag,
    /// `Filename`: path below the mirror.
    pub path: String,
    /// Bytes of the .deb.
    pub size: u64,
    /// Digest of the .deb.
    pub sha256: Digest,
    /// Why it is here.
    #[serde(default, skip_serializing_if = "PackageRole::is_system")]
    pub role: PackageRole,
    /// When the archive still had it, RFC 3339 UTC; none: at the snapshot time of its suite. Set where a package was
    /// kept while its suite moved on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
}

/// A user whose UID was allocated at lock time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedUser {
    /// Login name.
    pub name: String,
    /// UID.
    pub uid: u32,
}

/// A group whose GID was allocated at lock time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedGroup {
    /// Group name.
    pub name: String,
    /// GID.
    pub gid: u32,
}
