//! What partitions are for, by their types.

use pintle_disk::gpt::{Discoverable, types};
use pintle_model::Arch;
use serde::Serialize;
use uuid::Uuid;

/// What a partition is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// What UEFI firmware starts.
    EfiSystem,
    /// What BIOS firmware starts: GRUB's core image.
    BiosBoot,
    /// More room for boot entries.
    BootLoader,
    /// Data without further meaning.
    Linux,
    /// Swap.
    Swap,
    /// `/var`.
    Var,
    /// `/`.
    Root,
    /// Hashes of `/`.
    RootVerity,
    /// Signature of their root hash.
    RootSignature,
    /// `/usr`.
    Usr,
    /// Hashes of `/usr`.
    UsrVerity,
    /// Signature of their root hash.
    UsrSignature,
    /// Something else.
    Unknown,
}

/// Types that are the same on all architectures.
const FIXED: [(Uuid, Purpose); 6] = [
    (types::ESP, Purpose::EfiSystem),
    (types::BIOS_BOOT, Purpose::BiosBoot),
    (types::XBOOTLDR, Purpose::BootLoader),
    (types::LINUX, Purpose::Linux),
    (types::SWAP, Purpose::Swap),
    (types::VAR, Purpose::Var),
];

impl Purpose {
    /// Of partitions of this type.
    #[must_use]
    pub fn of(type_guid: Uuid) -> Self {
        let fixed = FIXED.iter().find(|(known, _)| *known == type_guid).map(|(_, purpose)| *purpose);
        let of_arch = || {
            let mut all = Discoverable::ALL.into_iter().flat_map(|kind| Arch::ALL.map(|arch| (kind, arch)));
            all.find(|(kind, arch)| kind.type_guid(*arch) == type_guid).map(|(kind, _)| kind.into())
        };
        fixed.or_else(of_arch).unwrap_or(Self::Unknown)
    }

    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EfiSystem => "EFI system",
            Self::BiosBoot => "BIOS boot",
            Self::BootLoader => "boot loader",
            Self::Linux => "Linux data",
            Self::Swap => "swap",
            Self::Var => "/var",
            Self::Root => "/",
            Self::RootVerity => "/ verity",
            Self::RootSignature => "/ signature",
            Self::Usr => "/usr",
            Self::UsrVerity => "/usr verity",
            Self::UsrSignature => "/usr signature",
            Self::Unknown => "unknown",
        }
    }
}

impl From<Discoverable> for Purpose {
    fn from(kind: Discoverable) -> Self {
        match kind {
            Discoverable::Root => Self::Root,
            Discoverable::RootVerity => Self::RootVerity,
            Discoverable::RootVeritySignature => Self::RootSignature,
            Discoverable::Usr => Self::Usr,
            Discoverable::UsrVerity => Self::UsrVerity,
            Discoverable::UsrVeritySignature => Self::UsrSignature,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_every_architecture_are_known() {
        assert_eq!(Purpose::of(types::ESP), Purpose::EfiSystem);
        for arch in Arch::ALL {
            assert_eq!(Purpose::of(Discoverable::UsrVerity.type_guid(arch)), Purpose::UsrVerity);
            assert_eq!(Purpose::of(arch.root_partition_type()).name(), "/");
        }
        assert_eq!(Purpose::of(Uuid::nil()), Purpose::Unknown);
    }
}
