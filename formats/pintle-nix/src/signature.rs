//! Ed25519 signatures of paths, with names (Nix: `src/libutil/signature/local-keys.cc`; RFC 8032).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use std::fmt;
use zeroize::Zeroizing;

/// Longest name of a key: names are host names with a number behind.
const NAME_MAX: usize = 255;

/// Why some text is no key or signature. A secret key's text is not in it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadKey {
    /// Not two parts with a colon.
    #[error("{what} must be a name, a colon, and base 64")]
    Form {
        /// What it should be.
        what: &'static str,
    },
    /// Not base 64 of the right length.
    #[error("{what} `{name}:…` must have {expected} bytes in base 64 behind its name")]
    Bytes {
        /// What it should be.
        what: &'static str,
        /// Its name.
        name: String,
        /// How many bytes it must hold.
        expected: usize,
    },
    /// A number that no key has.
    #[error("the public key `{0}:…` is no point of the curve")]
    Point(String),
    /// Both halves of a secret key must belong together: signing with others would give it away.
    #[error("the secret key `{0}:…` is damaged: its second half is not its public key")]
    Halves(String),
}

/// Name and `N` bytes of `name:base64`.
fn parts<const N: usize>(what: &'static str, text: &str) -> Result<(String, Zeroizing<[u8; N]>), BadKey> {
    let (name, encoded) = text.split_once(':').ok_or(BadKey::Form { what })?;
    let good_name = |byte: u8| byte.is_ascii_graphic();
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(good_name) {
        return Err(BadKey::Form { what });
    }
    let bad = || BadKey::Bytes { what, name: name.to_owned(), expected: N };
    let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| bad())?);
    let array = <[u8; N]>::try_from(bytes.as_slice()).map_err(|_| bad())?;
    Ok((name.to_owned(), Zeroizing::new(array)))
}

/// A key that signatures are checked with: `cache.example.org-1:` and base 64 of 32 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    key: VerifyingKey,
}

impl PublicKey {
    /// Reads `name:base64`; a line end behind it, as files have it, is no part of the key.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let (name, bytes) = parts::<32>("a public key", text.trim_end())?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| BadKey::Point(name.clone()))?;
        Ok(Self { name, key })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// True if `signature` is of this key and `text`. Signatures and keys that would fit many texts are refused
    /// (RFC 8032, section 8.4 and 8.9), as libsodium does for Nix.
    #[must_use]
    pub fn verifies(&self, text: &str, signature: &Signature) -> bool {
        let bytes = ed25519_dalek::Signature::from_bytes(&signature.bytes);
        signature.name == self.name && self.key.verify_strict(text.as_bytes(), &bytes).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, STANDARD.encode(self.key.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key that signs. Its bytes are overwritten when it goes, and shown nowhere but by [`SecretKey::reveal`].
pub struct SecretKey {
    name: String,
    key: SigningKey,
}

impl SecretKey {
    /// A key from 32 random bytes, which are the caller's to draw.
    ///
    /// # Errors
    /// [`BadKey::Form`] for a name that is empty, too long, or holds a blank or colon.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, BadKey> {
        let good = |byte: u8| byte.is_ascii_graphic() && byte != b':';
        if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(good) {
            return Err(BadKey::Form { what: "a secret key" });
        }
        Ok(Self { name: name.to_owned(), key: SigningKey::from_bytes(seed) })
    }

    /// Reads `name:base64` of seed and public key together (64 bytes), as `nix key generate-secret` writes it; a line
    /// end behind it is no part of the key.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let (name, bytes) = parts::<64>("a secret key", text.trim_end())?;
        let key = SigningKey::from_keypair_bytes(&bytes).map_err(|_| BadKey::Halves(name.clone()))?;
        Ok(Self { name, key })
    }

    /// The text that [`SecretKey::parse`] reads: for the one file it is kept in.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new(self.key.to_keypair_bytes());
        let encoded = Zeroizing::new(STANDARD.encode(bytes.as_slice()));
        Zeroizing::new(format!("{}:{}", self.name, *encoded))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key that checks what this one signs.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// Signs `text`, usually a [`crate::PathInfo::fingerprint`].
    #[must_use]
    pub fn sign(&self, text: &str) -> Signature {
        Signature { name: self.name.clone(), bytes: self.key.sign(text.as_bytes()).to_bytes() }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({}:…)", self.name)
    }
}

/// A signature and the name of the key that is said to have made it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    name: String,
    bytes: [u8; 64],
}

