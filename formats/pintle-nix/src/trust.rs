//! Which paths are believed: those signed by a key we trust, and those whose name is made from their content.

use crate::nar::{self, Limits, NarError, NarKind, UnpackedNar};
use crate::references::SelfHasher;
use crate::{ContentAddress, PathInfo, PublicKey, StorePath, hash};
use pintle_model::{Digest, DigestMismatch, PackSink, Verified};
use std::fmt::Write as _;
use std::io::{self, Read};

/// Keys whose signatures count.
#[derive(Clone, Debug, Default)]
pub struct TrustedKeys(Vec<PublicKey>);

impl TrustedKeys {
    /// Trusts `keys`. Two of one name are fine: a signature must be of one of them.
    #[must_use]
    pub fn new(keys: Vec<PublicKey>) -> Self {
        Self(keys)
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.0
    }

    /// Accepts `info` as what is known of `wanted`, if it is signed by one of the keys, or if its name is made from
    /// its content (then no key is needed: whoever asks for the name asks for this content).
    ///
    /// # Errors
    /// [`Untrusted`] names the keys that signed, and the trusted ones.
    pub fn verify<T: AsRef<PathInfo>>(&self, info: T, wanted: &StorePath) -> Result<Trusted<T>, Untrusted> {
        let path_info = info.as_ref();
        if path_info.path != *wanted {
            let found = path_info.path.clone();
            return Err(Untrusted::OtherPath { wanted: wanted.clone(), found });
        }
        if let Some(address) = names_its_content(path_info) {
            return Ok(Trusted { by: Ground::Content(address), value: info });
        }
        let text = path_info.fingerprint();
        let good = self
            .0
            .iter()
            .find(|key| path_info.signatures.iter().any(|signature| key.verifies(&text, signature)));
        if let Some(key) = good {
            return Ok(Trusted { by: Ground::Key(key.name().to_owned()), value: info });
        }
        Err(self.refusal(path_info))
    }

    fn refusal(&self, info: &PathInfo) -> Untrusted {
        let by = |name: &str| self.0.iter().any(|key| key.name() == name);
        let signers = info.signatures.iter().map(|signature| {
            let name = signature.key_name().to_owned();
            let reason = if by(&name) { Reason::Wrong } else { Reason::UnknownKey };
            (name, reason)
        });
        let claim =
            info.content_address.clone().filter(|address| !matches!(address, ContentAddress::Other(_)));
        Untrusted::NotSigned {
            path: info.path.clone(),
            signers: signers.collect(),
            claim,
            trusted: self.0.iter().map(PublicKey::to_string).collect(),
        }
    }
}

/// The content address of `info`, if its path is the one made from it.
fn names_its_content(info: &PathInfo) -> Option<ContentAddress> {
    let address = info.content_address.as_ref()?;
    let made = address.path(info.path.store(), info.path.name(), &info.split_references());
    made.ok().flatten().filter(|made| *made == info.path).map(|_| address.clone())
}

/// Why something is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// A good signature of the key with this name.
    Key(String),
    /// Its name is made from this. The content is compared with it when it is unpacked.
    Content(ContentAddress),
}

/// Facts about a path that someone we trust vouches for, or its own name does. Made only by [`TrustedKeys::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted<T> {
    value: T,
    by: Ground,
}

impl<T> Trusted<T> {
    /// The facts.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.value
    }

    /// The facts, giving up the proof.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Why they are trusted.
    #[must_use]
    pub fn ground(&self) -> &Ground {
        &self.by
    }
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// None of the trusted keys has this name.
    UnknownKey,
    /// The key is trusted, but did not sign this.
    Wrong,
}

/// Nobody we trust vouches for a path.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Untrusted {
    /// The answer is about another path.
    #[error("asked for {wanted}, the answer is about {found}")]
    OtherPath {
        /// What was asked for.
        wanted: StorePath,
        /// What came.
        found: StorePath,
    },
    /// No signature counts.
    #[error("{}", list(.path, .signers, .claim, .trusted))]
    NotSigned {
        /// The path.
        path: StorePath,
        /// Names of keys that are said to have signed, each with why that does not count.
        signers: Vec<(String, Reason)>,
        /// The content address it claims, which does not make its name.
        claim: Option<ContentAddress>,
        /// The trusted keys.
        trusted: Vec<String>,
    },
}

