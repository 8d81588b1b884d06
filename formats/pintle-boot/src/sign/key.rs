use super::cms;
use super::error::{KeyError, SignError};
use der::{Decode as _, DecodePem as _, Encode as _};
use pintle_model::Digest;
use rsa::RsaPrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePublicKey as _};
use rsa::signature::{SignatureEncoding as _, Signer as _};
use rsa::traits::PublicKeyParts as _;
use sha2::Sha256;
use std::fmt;
use x509_cert::Certificate;
use x509_cert::time::{Time, Validity};

/// A private key and its certificate. The key is overwritten when this value goes.
pub struct Signer {
    key: SigningKey<Sha256>,
    certificate: Certificate,
}

/// The certificate only: a key is in no log.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.certificate.tbs_certificate.subject)
    }
}

/// An RSA key (PKCS #8 or PKCS #1, PEM) of a length that firmware and TPMs take.
///
/// # Errors
/// [`KeyError::Key`], [`KeyError::Bits`].
pub(crate) fn private_key(text: &str) -> Result<RsaPrivateKey, KeyError> {
    of_usual_length(any_private_key(text)?)
}

fn any_private_key(text: &str) -> Result<RsaPrivateKey, KeyError> {
    let text = text.trim();
    let key = RsaPrivateKey::from_pkcs8_pem(text).ok();
    // What exactly is wrong with a key is not said: the message would be about its bytes.
    key.or_else(|| RsaPrivateKey::from_pkcs1_pem(text).ok()).ok_or(KeyError::Key)
}

fn of_usual_length(key: RsaPrivateKey) -> Result<RsaPrivateKey, KeyError> {
    let bits = key.size() * 8;
    if (2048..=4096).contains(&bits) { Ok(key) } else { Err(KeyError::Bits { bits }) }
}

/// A certificate in DER, given in DER or PEM.
///
/// # Errors
/// [`KeyError::AnyCertificate`].
pub fn certificate_der(bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
    let text = str::from_utf8(bytes).unwrap_or_default().trim();
    let certificate = match text.starts_with("-----BEGIN") {
        true => Certificate::from_pem(text),
        false => Certificate::from_der(bytes),
    };
    certificate.and_then(|certificate| certificate.to_der()).map_err(KeyError::AnyCertificate)
}

/// The subject of a certificate in DER.
///
/// # Errors
/// [`KeyError::AnyCertificate`].
pub fn subject(der: &[u8]) -> Result<String, KeyError> {
    let certificate = Certificate::from_der(der).map_err(KeyError::AnyCertificate)?;
    Ok(certificate.tbs_certificate.subject.to_string())
}

impl Signer {
    /// A key (PKCS #8 or PKCS #1, PEM) and its certificate (X.509, PEM).
    ///
    /// # Errors
    /// [`KeyError`], which never shows the key.
    pub fn new(key: &str, certificate: &str) -> Result<Self, KeyError> {
        let key = any_private_key(key)?;
        let certificate = Certificate::from_pem(certificate.trim()).map_err(KeyError::Certificate)?;
        let key = of_usual_length(key)?;
        let public = key.to_public_key().to_public_key_der().map_err(|_| KeyError::Key)?;
        let certified = certificate.tbs_certificate.subject_public_key_info.to_der();
        if certified.map_err(KeyError::Certificate)? != public.as_bytes() {
            return Err(KeyError::Mismatch);
        }
        Ok(Self { key: SigningKey::new(key), certificate })
    }

    /// The signature of an image with this Authenticode digest, in DER.
    pub(super) fn sign_digest(&self, digest: &Digest) -> Result<Vec<u8>, SignError> {
        cms::signed_data(digest, &self.certificate, |bytes| self.sign_bytes(bytes))
    }

    /// A detached signature of any bytes: PKCS #7 in DER, without signed attributes, with the certificate. What `openssl smime
    /// -sign -binary -noattr` makes, the kernel and systemd check of a dm-verity root hash (64 hexadecimal digits), and
    /// firmware of a changed variable.
    ///
    /// # Errors
    /// [`SignError::Encode`], [`SignError::Key`].
    pub fn sign_detached(&self, content: &[u8]) -> Result<Vec<u8>, SignError> {
        cms::wrapped(&self.signed_data(content)?)
    }

    /// The same without a ContentInfo around it.
    pub(crate) fn signed_data(&self, content: &[u8]) -> Result<Vec<u8>, SignError> {
        cms::detached(content, &self.certificate, |bytes| self.sign_bytes(bytes))
    }

    /// The certificate in DER.
    ///
    /// # Errors
    /// [`SignError::Encode`].
    pub fn certificate(&self) -> Result<Vec<u8>, SignError> {
        Ok(self.certificate.to_der()?)
    }

    /// First and last second, since 1970, in which the certificate says that it is valid. Firmware does not look at it.
    #[must_use]
    pub fn validity(&self) -> (i64, i64) {
        let Validity { not_before, not_after } = &self.certificate.tbs_certificate.validity;
        let seconds = |time: &Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
        (seconds(not_before), seconds(not_after))
    }

    fn sign_bytes(&self, bytes: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(self.key.try_sign(bytes).map_err(SignError::Key)?.to_vec())
    }
}
