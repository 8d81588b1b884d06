use crate::uki::PeError;
use std::io;

/// A key or certificate that cannot sign.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No key.
    #[error(
        "the key is no RSA private key in PEM (`BEGIN PRIVATE KEY` or `BEGIN RSA PRIVATE KEY`, not encrypted)"
    )]
    Key,
    /// No certificate.
    #[error("the certificate is no X.509 certificate in PEM (`BEGIN CERTIFICATE`)")]
    Certificate(#[source] der::Error),
    /// No certificate in any form.
    #[error("it is no X.509 certificate in PEM or DER")]
    AnyCertificate(#[source] der::Error),
    /// They do not belong together.
    #[error("the certificate is for another key")]
    Mismatch,
    /// Too short or too long for firmware.
    #[error("the key has {bits} bits; firmware takes RSA keys of 2048 to 4096 bits")]
    Bits {
        /// Its length.
        bits: usize,
    },
}

/// Why an image cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// No PE image.
    #[error("it is no PE image")]
    Pe(#[from] PeError),
    /// It has a signature.
    #[error("it bears a signature already; take the unsigned one")]
    Signed,
    /// No room for where the signature is.
    #[error("its headers have no entry for signatures")]
    NoDirectory,
    /// Sections with something between.
    #[error(
        "its section `{section}` begins at byte {at}, where byte {expected} was expected: tools would disagree about what a signature covers"
    )]
    Gap {
        /// The section.
        section: String,
        /// Where it is.
        at: u64,
        /// Where the one before it ends.
        expected: u64,
    },
    /// Signatures that lie elsewhere than behind everything, or are none.
    #[error("its headers say that {len} bytes of signatures are at byte {at}, and there are none")]
    Outside {
        /// Where they should be.
        at: u64,
        /// How long.
        len: u64,
    },
    /// PE images end at 4 GiB.
    #[error("with a signature it would be larger than 4 GiB")]
    TooLarge,
    /// Encoding.
    #[error("the signature cannot be encoded")]
    Encode(#[from] der::Error),
    /// Signing.
    #[error("the key does not sign")]
    Key(#[source] rsa::signature::Error),
    /// Reading the image.
    #[error("it cannot be read")]
    Read(#[from] io::Error),
}

/// Why a signature is not good.
#[derive(Debug, thiserror::Error)]
pub enum BadSignature {
    /// The image has changed.
    #[error("it is about other bytes than those of the image")]
    OtherBytes,
    /// It was not made with the key of its certificate.
    #[error("it was not made with the key of its certificate")]
    OtherKey,
    /// No certificate of its signer.
    #[error("the certificate of its signer is not in it")]
    NoCertificate,
    /// Not of the form that firmware takes.
    #[error("it is no signature of an EFI program by RSA and SHA-256")]
    Form(#[source] Option<der::Error>),
}

impl From<der::Error> for BadSignature {
    fn from(error: der::Error) -> Self {
        Self::Form(Some(error))
    }
}