impl Signature {
    /// Reads `name:base64` of 64 bytes.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let (name, bytes) = parts::<64>("a signature", text)?;
        Ok(Self { name, bytes: *bytes })
    }

    /// The name of its key.
    #[must_use]
    pub fn key_name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, STANDARD.encode(self.bytes))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_key_signs_it_verifies_and_nothing_else() {
        let secret = SecretKey::from_seed("toy-1", &[7; 32]).unwrap();
        let signature = secret.sign("a text");
        let public = secret.public();
        assert!(public.verifies("a text", &signature));
        assert!(!public.verifies("another text", &signature));
        let renamed = SecretKey::from_seed("toy-2", &[7; 32]).unwrap();
        assert!(!renamed.public().verifies("a text", &signature), "a signature counts under its name only");
        let other = SecretKey::from_seed("toy-1", &[8; 32]).unwrap();
        assert!(!other.public().verifies("a text", &signature));
        assert_eq!(PublicKey::parse(&public.to_string()).unwrap(), public);
        assert_eq!(Signature::parse(&signature.to_string()).unwrap(), signature);
        assert_eq!(SecretKey::parse(&format!("{}\n", *secret.reveal())).unwrap().public(), public);
        assert_eq!(PublicKey::parse(&format!("{public}\n")).unwrap(), public);
        // Ed25519 has no randomness: the same key and text give the same signature for ever.
        insta::assert_snapshot!(signature, @"toy-1:aLuZSVN9qVDNLD2j2RUCub3FOrySrEOeryssjG9U/jEVlBP3DjxtBgly6zvtRFxg3ir8jyqvOStLPUdQImGuAQ==");
        insta::assert_snapshot!(public, @"toy-1:6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=");
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = SecretKey::from_seed("toy-1", &[7; 32]).unwrap();
        insta::assert_snapshot!(format!("{secret:?}"), @"SecretKey(toy-1:…)");
        let damaged = secret.reveal().replace("toy-1:Bw", "toy-1:Cw");
        insta::assert_snapshot!(SecretKey::parse(&damaged).unwrap_err(), @"the secret key `toy-1:…` is damaged: its second half is not its public key");
        insta::assert_snapshot!(SecretKey::parse("toy-1:c2VjcmV0").unwrap_err(), @"a secret key `toy-1:…` must have 64 bytes in base 64 behind its name");
    }

    #[test]
    fn what_is_no_key_is_named() {
        insta::assert_snapshot!(PublicKey::parse("toy-1").unwrap_err(), @"a public key must be a name, a colon, and base 64");
        insta::assert_snapshot!(PublicKey::parse(":AAAA").unwrap_err(), @"a public key must be a name, a colon, and base 64");
        insta::assert_snapshot!(PublicKey::parse("a b:AAAA").unwrap_err(), @"a public key must be a name, a colon, and base 64");
        insta::assert_snapshot!(PublicKey::parse("toy-1:AAAA").unwrap_err(), @"a public key `toy-1:…` must have 32 bytes in base 64 behind its name");
        let no_point = format!("toy-1:{}", STANDARD.encode([2; 32]));
        insta::assert_snapshot!(PublicKey::parse(&no_point).unwrap_err(), @"the public key `toy-1:…` is no point of the curve");
        insta::assert_snapshot!(Signature::parse("toy-1:AA==").unwrap_err(), @"a signature `toy-1:…` must have 64 bytes in base 64 behind its name");
        SecretKey::from_seed("a:b", &[0; 32]).unwrap_err();
        // A key of small order verifies almost anything: it verifies nothing here.
        let mut small = [0; 32];
        small[0] = 1;
        let weak = PublicKey::parse(&format!("toy-1:{}", STANDARD.encode(small))).unwrap();
        let mut bytes = [0; 64];
        bytes[0] = 1;
        assert!(!weak.verifies("any text", &Signature { name: "toy-1".into(), bytes }));
    }
}