fn list(
    path: &StorePath,
    signers: &[(String, Reason)],
    claim: &Option<ContentAddress>,
    trusted: &[String],
) -> String {
    let mut text = format!("{path} is not signed by a trusted key:");
    let mut line = |indented: &str| {
        write!(text, "\n  {indented}").expect("invariant: a String takes every write");
    };
    for (name, reason) in signers {
        match reason {
            Reason::UnknownKey => line(&format!("by {name}: this key is not trusted")),
            Reason::Wrong => line(&format!("by {name}: the signature is not of this key and path")),
        }
    }
    if signers.is_empty() {
        line("it has no signature");
    }
    if let Some(claim) = claim {
        line(&format!("its content address {claim} gives another path"));
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

/// Why an archive is not unpacked as the path it should be.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// Its form.
    #[error("the archive of {path} is damaged")]
    Nar {
        /// The path.
        path: StorePath,
        /// What is wrong.
        #[source]
        source: NarError,
    },
    /// Its digest.
    #[error("the archive of {path} is not what was promised")]
    Digest {
        /// The path.
        path: StorePath,
        /// The digests.
        #[source]
        source: DigestMismatch,
    },
    /// Its length.
    #[error("the archive of {path} has {actual} bytes, where {expected} were promised")]
    Size {
        /// The path.
        path: StorePath,
        /// The promise.
        expected: u64,
        /// What came.
        actual: u64,
    },
    /// Its content address: with a good digest, but the name is made from something else.
    #[error("the content of {path} is not what its name is made from: {expected}, not {actual}")]
    Content {
        /// The path.
        path: StorePath,
        /// What the name is made from.
        expected: ContentAddress,
        /// What came.
        actual: String,
    },
}

impl<T: AsRef<PathInfo>> Trusted<T> {
    /// Unpacks the (decompressed) archive of this path into `pack`, see [`nar::unpack`], and compares length, digest
    /// and, where the name is made from the content, the content.
    ///
    /// # Errors
    /// [`UnpackError`]. `pack` holds garbage then.
    pub fn unpack(
        &self,
        archive: impl Read,
        limits: &Limits,
        pack: &mut dyn PackSink,
    ) -> Result<Verified<UnpackedNar>, UnpackError> {
        let info = self.value.as_ref();
        let path = || info.path.clone();
        let itself = match &self.by {
            Ground::Content(ContentAddress::Nar(_)) if info.references.contains(&info.path) => {
                Some(SelfHasher::new(&info.path))
            }
            _ => None,
        };
        let mut archive = Passing { inner: archive, itself };
        let limits = limits.with_size(info.nar_size);
        let (unpacked, hashed) = nar::unpack(&mut archive, &limits, pack)
            .map_err(|source| UnpackError::Nar { path: path(), source })?;
        if hashed.len() != info.nar_size {
            let (expected, actual) = (info.nar_size, hashed.len());
            return Err(UnpackError::Size { path: path(), expected, actual });
        }
        let verified = Verified::new(unpacked, hashed, info.nar_hash)
            .map_err(|source| UnpackError::Digest { path: path(), source })?;
        if let Ground::Content(address) = &self.by {
            let nar = archive.itself.map_or(info.nar_hash, |hasher| hasher.finish().digest());
            check_content(info, address, verified.get(), nar)?;
        }
        Ok(verified)
    }
}

fn check_content(
    info: &PathInfo,
    address: &ContentAddress,
    unpacked: &UnpackedNar,
    nar: Digest,
) -> Result<(), UnpackError> {
    let file = match unpacked.entries.first().map(|entry| &entry.kind) {
        Some(NarKind::File { executable: false, digest, .. }) => Some(*digest),
        _ => None,
    };
    let (expected, actual) = match address {
        ContentAddress::Nar(expected) => (*expected, Some(nar)),
        ContentAddress::Text(expected) | ContentAddress::Flat(expected) => (*expected, file),
        ContentAddress::Other(_) => return Ok(()),
    };
    if actual == Some(expected) {
        return Ok(());
    }
    let actual = actual.map_or_else(|| "no plain file".to_owned(), |digest| hash::nix32(&digest));
    Err(UnpackError::Content { path: info.path.clone(), expected: address.clone(), actual })
}

/// Shows what passes to the hasher of content addresses.
struct Passing<R> {
    inner: R,
    itself: Option<SelfHasher>,
}

impl<R: Read> Read for Passing<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(out)?;
        if let Some(hasher) = &mut self.itself {
            hasher.update(&out[..n]);
        }
        Ok(n)
    }
}
