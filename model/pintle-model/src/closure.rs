//! A Nix closure as a definition names it, and as a lock pins it.

use crate::Digest;
use serde::{Deserialize, Serialize};

/// A system that Nix evaluated and built: its toplevel with everything it refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nix {
    /// A store path (`/nix/store/…`), a link to one (`./result`), or the `boot.json` inside of it.
    pub system: String,
    /// Folder whose `nix/store` and `nix/var` are meant; none: `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// A file that says what the store holds, as `nix-store --dump-db` writes it, in place of the store's database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<String>,
    /// Binary caches, URLs or folders, asked in turn for what the local store does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caches: Vec<String>,
    /// Keys of those who may have built it (`cache.example.org-1:base64`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted_keys: Vec<String>,
    /// Name of the root file system, by which the system finds it; none: `nixos`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Folders with the boot loaders, in place of Debian's packages: `lib/systemd/boot/efi` and `lib/grub/i386-pc`, as
    /// packages of systemd and GRUB have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boot_files: Vec<String>,
    /// What becomes of secrets that the boot loader is to add to the initrd.
    #[serde(default, skip_serializing_if = "InitrdSecrets::is_default")]
    pub initrd_secrets: InitrdSecrets,
}

impl Nix {
    /// Label of the root file system; NixOS's own images have `nixos` (nixos/modules/virtualisation,
    /// `fileSystems."/"`).
    #[must_use]
    pub fn root_label(&self) -> &str {
        self.label.as_deref().unwrap_or("nixos")
    }
}

/// What becomes of a bootspec's `initrdSecrets`, a program that adds secrets of the machine to its initrd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum InitrdSecrets {
    /// No image is built: whoever has it would have the secrets.
    #[default]
    Refuse,
    /// The initrd stays without them, and the system starts without them or not at all.
    Omit,
    /// The program is run on the machine that builds, on a copy of the initrd: the image then holds the secrets.
    Run,
}

impl InitrdSecrets {
    /// True for what holds where nothing is said.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A closure, pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedClosure {
    /// Store path of the toplevel.
    pub system: String,
    /// Digest of the boot loaders, where they come from folders: of each file's name, its length and its bytes, in the
    /// order of names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_files: Option<Digest>,
    /// Its paths and all that they refer to, sorted by path.
    #[serde(default, rename = "path")]
    pub paths: Vec<LockedPath>,
}

/// One store path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPath {
    /// `/nix/store/HASH-NAME`.
    pub path: String,
    /// SHA-256 of its archive (NAR).
    pub nar: Digest,
    /// Bytes of its archive.
    pub size: u64,
    /// Base names of the paths it refers to, itself included, sorted.
    #[serde(default)]
    pub references: Vec<String>,
    /// How its name follows from its content (`fixed:r:sha256:…`), where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

/// Digits of a path that no other path has.
const HASH: usize = 32;

impl LockedPath {
    /// The digits that no other path has, and what stands behind them: `glibc-2.41`.
    #[must_use]
    pub fn hash_and_name(&self) -> (&str, &str) {
        let base = self.path.rsplit('/').next().unwrap_or(&self.path);
        let (hash, name) = base.split_at_checked(HASH).unwrap_or((base, ""));
        (hash, name.strip_prefix('-').unwrap_or(name))
    }
}

/// `glibc-2.41` as name and version: that begins at the first dash that no letter follows (Nix manual,
/// `builtins.parseDrvName`).
#[must_use]
pub fn name_and_version(text: &str) -> (&str, Option<&str>) {
    let mut dashes = text.match_indices('-').map(|(at, _)| at);
    let begins = dashes.find(|at| text[at + 1..].chars().next().is_some_and(|c| !c.is_alphabetic()));
    begins.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_are_told_apart() {
        assert_eq!(name_and_version("glibc-2.41"), ("glibc", Some("2.41")));
        assert_eq!(name_and_version("stage-1-init.sh"), ("stage", Some("1-init.sh")));
        assert_eq!(name_and_version("system-path"), ("system-path", None));
        assert_eq!(name_and_version("nixos-24.11pre-git"), ("nixos", Some("24.11pre-git")));
    }
}
