//! What a machine is expected to measure, as the manifest of a build says it. All digests are SHA-256: every TPM 2.0 has that
//! bank, and it is the first that systemd chooses.

use super::Bank;
use pintle_model::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The bank of everything here.
pub const BANK: Bank = Bank::Sha256;

/// A value by the name of its bank.
pub type ByBank<T> = BTreeMap<String, T>;

/// What is measured where a unified kernel image runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Its Authenticode digest, which firmware measures into PCR 4.
    pub image: Digest,
    /// PCR 4, where firmware starts the boot loader, and that the image.
    pub pcr4: ByBank<Digest>,
    /// PCR 11 by the phases of the boot that were reached (`enter-initrd:leave-initrd`).
    pub pcr11: ByBank<BTreeMap<String, Digest>>,
    /// Digests of its sections, which the stub measures into PCR 11.
    pub sections: BTreeMap<String, Digest>,
}

/// What is measured before, whichever image runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredFirmware {
    /// The boot loader's Authenticode digest.
    pub loader: Digest,
    /// What decides who may start: digests of what is measured of the variables `SecureBoot`, `PK`, `KEK`, `db` and `dbx`, and,
    /// as `authority`, of the entry of `db` that was used. Empty where nothing is signed.
    pub variables: BTreeMap<String, Digest>,
    /// PCR 7, where firmware has these keys and no other; nothing where nothing is signed.
    pub pcr7: ByBank<Digest>,
    /// PCR 12: nothing from outside, no credentials, no extensions.
    pub pcr12: ByBank<Digest>,
}

/// Values in [`BANK`] by their names.
#[must_use]
pub fn by_name(all: &[(String, Vec<u8>)]) -> BTreeMap<String, Digest> {
    let digest = |value: &[u8]| value.first_chunk().map(|value| Digest::from_bytes(*value));
    all.iter().filter_map(|(name, value)| Some((name.clone(), digest(value)?))).collect()
}

/// What belongs to the whole boot, of values by the phases that were reached.
#[must_use]
pub fn after_boot<V>(phases: &BTreeMap<String, V>) -> Option<&V> {
    phases.iter().max_by_key(|(words, _)| words.len()).map(|(_, value)| value)
}

/// A value in [`BANK`].
#[must_use]
pub fn by_bank<T>(value: T) -> ByBank<T> {
    BTreeMap::from([(BANK.name().to_owned(), value)])
}
