//! New keys. Where randomness comes from is the caller's affair; the same random bytes give the same keys.

use der::asn1::{BitString, ObjectIdentifier, PrintableString, UtcTime, Utf8StringRef};
use der::pem::LineEnding;
use der::{Any, DateTime, Decode as _, Encode as _, EncodePem as _, Tag};
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};
use rsa::rand_core::{CryptoRng, Error as RandomError, RngCore, impls};
use rsa::signature::{SignatureEncoding as _, Signer as _};
use rsa::{RsaPrivateKey, RsaPublicKey};
use sha2::Sha256;
use std::time::Duration;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::certificate::Version;
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate};
use zeroize::Zeroizing;

/// Bits of an RSA key: what every firmware takes (UEFI 2.10, 32.4.1 names RSA-2048), and every TPM for signed policies.
const BITS: usize = 2048;
/// Most bytes of a common name (RFC 5280, `ub-common-name`).
const NAME_MAX: usize = 64;
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
/// From RFC 8410, section 7: an ed25519 private key in PKCS #8 up to its 32 bytes, and section 4: a public one.
const ED25519_PRIVATE: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const ED25519_PUBLIC: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Fills a buffer with random bytes that nobody can know.
pub type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

/// What a certificate says.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Common name, 1 to 64 bytes of text without control characters.
    pub name: &'a str,
    /// Valid from, seconds since 1970.
    pub from: i64,
    /// Valid until, inclusive.
    pub until: i64,
}

/// A new key and what goes with it, in PEM. The private key is overwritten when this value goes.
pub struct KeyPair {
    /// PKCS #8, not encrypted.
    pub private: Zeroizing<String>,
    /// Certificate (X.509), or public key (SubjectPublicKeyInfo).
    pub public: String,
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The name.
    #[error("`{0}` cannot be the name in a certificate: 1 to 64 bytes, no control characters")]
    Name(String),
    /// The times.
    #[error("a certificate cannot be valid from {from} until {until} (seconds since 1970)")]
    Validity {
        /// As given.
        from: i64,
        /// As given.
        until: i64,
    },
    /// RSA.
    #[error("no RSA key can be made")]
    Rsa(#[from] rsa::Error),
    /// Encoding a key.
    #[error("the key cannot be encoded")]
    Pkcs8(#[from] rsa::pkcs8::Error),
    /// Encoding a public key.
    #[error("the public key cannot be encoded")]
    Public(#[from] x509_cert::spki::Error),
    /// Encoding a certificate.
    #[error("the certificate cannot be encoded")]
    Encode(#[from] der::Error),
    /// Signing it.
    #[error("the key does not sign its certificate")]
    Sign(#[from] rsa::signature::Error),
}

/// A key for Secure Boot: RSA of 2048 bits and a certificate that it signs itself. Firmware compares certificates byte for
/// byte and looks into none, so there is nothing in it but names, times and the key.
///
/// # Errors
/// [`GenerateError`].
pub fn signing_pair(random: Random<'_>, subject: &Subject<'_>) -> Result<KeyPair, GenerateError> {
    let (name, validity) = (name(subject.name)?, validity(subject)?);
    let mut serial = [0; 16];
    random(&mut serial);
    // Positive, not zero, of one length (RFC 5280, 4.1.2.2).
    serial[0] = serial[0] & 0x7f | 0x40;
    let key = RsaPrivateKey::new(&mut Source(random), BITS)?;
    let public = RsaPublicKey::from(&key).to_public_key_der()?;
    let algorithm = AlgorithmIdentifierOwned { oid: SHA256_WITH_RSA, parameters: Some(Any::null()) };
    let described = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(&serial)?,
        signature: algorithm.clone(),
        issuer: name.clone(),
        validity,
        subject: name,
        subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(public.as_bytes())?,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: None,
    };
    let private = key.to_pkcs8_pem(LineEnding::LF)?;
    let signature = SigningKey::<Sha256>::new(key).try_sign(&described.to_der()?)?;
    let certificate = Certificate {
        tbs_certificate: described,
        signature_algorithm: algorithm,
        signature: BitString::from_bytes(&signature.to_vec())?,
    };
    Ok(KeyPair { private, public: certificate.to_pem(LineEnding::LF)? })
}

/// A key that signs PCR policies, for a TPM to check: RSA of 2048 bits, and its public half.
///
/// # Errors
/// [`GenerateError`].
pub fn signing_key(random: Random<'_>) -> Result<KeyPair, GenerateError> {
    let key = RsaPrivateKey::new(&mut Source(random), BITS)?;
    let public = RsaPublicKey::from(&key).to_public_key_pem(LineEnding::LF)?;
    Ok(KeyPair { private: key.to_pkcs8_pem(LineEnding::LF)?, public })
}

/// A key that signs updates: ed25519, and its public half.
///
/// # Errors
/// [`GenerateError::Encode`].
pub fn update_key(random: Random<'_>) -> Result<KeyPair, GenerateError> {
    let mut secret = Zeroizing::new([0; 32]);
    random(secret.as_mut_slice());
    let public = ed25519_dalek::SigningKey::from_bytes(&secret).verifying_key();
    let public = [&ED25519_PUBLIC[..], public.as_bytes()].concat();
    let private = Zeroizing::new([&ED25519_PRIVATE[..], secret.as_slice()].concat());
    let pem = |label: &str, der: &[u8]| der::pem::encode_string(label, LineEnding::LF, der);
    let encode = |error: der::pem::Error| GenerateError::Encode(error.into());
    Ok(KeyPair {
        private: Zeroizing::new(pem("PRIVATE KEY", &private).map_err(encode)?),
        public: pem("PUBLIC KEY", &public).map_err(encode)?,
    })
}

fn name(text: &str) -> Result<RdnSequence, GenerateError> {
    if text.is_empty() || text.len() > NAME_MAX || text.chars().any(char::is_control) {
        return Err(GenerateError::Name(text.chars().take(80).collect()));
    }
    let value = match PrintableString::new(text) {
        Ok(plain) => Any::new(Tag::PrintableString, plain.as_bytes())?,
        Err(_) => Any::new(Tag::Utf8String, Utf8StringRef::new(text)?.as_bytes())?,
    };
    let attribute = AttributeTypeAndValue { oid: COMMON_NAME, value };
    Ok(RdnSequence(vec![RelativeDistinguishedName(vec![attribute].try_into()?)]))
}

fn validity(subject: &Subject<'_>) -> Result<Validity, GenerateError> {
    let bad = || GenerateError::Validity { from: subject.from, until: subject.until };
    // UTCTime until 2049, GeneralizedTime from then on (RFC 5280, 4.1.2.5).
    let time = |seconds: i64| {
        let date = DateTime::from_unix_duration(Duration::from_secs(u64::try_from(seconds).ok()?)).ok()?;
        Some(match UtcTime::from_date_time(date) {
            Ok(time) => Time::UtcTime(time),
            Err(_) => Time::GeneralTime(der::asn1::GeneralizedTime::from_date_time(date)),
        })
    };
    if subject.until < subject.from {
        return Err(bad());
    }
    let (not_before, not_after) = (time(subject.from), time(subject.until));
    Ok(Validity { not_before: not_before.ok_or_else(bad)?, not_after: not_after.ok_or_else(bad)? })
}

/// The random bytes in the form that `rsa` takes.
struct Source<'a>(Random<'a>);

impl RngCore for Source<'_> {
    fn next_u32(&mut self) -> u32 {
        impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        (self.0)(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Source<'_> {}
