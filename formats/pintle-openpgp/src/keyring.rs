use pgp::composed::{Deserializable as _, SignedPublicKey};
use pgp::types::KeyDetails as _;
use std::io::Cursor;

/// Largest file of certificates: Debian's whole keyring has 60 kB.
const SIZE_MAX: usize = 16 << 20;

/// Trusted certificates.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    pub(crate) certificates: Vec<SignedPublicKey>,
}

/// Some bytes are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// Neither armored nor binary OpenPGP.
    #[error("{origin} holds no OpenPGP certificate; it must be what `gpg --export` writes, armored or not")]
    Malformed {
        /// Whose bytes.
        origin: String,
        /// Why.
        #[source]
        source: Box<pgp::errors::Error>,
    },
    /// Fine, but empty.
    #[error("{0} holds no OpenPGP certificate")]
    Empty(String),
    /// Too large to be keys.
    #[error("{0} is too large to be a file of certificates")]
    TooLarge(String),
}

impl KeyRing {
    /// Trusts nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the certificates in `bytes` (armored or binary, several are fine); `origin` names them in errors.
    /// Returns how many there were.
    ///
    /// # Errors
    /// [`KeyRingError`]; then none was added.
    pub fn add(&mut self, bytes: &[u8], origin: &str) -> Result<usize, KeyRingError> {
        if bytes.len() > SIZE_MAX {
            return Err(KeyRingError::TooLarge(origin.to_owned()));
        }
        let malformed =
            |source| KeyRingError::Malformed { origin: origin.to_owned(), source: Box::new(source) };
        let armored = bytes.trim_ascii_start().starts_with(b"-----BEGIN");
        let found: Result<Vec<_>, _> = if armored {
            SignedPublicKey::from_armor_many(Cursor::new(bytes)).and_then(|(keys, _)| keys.collect())
        } else {
            SignedPublicKey::from_bytes_many(bytes).and_then(Iterator::collect)
        };
        let found = found.map_err(malformed)?;
        if found.is_empty() {
            return Err(KeyRingError::Empty(origin.to_owned()));
        }
        let count = found.len();
        self.certificates.extend(found);
        Ok(count)
    }

    /// Fingerprints of the primary keys, upper-case hexadecimal, in the order they were added.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<String> {
        self.certificates.iter().map(|key| format!("{:X}", key.fingerprint())).collect()
    }

    /// Fingerprint and first user id of each certificate, for messages.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let name = |key: &SignedPublicKey| {
            let user = key.details.users.first();
            let user = user.map(|user| String::from_utf8_lossy(user.id.id()).into_owned());
            // A certificate can claim any name: nothing in it may move the cursor.
            let user: String =
                user.unwrap_or_default().chars().filter(|c| !c.is_control()).take(100).collect();
            format!("{:X} {user}", key.fingerprint()).trim_end().to_owned()
        };
        self.certificates.iter().map(name).collect()
    }
}

/// The certificates of the Debian archive that are built in (see `keys/README.md`).
///
/// # Panics
/// Never: a test reads them.
#[must_use]
pub fn debian_archive() -> KeyRing {
    let mut ring = KeyRing::new();
    for (name, armored) in BUILT_IN {
        ring.add(armored.as_bytes(), name).expect("invariant: the built-in certificates are well-formed");
    }
    ring
}

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../keys/", $name)))),*]
    };
}

const BUILT_IN: [(&str, &str); 6] = built_in![
    "debian-archive-trixie-automatic.asc",
    "debian-archive-trixie-security-automatic.asc",
    "debian-archive-trixie-stable.asc",
    "debian-archive-bookworm-automatic.asc",
    "debian-archive-bookworm-security-automatic.asc",
    "debian-archive-bookworm-stable.asc",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_certificates_are_those_of_the_readme() {
        let readme = include_str!("../../../keys/README.md");
        for ((file, _), fingerprint) in BUILT_IN.iter().zip(debian_archive().fingerprints()) {
            let line = readme.lines().find(|line| line.contains(&format!("`{file}`"))).unwrap();
            assert!(line.contains(&format!("`{fingerprint}`")), "{file}: {fingerprint}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_named() {
        let error = |bytes: &[u8]| KeyRing::new().add(bytes, "my.asc").unwrap_err().to_string();
        insta::assert_snapshot!(error(b""), @"my.asc holds no OpenPGP certificate");
        insta::assert_snapshot!(error(b"<html>"), @"my.asc holds no OpenPGP certificate; it must be what `gpg --export` writes, armored or not");
        insta::assert_snapshot!(error(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n"), @"my.asc holds no OpenPGP certificate; it must be what `gpg --export` writes, armored or not");
    }
}
