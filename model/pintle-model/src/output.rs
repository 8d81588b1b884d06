//! What a build writes: formats by their name, and how each is made.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Output formats: containers of a disk, disks as one platform wants them, and the tree without a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OutputFormat {
    /// Sparse raw disk image.
    #[serde(rename = "raw")]
    Raw,
    /// QEMU's qcow2, version 3, compressed.
    #[serde(rename = "qcow2")]
    Qcow2,
    /// The same, compressed with zstd: half the time, for QEMU since 5.1.
    #[serde(rename = "qcow2-zstd")]
    Qcow2Zstd,
    /// Raw, gzip.
    #[serde(rename = "raw.gz")]
    RawGz,
    /// Raw, zstd.
    #[serde(rename = "raw.zst")]
    RawZst,
    /// Raw, xz.
    #[serde(rename = "raw.xz")]
    RawXz,
    /// Fixed virtual hard disk.
    #[serde(rename = "vhd")]
    Vhd,
    /// Stream-optimized VMDK.
    #[serde(rename = "vmdk")]
    Vmdk,
    /// For Digital Ocean's import of custom images.
    #[serde(rename = "digitalocean")]
    DigitalOcean,
    /// For EC2's import of snapshots.
    #[serde(rename = "ec2")]
    Ec2,
    /// For Google Compute Engine.
    #[serde(rename = "gcp")]
    Gcp,
    /// For Azure.
    #[serde(rename = "azure")]
    Azure,
    /// For OpenStack's image service.
    #[serde(rename = "openstack")]
    OpenStack,
    /// For Proxmox VE.
    #[serde(rename = "proxmox")]
    Proxmox,
    /// The tree as a tar archive.
    #[serde(rename = "tar")]
    Tar,
    /// The same, gzip.
    #[serde(rename = "tar.gz")]
    TarGz,
    /// The same, zstd.
    #[serde(rename = "tar.zst")]
    TarZst,
    /// The tree as a folder.
    #[serde(rename = "directory")]
    Directory,
    /// The tree as a container image: an OCI image layout.
    #[serde(rename = "oci")]
    Oci,
    /// The same as one tar archive.
    #[serde(rename = "oci-archive")]
    OciArchive,
}

/// Where a disk image goes, when that is more than a file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Platform {
    /// Digital Ocean.
    DigitalOcean,
    /// Amazon EC2.
    Ec2,
    /// Google Compute Engine.
    Gcp,
    /// Microsoft Azure.
    Azure,
    /// OpenStack.
    OpenStack,
    /// Proxmox VE.
    Proxmox,
}

/// How the bytes of an output are made. Formats with the same one are the same file under another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encoding {
    /// From the disk.
    Disk(DiskEncoding),
    /// From the tree.
    Tree(TreeEncoding),
}

/// Containers of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskEncoding {
    /// As it is, sparse.
    Raw,
    /// As it is, with the footer of a fixed VHD.
    Vhd,
    /// qcow2, compressed with deflate.
    Qcow2,
    /// qcow2, compressed with zstd.
    Qcow2Zstd,
    /// Stream-optimized VMDK.
    Vmdk,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
    /// xz.
    Xz,
    /// A gzip-compressed tar with the disk, of whole GiB, as its member `disk.raw`.
    GcpTar,
}

/// Containers of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TreeEncoding {
    /// pax tar.
    Tar,
    /// pax tar, gzip.
    TarGzip,
    /// pax tar, zstd.
    TarZstd,
    /// Files.
    Directory,
    /// An OCI image layout.
    Oci,
    /// An OCI image layout in a tar.
    OciArchive,
}

