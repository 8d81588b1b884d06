use crate::KeyRing;
use crate::certificate::{Times, check_primary, check_subkey};
use crate::cleartext::{self, FrameError};
use crate::policy::{Reason, acceptable};
use pgp::armor::{BlockType, Dearmor};
use pgp::composed::SignedPublicKey;
use pgp::packet::{Packet, PacketParser, Signature, SignatureType};
use pgp::types::KeyDetails as _;
use std::fmt::Write as _;
use std::io::BufReader;

/// Signatures looked at in one document; Debian's have at most four.
const SIGNATURES_MAX: usize = 32;

/// A text with a good signature. Made only by [`verify_clearsigned`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    text: String,
    fingerprint: String,
    signed_at: i64,
}

impl Signed {
    /// Exactly what was signed: dash-escapes undone, trailing blanks off, lines ended by LF.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Fingerprint of the primary key of the certificate that signed, upper-case hexadecimal. Of several good
    /// signatures the first.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// When, in seconds since 1970.
    #[must_use]
    pub fn signed_at(&self) -> i64 {
        self.signed_at
    }
}

/// One signature that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Fingerprint or key id of the key it names, upper-case hexadecimal.
    pub key: String,
    /// Why.
    pub reason: Reason,
}

/// A document is not signed by anyone trusted.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Its form.
    #[error("the document cannot be checked")]
    Frame(#[from] FrameError),
    /// Its signatures cannot be read.
    #[error("the signature of the document is damaged")]
    Damaged(#[source] Box<pgp::errors::Error>),
    /// There is something else where the signatures should be, or far too many of them.
    #[error("the signature of the document is damaged")]
    NotSignatures,
    /// None of its signatures counts.
    #[error("{}", list(.refusals, .trusted))]
    Refused {
        /// Each signature, with the reason.
        refusals: Vec<Refusal>,
        /// The trusted certificates.
        trusted: Vec<String>,
    },
}

fn list(refusals: &[Refusal], trusted: &[String]) -> String {
    let mut text = String::from("no signature of the document counts:");
    for Refusal { key, reason } in refusals {
        write!(text, "\n  by {key}: {reason}").expect("invariant: a String takes every write");
    }
    if refusals.is_empty() {
        text.push_str("\n  it has none");
    }
    text.push_str("\ntrusted are:");
    for name in trusted {
        write!(text, "\n  {name}").expect("invariant: a String takes every write");
    }
    if trusted.is_empty() {
        text.push_str("\n  nobody");
    }
    text
}

/// Checks a clear-signed document at the time `now` (seconds since 1970): one good signature by a key of `keys` that
/// may sign, was valid when it did and still is, is enough.
///
/// # Errors
/// [`VerifyError`]. Nothing of an unverified text is returned.
pub fn verify_clearsigned(document: &[u8], keys: &KeyRing, now: i64) -> Result<Signed, VerifyError> {
    let frame = cleartext::parse(document)?;
    let mut refusals = Vec::new();
    for signature in signatures(frame.armor)? {
        match check(&signature, &frame.hashed, keys, now) {
            Ok((fingerprint, signed_at)) => return Ok(Signed { text: frame.text, fingerprint, signed_at }),
            Err(reason) => refusals.push(Refusal { key: issuer(&signature), reason }),
        }
    }
    Err(VerifyError::Refused { refusals, trusted: keys.names() })
}

fn signatures(armor: &str) -> Result<Vec<Signature>, VerifyError> {
    let damaged = |error| VerifyError::Damaged(Box::new(error));
    let mut dearmor = Dearmor::new(armor.as_bytes());
    dearmor.read_header().map_err(damaged)?;
    if dearmor.typ != Some(BlockType::Signature) {
        return Err(VerifyError::NotSignatures);
    }
    let mut found = Vec::new();
    for packet in PacketParser::new(BufReader::new(dearmor)) {
        match packet.map_err(damaged)? {
            Packet::Signature(signature) if found.len() < SIGNATURES_MAX => found.push(signature),
            _ => return Err(VerifyError::NotSignatures),
        }
    }
    Ok(found)
}

/// The key a signature names, as far as that can be trusted: for messages.
fn issuer(signature: &Signature) -> String {
    let fingerprint = signature.issuer_fingerprint().first().map(|fingerprint| format!("{fingerprint:X}"));
    let id = || signature.issuer_key_id().first().map(|id| id.to_string().to_uppercase());
    fingerprint.or_else(id).unwrap_or_else(|| "an unnamed key".to_owned())
}

/// Fingerprint of the certificate that made `signature` over `hashed`, and when.
fn check(signature: &Signature, hashed: &[u8], keys: &KeyRing, now: i64) -> Result<(String, i64), Reason> {
    if !matches!(signature.typ(), Some(SignatureType::Text | SignatureType::Binary)) {
        return Err(if signature.config().is_some() { Reason::Kind } else { Reason::NotUnderstood });
    }
    let times = Times { signed: acceptable(signature, now)?, now };
    if signature.issuer_fingerprint().is_empty() && signature.issuer_key_id().is_empty() {
        return Err(Reason::NoIssuer);
    }
    // Key ids can be made to collide: every key that fits is tried, the first refusal is reported.
    let mut refused = None;
    for certificate in &keys.certificates {
        match by_certificate(signature, hashed, certificate, times) {
            Some(Ok(())) => return Ok((format!("{:X}", certificate.fingerprint()), times.signed)),
            Some(Err(reason)) => refused = refused.or(Some(reason)),
            None => {}
        }
    }
    Err(refused.unwrap_or(Reason::UnknownKey))
}

/// `None` when no key of `certificate` is the one that `signature` names.
fn by_certificate(
    signature: &Signature,
    hashed: &[u8],
    certificate: &SignedPublicKey,
    times: Times,
) -> Option<Result<(), Reason>> {
    let good = |verified: pgp::errors::Result<()>| verified.map_err(|_| Reason::BadSignature);
    let primary = &certificate.primary_key;
    if names(signature, primary) {
        let verified = good(signature.verify(primary, hashed));
        return Some(verified.and_then(|()| check_primary(certificate, times)));
    }
    let subkey = certificate.public_subkeys.iter().find(|subkey| names(signature, &subkey.key))?;
    let verified = good(signature.verify(&subkey.key, hashed));
    Some(verified.and_then(|()| check_subkey(certificate, subkey, times)))
}

fn names(signature: &Signature, key: &impl pgp::types::KeyDetails) -> bool {
    let by_fingerprint = signature.issuer_fingerprint();
    if !by_fingerprint.is_empty() {
        return by_fingerprint.contains(&&key.fingerprint());
    }
    signature.issuer_key_id().contains(&&key.legacy_key_id())
}
