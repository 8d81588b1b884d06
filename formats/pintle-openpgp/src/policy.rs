//! Which signatures count.

use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureVersion, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails, PublicParams};

/// A signing clock may be this many seconds ahead of ours.
pub(crate) const CLOCK_SKEW: i64 = 300;
/// Shortest RSA modulus, in bits.
const RSA_MIN: u16 = 2048;

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// None of the trusted certificates has this key.
    #[error("this key is not trusted")]
    UnknownKey,
    /// It does not say who made it.
    #[error("it does not name its key")]
    NoIssuer,
    /// It signs something else than a text.
    #[error("it is no signature of a document")]
    Kind,
    /// The text, or the signature, was changed.
    #[error("the text is not what was signed")]
    BadSignature,
    /// MD5, SHA-1, RIPEMD-160, or one we do not know.
    #[error("its hash algorithm {0} is too weak or unknown")]
    Hash(String),
    /// DSA, Elgamal, short RSA, or one we do not know.
    #[error("its key is too weak or of an unknown algorithm ({0})")]
    Algorithm(String),
    /// An old or unknown version of signature, or a part of it is marked critical and unknown.
    #[error("it has parts that are not understood")]
    NotUnderstood,
    /// It has no creation time.
    #[error("it does not say when it was made")]
    NoTime,
    /// It was made after now.
    #[error("it is from the future (check the clock of this machine)")]
    Future,
    /// It says itself that it no longer counts.
    #[error("it has expired")]
    SignatureExpired,
    /// The key did not exist then.
    #[error("it is older than its key")]
    OlderThanKey,
    /// The certificate or the subkey has expired.
    #[error("its key has expired")]
    KeyExpired,
    /// The key had expired when it signed.
    #[error("its key had expired when it was made")]
    KeyWasExpired,
    /// The certificate or the subkey is revoked.
    #[error("its key is revoked")]
    Revoked,
    /// No self-signature that counts.
    #[error("its key has no valid self-signature")]
    NoSelfSignature,
    /// The primary key does not (or no longer) vouch for the subkey, or the subkey not for it.
    #[error("its subkey is not bound to the certificate")]
    NotBound,
    /// The key is for encryption or certification only.
    #[error("its key is not meant for signing documents")]
    NotForSigning,
}

/// The creation time, if the signature by itself (whatever it signs) counts at `now`.
pub(crate) fn acceptable(signature: &Signature, now: i64) -> Result<i64, Reason> {
    let config = signature.config().ok_or(Reason::NotUnderstood)?;
    if !matches!(signature.version(), SignatureVersion::V4 | SignatureVersion::V6) {
        return Err(Reason::NotUnderstood);
    }
    check_hash(config.hash_alg)?;
    // RFC 9580, section 5.2.3.7: an unknown critical part makes the signature an error.
    let unknown = |data: &SubpacketData| {
        use SubpacketData as S;
        matches!(data, S::Other(..) | S::Experimental(..) | S::Notation(..) | S::RegularExpression(..))
    };
    if config.hashed_subpackets().any(|part| part.is_critical && unknown(&part.data)) {
        return Err(Reason::NotUnderstood);
    }
    let created = i64::from(signature.created().ok_or(Reason::NoTime)?.as_secs());
    if created > now + CLOCK_SKEW {
        return Err(Reason::Future);
    }
    match signature.signature_expiration_time().map_or(0, |after| i64::from(after.as_secs())) {
        0 => Ok(created),
        after if created + after > now => Ok(created),
        _ => Err(Reason::SignatureExpired),
    }
}

fn check_hash(hash: HashAlgorithm) -> Result<(), Reason> {
    use HashAlgorithm as H;
    match hash {
        H::Sha224 | H::Sha256 | H::Sha384 | H::Sha512 | H::Sha3_256 | H::Sha3_512 => Ok(()),
        weak => Err(Reason::Hash(weak.to_string())),
    }
}

/// Whether this kind and size of key still counts.
pub(crate) fn check_key(key: &impl KeyDetails) -> Result<(), Reason> {
    use PublicParams as P;
    let refused = || Reason::Algorithm(format!("{:?}", key.algorithm()));
    match key.public_params() {
        P::ECDSA(_) | P::EdDSALegacy(_) | P::Ed25519(_) | P::Ed448(_) => Ok(()),
        P::RSA(rsa) => {
            // The first part of an RSA key is its modulus, led by its length in bits (section 3.2).
            let bytes = rsa.to_bytes().map_err(|_| refused())?;
            let bits = bytes.first_chunk().map_or(0, |length| u16::from_be_bytes(*length));
            if bits >= RSA_MIN { Ok(()) } else { Err(Reason::Algorithm(format!("RSA of {bits} bits"))) }
        }
        _ => Err(refused()),
    }
}
