//! What this machine measured, and what its image is expected to be measured as.

use crate::places::{EVENTS, PCRS, SMALL, USERSPACE_EVENTS};
use pintle_boot::measure::{BANK, log};
use pintle_health::attest::{Attestation, Expected, ExpectedError, REGISTERS, Seen, attest as compare};
use pintle_machine::{FileError, Machine};
use std::collections::BTreeMap;

/// Longest event log that is read: firmware has some 100 kB.
const LOG: u64 = 8 << 20;

/// Why nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum AttestError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// No TPM.
    #[error("this machine has no TPM 2.0 with PCRs of SHA-256: there is no {PCRS}")]
    NoTpm,
    /// A log.
    #[error("the event log in {path} cannot be read")]
    Log {
        /// Where.
        path: &'static str,
        /// Why.
        #[source]
        source: log::LogError,
    },
    /// The manifest.
    #[error("the manifest cannot be used")]
    Manifest(#[from] ExpectedError),
}

/// Reads the TPM's PCRs and the event logs, and compares them with `manifest`, the bytes of `NAME.json`.
///
/// # Errors
/// [`AttestError`].
pub fn attest(machine: &Machine, manifest: Option<&[u8]>) -> Result<Attestation, AttestError> {
    let expected = manifest.map(Expected::parse).transpose()?;
    let mut registers = BTreeMap::new();
    for number in REGISTERS {
        let text = machine.text(&format!("{PCRS}/{number}"), SMALL)?;
        registers.extend(text.and_then(|text| Some((number, text.trim().to_lowercase().parse().ok()?))));
    }
    if registers.is_empty() {
        return Err(AttestError::NoTpm);
    }
    Ok(compare(&Seen { registers, events: events(machine)? }, expected.as_ref()))
}

fn events(machine: &Machine) -> Result<Option<Vec<log::Event>>, AttestError> {
    let Some(bytes) = machine.bytes(EVENTS, LOG)? else { return Ok(None) };
    let mut events =
        log::firmware(&bytes, BANK).map_err(|source| AttestError::Log { path: EVENTS, source })?;
    if let Some(bytes) = machine.bytes(USERSPACE_EVENTS, LOG)? {
        let later = log::userspace(&bytes, BANK);
        events.extend(later.map_err(|source| AttestError::Log { path: USERSPACE_EVENTS, source })?);
    }
    Ok(Some(events))
}
