//! Files with secret keys.

use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::install::Signer;
use pintle_model::rfc3339;
use pintle_world::clock::now;
use std::path::Path;

/// The text of a secret key's file; only its owner may be able to read it, or it is no secret any more.
pub(crate) fn read_secret(path: &Path) -> Result<String, Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |error: std::io::Error| {
        Failure::new(FailureKind::Failed, format!("cannot read {}: {error}", path.display()))
    };
    let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        let message = format!("others can read the secret key in {} (mode {mode:04o})", path.display());
        return Err(Failure::new(FailureKind::Refused, message).hint(format!("chmod 600 {}", path.display())));
    }
    std::fs::read_to_string(path).map_err(failed)
}

/// A key and its certificate, where they are given. A certificate that is not valid now is only warned about: firmware
/// does not look at it, and a machine must not lose its boot entries over it.
pub(crate) fn read_signer(
    key: Option<&Path>,
    certificate: Option<&Path>,
    reporter: &Reporter,
) -> Result<Option<Signer>, Failure> {
    let (Some(key), Some(certificate)) = (key, certificate) else { return Ok(None) };
    let text = std::fs::read_to_string(certificate).map_err(|error| {
        Failure::new(FailureKind::Failed, format!("cannot read {}: {error}", certificate.display()))
    })?;
    let bad = |error| {
        let message = format!("{} and {} cannot sign: {error}", key.display(), certificate.display());
        Failure::new(FailureKind::BadInput, message)
    };
    let signer = Signer::new(&read_secret(key)?, &text).map_err(bad)?;
    warn_of_validity(&signer, certificate, reporter);
    Ok(Some(signer))
}

/// Says so where a certificate, read from `path`, is not valid now.
pub(crate) fn warn_of_validity(signer: &Signer, path: &Path, reporter: &Reporter) {
    let (from, until) = signer.validity();
    if !(from..=until).contains(&now()) {
        reporter.say(&format!(
            "warning: {} is valid from {} until {}: firmware does not look at that, other checkers do",
            path.display(),
            rfc3339(from),
            rfc3339(until)
        ));
    }
}