impl OutputFormat {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::Raw,
        Self::Qcow2,
        Self::Qcow2Zstd,
        Self::RawGz,
        Self::RawZst,
        Self::RawXz,
        Self::Vhd,
        Self::Vmdk,
        Self::DigitalOcean,
        Self::Ec2,
        Self::Gcp,
        Self::Azure,
        Self::OpenStack,
        Self::Proxmox,
        Self::Tar,
        Self::TarGz,
        Self::TarZst,
        Self::Directory,
        Self::Oci,
        Self::OciArchive,
    ];

    /// What it is called on the command line and in definitions.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Qcow2Zstd => "qcow2-zstd",
            Self::RawGz => "raw.gz",
            Self::RawZst => "raw.zst",
            Self::RawXz => "raw.xz",
            Self::Vhd => "vhd",
            Self::Vmdk => "vmdk",
            Self::DigitalOcean => "digitalocean",
            Self::Ec2 => "ec2",
            Self::Gcp => "gcp",
            Self::Azure => "azure",
            Self::OpenStack => "openstack",
            Self::Proxmox => "proxmox",
            Self::Tar => "tar",
            Self::TarGz => "tar.gz",
            Self::TarZst => "tar.zst",
            Self::Directory => "directory",
            Self::Oci => "oci",
            Self::OciArchive => "oci-archive",
        }
    }

    /// What follows the system's name and a dot in the name of the file. No two formats have the same.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Qcow2Zstd => "zstd.qcow2",
            Self::DigitalOcean => "digitalocean.raw.gz",
            Self::Ec2 => "ec2.vmdk",
            Self::Gcp => "gcp.tar.gz",
            Self::Azure => "azure.vhd",
            Self::OpenStack => "openstack.qcow2",
            Self::Proxmox => "proxmox.qcow2",
            Self::OciArchive => "oci.tar",
            other => other.name(),
        }
    }

    /// How it is made.
    #[must_use]
    pub fn encoding(self) -> Encoding {
        use DiskEncoding as D;
        use TreeEncoding as T;
        match self {
            Self::Raw => Encoding::Disk(D::Raw),
            Self::Qcow2 | Self::OpenStack | Self::Proxmox => Encoding::Disk(D::Qcow2),
            Self::Qcow2Zstd => Encoding::Disk(D::Qcow2Zstd),
            Self::RawGz | Self::DigitalOcean => Encoding::Disk(D::Gzip),
            Self::RawZst => Encoding::Disk(D::Zstd),
            Self::RawXz => Encoding::Disk(D::Xz),
            Self::Vhd | Self::Azure => Encoding::Disk(D::Vhd),
            Self::Vmdk | Self::Ec2 => Encoding::Disk(D::Vmdk),
            Self::Gcp => Encoding::Disk(D::GcpTar),
            Self::Tar => Encoding::Tree(T::Tar),
            Self::TarGz => Encoding::Tree(T::TarGzip),
            Self::TarZst => Encoding::Tree(T::TarZstd),
            Self::Directory => Encoding::Tree(T::Directory),
            Self::Oci => Encoding::Tree(T::Oci),
            Self::OciArchive => Encoding::Tree(T::OciArchive),
        }
    }

    /// True for a disk, false for the tree alone.
    #[must_use]
    pub fn is_disk(self) -> bool {
        matches!(self.encoding(), Encoding::Disk(_))
    }

    /// The platform it is for.
    #[must_use]
    pub fn platform(self) -> Option<Platform> {
        Some(match self {
            Self::DigitalOcean => Platform::DigitalOcean,
            Self::Ec2 => Platform::Ec2,
            Self::Gcp => Platform::Gcp,
            Self::Azure => Platform::Azure,
            Self::OpenStack => Platform::OpenStack,
            Self::Proxmox => Platform::Proxmox,
            _ => return None,
        })
    }
}

impl fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_and_files_are_unique() {
        let names: BTreeSet<_> = OutputFormat::ALL.map(OutputFormat::name).into();
        let files: BTreeSet<_> = OutputFormat::ALL.map(OutputFormat::extension).into();
        assert_eq!((names.len(), files.len()), (OutputFormat::ALL.len(), OutputFormat::ALL.len()));
    }
}
