//! What is in a verity signature partition: a JSON document with root hash and signature, NULs behind it. Sources: UAPI.2
//! Discoverable Partitions Specification, "Verity"; systemd's `src/shared/dissect-image.c` (`dissected_image_load_verity_sig_partition`).

use super::format::BLOCK;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pintle_model::{Digest, Limit};
use serde_json::{Value, json};

/// Bytes of a signature partition: systemd reads no more.
const PARTITION: Limit = Limit::new(4 << 20, "bytes in a verity signature partition");

/// A signature of a root hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The root hash.
    pub root: Digest,
    /// SHA-256 of the signer's certificate in DER; a hint which of the trusted ones to take.
    pub certificate: Option<Digest>,
    /// PKCS #7 SignedData in DER, detached, about the root hash as 64 lower-case hexadecimal digits.
    pub pkcs7: Vec<u8>,
}

/// Why bytes are no signature of a root hash.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// Too much.
    #[error("more than {} {}", .0.max, .0.what)]
    Limit(Limit),
    /// What follows the document is not what fills a partition up.
    #[error("the verity signature's document is followed by other bytes than NULs")]
    Behind,
    /// No JSON.
    #[error("the verity signature is no JSON document")]
    Json(#[from] serde_json::Error),
    /// A field.
    #[error("the verity signature has no `{field}` that is {what}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What it should be.
        what: &'static str,
    },
}

impl Signature {
    /// The partition's bytes: whole blocks.
    #[must_use]
    pub fn partition(&self) -> Vec<u8> {
        let mut document = json!({"rootHash": self.root.hex(), "signature": STANDARD.encode(&self.pkcs7)});
        if let Some(certificate) = &self.certificate {
            document["certificateFingerprint"] = json!(certificate.hex());
        }
        let mut bytes = document.to_string().into_bytes();
        // One NUL at least: it ends the text.
        bytes.resize((bytes.len() + 1).next_multiple_of(BLOCK), 0);
        bytes
    }

    /// From a partition's bytes. The signature itself is not looked into.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn parse(partition: &[u8]) -> Result<Self, SignatureError> {
        if !PARTITION.allows(partition.len() as u64) {
            return Err(SignatureError::Limit(PARTITION));
        }
        let end = partition.iter().position(|byte| *byte == 0).unwrap_or(partition.len());
        let (document, behind) = partition.split_at(end);
        if behind.iter().any(|byte| *byte != 0) {
            return Err(SignatureError::Behind);
        }
        let document: Value = serde_json::from_slice(document)?;
        let digest = |field: &'static str| match document.get(field) {
            None => Ok(None),
            Some(value) => match value.as_str().map(str::parse) {
                Some(Ok(digest)) => Ok(Some(digest)),
                _ => Err(SignatureError::Field { field, what: "a SHA-256 digest" }),
            },
        };
        let missing = SignatureError::Field { field: "rootHash", what: "a SHA-256 digest" };
        let text = document.get("signature").and_then(Value::as_str);
        let pkcs7 = text.and_then(|text| STANDARD.decode(text).ok()).filter(|bytes| !bytes.is_empty());
        let pkcs7 = pkcs7.ok_or(SignatureError::Field { field: "signature", what: "base64" })?;
        Ok(Self {
            root: digest("rootHash")?.ok_or(missing)?,
            certificate: digest("certificateFingerprint")?,
            pkcs7,
        })
    }
}
