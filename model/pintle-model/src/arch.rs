use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A machine architecture. Everything that depends on it asks this type: no `amd64` constant elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// x86-64.
    #[default]
    Amd64,
    /// AArch64.
    Arm64,
}

impl Arch {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// Debian's name (`amd64`, `arm64`).
    #[must_use]
    pub fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// Debian's multiarch tuple, as in `/usr/lib/x86_64-linux-gnu`.
    #[must_use]
    pub fn multiarch(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu",
            Self::Arm64 => "aarch64-linux-gnu",
        }
    }

    /// The UEFI short name, as in `BOOTX64.EFI` and `linuxx64.efi.stub` (UEFI 2.10, table 3-3).
    #[must_use]
    pub fn efi(self) -> &'static str {
        match self {
            Self::Amd64 => "x64",
            Self::Arm64 => "aa64",
        }
    }

    /// systemd's name (`ConditionArchitecture=`), also used by the Boot Loader Specification.
    #[must_use]
    pub fn systemd(self) -> &'static str {
        match self {
            Self::Amd64 => "x86-64",
            Self::Arm64 => "arm64",
        }
    }

    /// QEMU's system emulator binary suffix.
    #[must_use]
    pub fn qemu(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// `e_machine` of its ELF files (ELF gABI, figure 4-4).
    #[must_use]
    pub fn elf_machine(self) -> u16 {
        match self {
            Self::Amd64 => 62,
            Self::Arm64 => 183,
        }
    }

    /// Type UUID of the root partition (UAPI.2 Discoverable Partitions Specification).
    #[must_use]
    pub fn root_partition_type(self) -> uuid::Uuid {
        match self {
            Self::Amd64 => uuid::uuid!("4f68bce3-e8cd-4db1-96e7-fbcaf984b709"),
            Self::Arm64 => uuid::uuid!("b921b045-1df0-41c3-af44-4c6f280d3fae"),
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.debian())
    }
}

/// The text names no architecture Pintle knows.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown architecture `{0}` (known: amd64, arm64)")]
pub struct UnknownArch(pub String);

impl FromStr for Arch {
    type Err = UnknownArch;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "amd64" => Ok(Self::Amd64),
            "arm64" => Ok(Self::Arm64),
            other => Err(UnknownArch(other.to_owned())),
        }
    }
}
