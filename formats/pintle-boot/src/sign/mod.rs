//! Authenticode signatures of PE images, as UEFI Secure Boot checks them (Windows Authenticode Portable Executable
//! Signature Format, Microsoft, 2008; UEFI 2.10, 32.2): RSA PKCS #1 v1.5 with SHA-256, which is what firmware knows.
//!
//! Signing the same image twice gives the same bytes: there is no time of signing in it, and the padding is fixed.

mod cms;
mod error;
mod generate;
mod image;
mod key;

pub use error::{KeyError, SignError};
pub use generate::{GenerateError, KeyPair, Random, Subject, signing_key, signing_pair, update_key};
pub(crate) use key::private_key;
pub use key::{Signer, certificate_der};

use pintle_model::{Blob, Contents, Digest};

/// The Authenticode digest of an image without signature: what a signature is about, and what firmware's lists of
/// allowed and forbidden images hold (UEFI 2.10, 32.4.1).
///
/// # Errors
/// [`SignError`].
pub fn authenticode_digest(image: &Blob, contents: &dyn Contents) -> Result<Digest, SignError> {
    image::Unsigned::read(image, contents)?.digest(contents)
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
        let unsigned = image::Unsigned::read(image, contents)?;
        let digest = unsigned.digest(contents)?;
        let signature = self.sign_digest(&digest)?;
        unsigned.with_signature(&signature, contents)
    }
}
