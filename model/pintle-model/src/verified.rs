use crate::{Digest, Hashed};

/// A value whose bytes were compared with an expected digest. There is no other way to make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T> {
    value: T,
    digest: Digest,
}

/// The bytes are not those that were promised.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("sha256 is {actual}, expected {expected} ({len} bytes read)")]
pub struct DigestMismatch {
    /// What was promised.
    pub expected: Digest,
    /// What arrived.
    pub actual: Digest,
    /// How many bytes arrived.
    pub len: u64,
}

impl<T> Verified<T> {
    /// Accepts `value` if what was hashed (`actual`, the bytes of `value`) is what was `expected`.
    ///
    /// # Errors
    /// [`DigestMismatch`] names both digests.
    pub fn new(value: T, actual: Hashed, expected: Digest) -> Result<Self, DigestMismatch> {
        if actual.digest() == expected {
            Ok(Self { value, digest: expected })
        } else {
            Err(DigestMismatch { expected, actual: actual.digest(), len: actual.len() })
        }
    }

    /// The digest that was checked.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.value
    }

    /// The value, giving up the proof.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }
}
