//! Measured boot: what a TPM's PCR 11 holds after systemd's stub and each phase of the boot, from the unified kernel image
//! alone; and signatures of it, by which a TPM gives out a secret to every image whose maker has the key.
//!
//! Sources: UAPI.7 Linux TPM PCR Registry; systemd 257's `src/boot/stub.c` and `src/measure/measure.c`; TPM 2.0 Library
//! Specification, parts 2 and 3.

mod firmware;
pub mod log;
mod manifest;
mod policy;
mod predict;

pub use firmware::{Policy, pcr4};
pub use manifest::{BANK, ByBank, Measured, MeasuredFirmware, after_boot, by_bank, by_name};
pub use policy::{PolicyKey, PolicyKeyError, policy};
pub use predict::{Expected, MeasureError, pcr11};

use sha2::digest::DynDigest;

/// Which PCR the stub and the phases are measured into (`TPM2_PCR_KERNEL_BOOT`).
pub const PCR: u8 = 11;
/// Words that `systemd-pcrphase` measures one after the other until the system is up.
pub const PHASES: [&str; 4] = ["enter-initrd", "leave-initrd", "sysinit", "ready"];

/// PCRs of one hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bank {
    /// SHA-256, which every TPM 2.0 has.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Bank {
    /// systemd's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// `TPM_ALG_ID` (TPM 2.0 Library, part 2, table 9).
    fn algorithm(self) -> u16 {
        match self {
            Self::Sha256 => 0x000b,
            Self::Sha384 => 0x000c,
            Self::Sha512 => 0x000d,
        }
    }

    fn hasher(self) -> Box<dyn DynDigest> {
        match self {
            Self::Sha256 => Box::<sha2::Sha256>::default(),
            Self::Sha384 => Box::<sha2::Sha384>::default(),
            Self::Sha512 => Box::<sha2::Sha512>::default(),
        }
    }

    fn hash(self, bytes: &[u8]) -> Box<[u8]> {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        hasher.finalize()
    }
}

/// A register: it can only be extended.
#[derive(Clone, Debug)]
struct Register {
    bank: Bank,
    value: Box<[u8]>,
}

impl Register {
    /// As a machine starts: zeros.
    fn new(bank: Bank) -> Self {
        let value = vec![0; bank.hasher().output_size()].into();
        Self { bank, value }
    }

    /// `PCR_Extend` (TPM 2.0 Library, part 1, 17.2): the hash of what it was and of a digest.
    fn extend(&mut self, digest: &[u8]) {
        self.value = self.bank.hash(&[&self.value, digest].concat());
    }
}
