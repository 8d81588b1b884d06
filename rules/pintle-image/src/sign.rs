//! What is started by UEFI firmware: measured in advance, and signed.

use crate::{Inputs, PlanError};
use pintle_boot::loader::Enrolment;
use pintle_boot::measure::{Bank, Expected, PolicyKey, pcr11};
use pintle_boot::sign::Signer;
use pintle_boot::uki::{Sections, assemble};
use pintle_model::{Blob, Digest, Enrol, Layout};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Keys of a boot chain.
#[derive(Debug)]
pub struct Signing {
    /// Signs what firmware starts: `db`.
    pub images: Signer,
    /// Signs what a TPM is expected to hold.
    pub policies: Option<PolicyKey>,
    /// Signed updates of firmware variables, by file name, for machines in setup mode.
    pub enrolment: Vec<(String, Vec<u8>)>,
}

/// What a TPM is expected to hold once a unified kernel image runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// PCR 11 by bank, then by the phases of the boot that were reached (`enter-initrd:leave-initrd`), in hexadecimal.
    pub pcr11: BTreeMap<String, BTreeMap<String, String>>,
}

/// The bank in which PCRs are expected: every TPM 2.0 has it, and it is the first that systemd chooses.
const BANK: Bank = Bank::Sha256;

/// A unified kernel image, and what it is expected to be measured as.
pub(crate) struct Made {
    pub(crate) image: Blob,
    pub(crate) measured: Option<Measured>,
}

/// Makes a unified kernel image: with policies about itself, and signed, as far as there are keys.
pub(crate) fn uki(inputs: &Inputs<'_>, stub: &[u8], sections: &Sections<'_>) -> Result<Made, PlanError> {
    let contents = inputs.contents;
    let policies = inputs.signing.and_then(|signing| signing.policies.as_ref());
    let public = policies.map(PolicyKey::public).transpose().map_err(PlanError::Policy)?.unwrap_or_default();
    let sections = Sections { pcr_key: &public, ..sections.clone() };
    let mut image = assemble(stub, &sections, contents).map_err(PlanError::Uki)?;
    // It costs reading the image once more: only where somebody may ask.
    let wanted = inputs.signing.is_some() || inputs.system.image.layout == Layout::Verified;
    let mut measured = None;
    if wanted {
        let expected = pcr11(&image, contents, &[BANK]).map_err(PlanError::Measure)?;
        if let Some(policies) = policies {
            let signature = policies.sign(&expected).map_err(PlanError::Policy)?;
            let sections = Sections { pcr_signature: &signature, ..sections };
            image = assemble(stub, &sections, contents).map_err(PlanError::Uki)?;
        }
        measured = Some(Measured { pcr11: expected.iter().map(by_phase).collect() });
    }
    Ok(Made { image: signed(inputs, "the unified kernel image", &image)?, measured })
}

fn by_phase(expected: &Expected) -> (String, BTreeMap<String, String>) {
    let hex = |value: &[u8]| value.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let phases = expected.phases.iter().map(|(path, value)| (path.clone(), hex(value)));
    (expected.bank.name().to_owned(), phases.collect())
}

/// An EFI program with a signature, where there are keys.
pub(crate) fn signed(inputs: &Inputs<'_>, what: &'static str, image: &Blob) -> Result<Blob, PlanError> {
    match inputs.signing {
        Some(signing) => {
            let signed = signing.images.sign(image, inputs.contents);
            signed.map_err(|source| PlanError::Sign { what, source })
        }
        None => Ok(image.clone()),
    }
}

/// What machines in setup mode enrol, and when.
pub(crate) fn enrolment<'a>(inputs: &Inputs<'a>) -> (Option<Enrolment>, &'a [(String, Vec<u8>)]) {
    let Some(signing) = inputs.signing else { return (None, &[]) };
    let when = match inputs.system.image.secure_boot.enrol {
        // Keys of somebody else on the partition would be offered in the menu too.
        Enrol::Off => return (Some(Enrolment::Off), &[]),
        Enrol::Manual => Enrolment::Manual,
        Enrol::IfSafe => Enrolment::IfSafe,
        Enrol::Force => Enrolment::Force,
    };
    (Some(when), &signing.enrolment)
}

/// Whose signature it is: the SHA-256 of the certificate, as firmware's menus show it.
pub(crate) fn signer(inputs: &Inputs<'_>) -> Result<Option<Digest>, PlanError> {
    let Some(signing) = inputs.signing else { return Ok(None) };
    let certificate = signing.images.certificate();
    let certificate =
        certificate.map_err(|source| PlanError::Sign { what: "the unified kernel image", source })?;
    Ok(Some(Digest::of(&certificate)))
}
