//! Which paths are believed: those signed by a key we trust, and those whose name is made from their content.

use crate::{ContentAddress, PathInfo, PublicKey, StorePath};
use std::fmt::Write as _;

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
    /// its content (then no key is needed: whoever asks for the name asks for this content, with which
    /// [`crate::check_content`] must compare what comes).
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
pub(crate) fn names_its_content(info: &PathInfo) -> Option<ContentAddress> {
    let address = info.content_address.as_ref()?;
    let made = address.path(info.path.store(), info.path.name(), &info.split_references());
    made.ok().flatten().filter(|made| *made == info.path).map(|_| address.clone())
}

/// Why something is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// A good signature of the key with this name.
    Key(String),
    /// Its name is made from this, which says nothing yet of what comes: [`crate::check_content`].
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
