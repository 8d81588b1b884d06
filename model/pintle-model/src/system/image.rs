//! The part of a definition that is about the image.

use super::yes;
use crate::{OutputFormat, Size};
use serde::{Deserialize, Serialize};

/// Layout of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// One writable ext4 root.
    #[default]
    Plain,
    /// A read-only `/usr` that the kernel checks with dm-verity, a root that is made at every boot, `/var` from the first
    /// boot on.
    Verified,
}

/// Shape of the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Partitions.
    #[serde(default)]
    pub layout: Layout,
    /// Formats to write.
    #[serde(default = "default_formats")]
    pub formats: Vec<OutputFormat>,
    /// Service whose command a container of this system runs; none: its init, or the only service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_service: Option<String>,
    /// Size of the disk; none: as small as the content allows plus `free`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// Free space in the root file system of the image before it grows.
    #[serde(default = "default_free")]
    pub free: Size,
    /// Size of a place for `/usr` in layout [`Layout::Verified`]; none: what it needs and a quarter more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_size: Option<Size>,
    /// Size of the EFI system partition; none: what the boot files need, twice, at least 64 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub esp_size: Option<Size>,
    /// Boot by BIOS (GRUB).
    #[serde(default = "yes")]
    pub bios: bool,
    /// Boot by UEFI (systemd-boot, UKI).
    #[serde(default = "yes")]
    pub uefi: bool,
    /// Bring an entry that starts when the tries of all others are used up, in layout [`Layout::Verified`].
    #[serde(default = "yes")]
    pub rescue: bool,
    /// Bring what talks to a TPM, in layout [`Layout::Verified`].
    #[serde(default = "yes")]
    pub tpm: bool,
    /// Encryption of `/var`, in layout [`Layout::Verified`].
    #[serde(default)]
    pub encrypt: Encrypt,
    /// Signatures of what UEFI firmware starts.
    #[serde(default, skip_serializing_if = "SecureBoot::is_off")]
    pub secure_boot: SecureBoot,
    /// File system of `/usr`, in layout [`Layout::Verified`].
    #[serde(default, skip_serializing_if = "UsrFileSystem::is_default")]
    pub usr_file_system: UsrFileSystem,
    /// A display server may be in the image.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub display_server: bool,
    /// Software bills of materials to write beside the image.
    #[serde(default = "default_sbom")]
    pub sbom: Vec<SbomFormat>,
    /// Write `NAME.html`, a page that shows what is in the image.
    #[serde(default = "yes")]
    pub report: bool,
    /// Timestamp of everything Pintle makes itself, seconds since 1970. None: the newest snapshot time of the lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
}

/// File system of `/usr` behind dm-verity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum UsrFileSystem {
    /// EROFS, not compressed: two releases that differ little have images that differ little.
    #[default]
    Erofs,
    /// The same, compressed by LZ4.
    ErofsLz4,
    /// The same, compressed by Zstandard.
    ErofsZstd,
    /// ext4.
    Ext4,
}

impl UsrFileSystem {
    /// What the kernel calls it.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Erofs | Self::ErofsLz4 | Self::ErofsZstd => "erofs",
            Self::Ext4 => "ext4",
        }
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Encryption of `/var`, decided when a machine starts for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Encrypt {
    /// None.
    #[default]
    Off,
    /// LUKS2 with a key that the TPM gives out to what is signed by `pcr.key`; a machine without a TPM is refused.
    Tpm,
    /// The same; a machine without a TPM goes without.
    TpmIfThere,
}

/// Who signs what UEFI firmware starts, and how machines come to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct SecureBoot {
    /// Folder with the keys, beside the definition; none: nothing is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
    /// What a machine in setup mode does with them.
    #[serde(default)]
    pub enrol: Enrol,
}

impl SecureBoot {
    /// Nothing is signed.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.keys.is_none()
    }
}

/// When systemd-boot enrols the keys of the image in firmware that is in setup mode (loader.conf(5),
/// `secure-boot-enroll`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Enrol {
    /// Never: the image does not even bring them.
    Off,
    /// When somebody chooses it in the menu.
    Manual,
    /// At the first start of a virtual machine; elsewhere as [`Enrol::Manual`].
    #[default]
    IfSafe,
    /// At the first start.
    Force,
}

/// Kinds of software bills of materials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SbomFormat {
    /// SPDX 2.3, JSON: `NAME.spdx.json`.
    Spdx,
    /// CycloneDX 1.6, JSON: `NAME.cdx.json`.
    CycloneDx,
}

impl SbomFormat {
    /// File name extension, without the leading dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Spdx => "spdx.json",
            Self::CycloneDx => "cdx.json",
        }
    }
}

fn default_sbom() -> Vec<SbomFormat> {
    vec![SbomFormat::Spdx, SbomFormat::CycloneDx]
}
fn default_formats() -> Vec<OutputFormat> {
    vec![OutputFormat::Raw]
}
fn default_free() -> Size {
    Size::mib(256)
}
impl Default for Image {
    fn default() -> Self {
        Self {
            layout: Layout::Plain,
            formats: default_formats(),
            container_service: None,
            size: None,
            free: default_free(),
            slot_size: None,
            esp_size: None,
            bios: true,
            uefi: true,
            rescue: true,
            tpm: true,
            encrypt: Encrypt::Off,
            secure_boot: SecureBoot::default(),
            usr_file_system: UsrFileSystem::Erofs,
            display_server: false,
            sbom: default_sbom(),
            report: true,
            epoch: None,
        }
    }
}
