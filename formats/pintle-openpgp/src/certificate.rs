//! May this key of this certificate sign documents? (RFC 9580, sections 5.2.3 and 10.1)

use crate::policy::{Reason, acceptable, check_key};
use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{KeyFlags, Signature, SignatureType, SubpacketData};
use pgp::types::{KeyDetails, Tag};

/// When a signature was made, and when it is looked at. Seconds since 1970.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) signed: i64,
    pub(crate) now: i64,
}

/// The primary key as signer.
pub(crate) fn check_primary(certificate: &SignedPublicKey, times: Times) -> Result<(), Reason> {
    let own = check_certificate(certificate, times)?;
    if own.flags.is_some_and(|flags| flags.sign()) { Ok(()) } else { Err(Reason::NotForSigning) }
}

/// One of its subkeys as signer.
pub(crate) fn check_subkey(
    certificate: &SignedPublicKey,
    subkey: &SignedPublicSubKey,
    times: Times,
) -> Result<(), Reason> {
    check_certificate(certificate, times)?;
    check_key(&subkey.key)?;
    let primary = &certificate.primary_key;
    let by_primary = |signature: &&Signature, kind| {
        signature.typ() == Some(kind) && signature.verify_subkey_binding(primary, &subkey.key).is_ok()
    };
    if subkey.signatures.iter().any(|signature| by_primary(&signature, SignatureType::SubkeyRevocation)) {
        return Err(Reason::Revoked);
    }
    let bindings = subkey.signatures.iter().filter(|s| by_primary(s, SignatureType::SubkeyBinding));
    let binding = newest(bindings, times.now).ok_or(Reason::NotBound)?;
    if !flags_of(binding).is_some_and(|flags| flags.sign()) {
        return Err(Reason::NotForSigning);
    }
    // The subkey must vouch for the primary key in turn: else anyone could adopt another's signing key.
    let back = binding.embedded_signature().ok_or(Reason::NotBound)?;
    acceptable(back, times.now).map_err(|_| Reason::NotBound)?;
    back.verify_primary_key_binding(&subkey.key, primary).map_err(|_| Reason::NotBound)?;
    check_life(&subkey.key, expiry_of(&subkey.key, binding), times)
}

/// What a certificate says of its primary key.
struct OwnWords {
    flags: Option<KeyFlags>,
}

/// The checks that concern the certificate as a whole, whichever of its keys signed.
fn check_certificate(certificate: &SignedPublicKey, times: Times) -> Result<OwnWords, Reason> {
    let primary = &certificate.primary_key;
    let details = &certificate.details;
    check_key(primary)?;
    // No policy on hashes here: a revocation is believed in doubt.
    if details.revocation_signatures.iter().any(|signature| signature.verify_key(primary).is_ok()) {
        return Err(Reason::Revoked);
    }
    let direct = details.direct_signatures.iter().filter(|signature| {
        signature.typ() == Some(SignatureType::Key) && signature.verify_key(primary).is_ok()
    });
    let direct = newest(direct, times.now);
    let users = details.users.iter().flat_map(|user| {
        let by_primary = |s: &&Signature| s.verify_certification(primary, Tag::UserId, &user.id).is_ok();
        let own: Vec<_> = user.signatures.iter().filter(by_primary).collect();
        let is_revocation = |s: &Signature| s.typ() == Some(SignatureType::CertRevocation);
        if own.iter().any(|s| is_revocation(s)) { Vec::new() } else { own }
    });
    let user = newest(users, times.now);
    // What both kinds of self-signatures say counts; the stricter end of life wins.
    let own: Vec<_> = [user, direct].into_iter().flatten().collect();
    if own.is_empty() {
        return Err(Reason::NoSelfSignature);
    }
    let expiry = own.iter().filter_map(|signature| expiry_of(primary, signature)).min();
    check_life(primary, expiry, times)?;
    Ok(OwnWords { flags: own.iter().find_map(|signature| flags_of(signature)) })
}

/// The newest signature that counts; of equally new ones the last.
fn newest<'a>(signatures: impl Iterator<Item = &'a Signature>, now: i64) -> Option<&'a Signature> {
    signatures
        .filter_map(|signature| acceptable(signature, now).ok().map(|created| (created, signature)))
        .max_by_key(|(created, _)| *created)
        .map(|(_, signature)| signature)
}

fn flags_of(signature: &Signature) -> Option<KeyFlags> {
    signature.config()?.hashed_subpackets().find_map(|part| match &part.data {
        SubpacketData::KeyFlags(flags) => Some(flags.clone()),
        _ => None,
    })
}

fn created(key: &impl KeyDetails) -> i64 {
    i64::from(key.created_at().as_secs())
}

/// When `key` ends by the word of `signature`; `None` for never (section 5.2.3.13: zero too means never).
fn expiry_of(key: &impl KeyDetails, signature: &Signature) -> Option<i64> {
    let after = signature.key_expiration_time().map_or(0, |after| i64::from(after.as_secs()));
    (after != 0).then(|| created(key) + after)
}

fn check_life(key: &impl KeyDetails, expiry: Option<i64>, times: Times) -> Result<(), Reason> {
    if times.signed < created(key) {
        return Err(Reason::OlderThanKey);
    }
    match expiry {
        Some(end) if end <= times.signed => Err(Reason::KeyWasExpired),
        Some(end) if end <= times.now => Err(Reason::KeyExpired),
        _ => Ok(()),
    }
}
