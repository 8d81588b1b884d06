//! What is started by UEFI firmware: measured in advance, and signed.

use crate::{Inputs, PlanError};
use pintle_boot::loader::Enrolment;
use pintle_boot::measure::{
    BANK, Expected, Measured, MeasuredFirmware, Policy, PolicyKey, by_bank, by_name, pcr4, pcr11,
};
use pintle_boot::secureboot::{SignatureList, Update, Variable};
use pintle_boot::sign::{Signer, authenticode_digest};
use pintle_boot::uki::{Sections, assemble};
use pintle_model::{Blob, Digest, Enrol, Layout};
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

/// A unified kernel image, and what it is expected to be measured as.
pub(crate) struct Made {
    pub(crate) image: Blob,
    pub(crate) measured: Option<Measured>,
}

/// Makes a unified kernel image: with policies about itself, and signed, as far as there are keys. `loader`: the Authenticode
/// digest of what starts it; none: nobody may ask what is measured.
pub(crate) fn uki(
    inputs: &Inputs<'_>,
    loader: Option<Digest>,
    stub: &[u8],
    sections: &Sections<'_>,
) -> Result<Made, PlanError> {
    let contents = inputs.contents;
    let policies = inputs.signing.and_then(|signing| signing.policies.as_ref());
    let public = policies.map(PolicyKey::public).transpose().map_err(PlanError::Policy)?.unwrap_or_default();
    let sections = Sections { pcr_key: &public, ..sections.clone() };
    let mut image = assemble(stub, &sections, contents).map_err(PlanError::Uki)?;
    let mut measured = None;
    if let Some(loader) = loader {
        let expected = pcr11(&image, contents, &[BANK]).map_err(PlanError::Measure)?;
        if let Some(policies) = policies {
            let signature = policies.sign(&expected).map_err(PlanError::Policy)?;
            let sections = Sections { pcr_signature: &signature, ..sections };
            image = assemble(stub, &sections, contents).map_err(PlanError::Uki)?;
        }
        let image = authenticode(inputs, UKI, &image)?;
        measured = expected.first().map(|expected| measured_as(image, loader, expected));
    }
    Ok(Made { image: signed(inputs, UKI, &image)?, measured })
}

/// Whether anybody may ask for it: it costs reading each image once more.
pub(crate) fn is_measured(inputs: &Inputs<'_>) -> bool {
    inputs.signing.is_some() || inputs.system.image.layout == Layout::Verified
}

fn measured_as(image: Digest, loader: Digest, expected: &Expected) -> Measured {
    Measured {
        image,
        pcr4: by_bank(pcr4(&[loader, image])),
        pcr11: by_bank(by_name(&expected.phases)),
        sections: by_name(&expected.sections),
    }
}

const UKI: &str = "the unified kernel image";

/// What firmware measures of an EFI program.
pub(crate) fn authenticode(
    inputs: &Inputs<'_>,
    what: &'static str,
    image: &Blob,
) -> Result<Digest, PlanError> {
    let digest = authenticode_digest(image, inputs.contents);
    digest.map_err(|source| PlanError::Sign { what, source })
}

/// What is measured before any image runs; `loader`: the Authenticode digest of the boot loader.
pub(crate) fn firmware(inputs: &Inputs<'_>, loader: Digest) -> Result<MeasuredFirmware, PlanError> {
    let mut variables = BTreeMap::new();
    let policy = match inputs.signing {
        Some(signing) => policy(signing)?,
        None => None,
    };
    if let Some(policy) = &policy {
        variables.extend(policy.variables.iter().map(|(name, digest)| ((*name).to_owned(), *digest)));
        variables.insert("authority".to_owned(), policy.authority);
    }
    let pcr7 = policy.map(|policy| by_bank(policy.pcr7())).unwrap_or_default();
    Ok(MeasuredFirmware { loader, variables, pcr7, pcr12: by_bank(Digest::from_bytes([0; 32])) })
}

/// The policy of firmware that enrolled what is given to it; none where not all of it is there.
fn policy(signing: &Signing) -> Result<Option<Policy>, PlanError> {
    let lists = |variable: Variable| -> Option<Vec<SignatureList>> {
        let file = format!("{}.auth", variable.name());
        let (_, bytes) = signing.enrolment.iter().find(|(name, _)| *name == file)?;
        Update::parse(bytes).ok().map(|update| update.lists)
    };
    let all = (lists(Variable::Pk), lists(Variable::Kek), lists(Variable::Db));
    let (Some(pk), Some(kek), Some(db)) = all else { return Ok(None) };
    Ok(Policy::new(&pk, &kek, &db, &certificate(signing)?))
}

fn certificate(signing: &Signing) -> Result<Vec<u8>, PlanError> {
    signing.images.certificate().map_err(|source| PlanError::Sign { what: UKI, source })
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
    Ok(Some(Digest::of(&certificate(signing)?)))
}
