use crate::{ContentAddress, References, Signature, StorePath, hash};
use pintle_model::Digest;
use std::collections::BTreeSet;

/// What is known of one store path: the common part of narinfo files, registrations and the store's database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathInfo {
    /// The path.
    pub path: StorePath,
    /// SHA-256 of its archive.
    pub nar_hash: Digest,
    /// Length of its archive in bytes.
    pub nar_size: u64,
    /// The paths it mentions, itself included.
    pub references: BTreeSet<StorePath>,
    /// The derivation that made it, where known. Of no use without its derivations, and nothing vouches for it.
    pub deriver: Option<StorePath>,
    /// Signatures of [`PathInfo::fingerprint`]. That they are there says nothing; see [`crate::TrustedKeys::verify`].
    pub signatures: BTreeSet<Signature>,
    /// What its hash part is computed from, where it is. A claim as well.
    pub content_address: Option<ContentAddress>,
    /// When it was registered, in seconds since 1970; only in databases.
    pub registration_time: Option<u64>,
}

impl PathInfo {
    /// For a path of which nothing more is known.
    #[must_use]
    pub fn new(path: StorePath, nar_hash: Digest, nar_size: u64) -> Self {
        Self {
            path,
            nar_hash,
            nar_size,
            references: BTreeSet::new(),
            deriver: None,
            signatures: BTreeSet::new(),
            content_address: None,
            registration_time: None,
        }
    }

    /// What signatures sign: path, hash, size and references. Not what a narinfo file says of the packed file.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let references: Vec<String> = self.references.iter().map(StorePath::to_string).collect();
        let hash = hash::nix32(&self.nar_hash);
        format!("1;{};{hash};{};{}", self.path, self.nar_size, references.join(","))
    }

    /// Its references, as the making of a content-addressed path wants them.
    #[must_use]
    pub fn split_references(&self) -> References {
        References::of(&self.path, &self.references)
    }
}

impl AsRef<Self> for PathInfo {
    fn as_ref(&self) -> &Self {
        self
    }
}
