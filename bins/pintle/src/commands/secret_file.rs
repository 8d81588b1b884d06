//! Files with secret keys.

use crate::report::{Failure, FailureKind};
use pintle_flows::install::Signer;
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

/// A key and its certificate, where they are given.
pub(crate) fn read_signer(key: Option<&Path>, certificate: Option<&Path>) -> Result<Option<Signer>, Failure> {
    let (Some(key), Some(certificate)) = (key, certificate) else { return Ok(None) };
    let text = std::fs::read_to_string(certificate).map_err(|error| {
        Failure::new(FailureKind::Failed, format!("cannot read {}: {error}", certificate.display()))
    })?;
    let bad = |error| {
        let message = format!("{} and {} cannot sign: {error}", key.display(), certificate.display());
        Failure::new(FailureKind::BadInput, message)
    };
    Signer::new(&read_secret(key)?, &text).map(Some).map_err(bad)
}
