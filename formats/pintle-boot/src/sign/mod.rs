//! Authenticode signatures of PE images, as UEFI Secure Boot checks them (Windows Authenticode Portable Executable
//! Signature Format, Microsoft, 2008; UEFI 2.10, 32.2): RSA PKCS #1 v1.5 with SHA-256, which is what firmware knows.
//!
//! Signing the same image twice gives the same bytes: there is no time of signing in it, and the padding is fixed.

mod cms;
mod error;
mod generate;
mod image;
mod key;
mod verify;

pub use error::{BadSignature, KeyError, SignError};
pub use generate::{GenerateError, KeyPair, Random, Subject, signing_key, signing_pair, update_key};
pub(crate) use key::private_key;
pub use key::{Signer, certificate_der, subject};
pub use verify::Signature;

use pintle_model::{Blob, Contents, Digest};

/// The Authenticode digest of an image, the same with and without signatures: what a signature is about, what firmware measures, and what firmware's lists of
/// allowed and forbidden images hold (UEFI 2.10, 32.4.1).
///
/// # Errors
/// [`SignError`].
pub fn authenticode_digest(image: &Blob, contents: &dyn Contents) -> Result<Digest, SignError> {
    image::Covered::read(image, contents)?.digest(contents)
}

/// The signature of an image; none: it bears none. Of several, the first.
///
/// Whether anybody trusts its signer is another question, and whether the certificate is still valid is one that firmware
/// does not ask.
///
/// # Errors
/// [`SignError`]: it is no image whose signature could be read.
pub fn signature(image: &Blob, contents: &dyn Contents) -> Result<Option<Signature>, SignError> {
    let covered = image::Covered::read(image, contents)?;
    let Some(der) = covered.signature(contents)? else { return Ok(None) };
    Ok(Some(Signature::read(&der, &covered.digest(contents)?)))
}

impl Signer {
    /// `image` with a signature behind it.
    ///
    /// The image must bear no signature, and its sections must lie back to back behind its headers: firmware and tools
    /// agree on what is hashed only then.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&self, image: &Blob, contents: &dyn Contents) -> Result<Blob, SignError> {
        let unsigned = image::Covered::unsigned(image, contents)?;
        let digest = unsigned.digest(contents)?;
        let signature = self.sign_digest(&digest)?;
        unsigned.with_signature(&signature, contents)
    }
}
