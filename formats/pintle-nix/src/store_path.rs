//! Names in a Nix store (Nix manual, "Store Path"): `/nix/store/` 32 digits `-` name.

use crate::base32;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// Digits of the hash part: 160 bits in Nix's base 32.
pub const HASH_LEN: usize = 32;
/// Longest name part: a file name of 255 bytes less the hash part, the dash, and room for `.lock` and the like.
pub const NAME_MAX: usize = 211;

/// Where a store is, as its paths spell it. `/nix/store` unless said otherwise; it is part of what every hash of a
/// path is made from, so that paths of different stores never mix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreDir(Arc<str>);

impl Default for StoreDir {
    fn default() -> Self {
        Self("/nix/store".into())
    }
}

/// Why some text is no store path.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadStorePath {
    /// The store directory is no clean absolute path.
    #[error(
        "`{0}` cannot be a store directory: it must be absolute, without `.`, `..` and doubled or trailing `/`"
    )]
    Dir(String),
    /// In another directory, or in none.
    #[error("`{text}` is not in the store {store}")]
    NotInStore {
        /// The text.
        text: String,
        /// The store it should be in.
        store: StoreDir,
    },
    /// Below a path of the store, or the store itself.
    #[error("`{0}` is not one path of the store: its name is empty or holds a `/`")]
    NotTopLevel(String),
    /// Too short, or without 32 digits and a dash.
    #[error("`{0}` does not start with 32 digits of Nix's base 32 and a dash")]
    HashPart(String),
    /// The name has no or too many characters.
    #[error("`{0}…` has a name part of {1} characters, where 1 to 211 are allowed")]
    NameLength(String, usize),
    /// The name has a character that Nix does not take.
    #[error("`{0}` has a name part with other characters than A-Z a-z 0-9 + - . _ ? =")]
    NameCharacters(String),
    /// `.`, `..`, or one of them before a dash.
    #[error("`{0}` has a name part that starts like `.` or `..`")]
    NameDots(String),
}

fn shown(text: &str) -> String {
    text.chars().take(120).collect()
}

impl StoreDir {
    /// The store at `text`.
    ///
    /// # Errors
    /// [`BadStorePath::Dir`].
    pub fn new(text: &str) -> Result<Self, BadStorePath> {
        let clean = |name: &str| !name.is_empty() && name != "." && name != ".." && !name.contains('\0');
        let inside = text.strip_prefix('/').filter(|inside| inside.split('/').all(clean));
        inside.map(|_| Self(text.into())).ok_or_else(|| BadStorePath::Dir(shown(text)))
    }

    /// As text, without trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path with base name `base`: 32 digits, dash, name.
    ///
    /// # Errors
    /// [`BadStorePath`].
    pub fn path(&self, base: &str) -> Result<StorePath, BadStorePath> {
        let bad_hash = || BadStorePath::HashPart(shown(base));
        let hash = base.as_bytes().get(..HASH_LEN).ok_or_else(bad_hash)?;
        if !hash.iter().copied().all(base32::is_digit) || base.as_bytes().get(HASH_LEN) != Some(&b'-') {
            return Err(bad_hash());
        }
        check_name(&base[HASH_LEN + 1..])?;
        Ok(StorePath { dir: self.clone(), base: base.into() })
    }

    /// A whole path, `/nix/store/…-name`.
    ///
    /// # Errors
    /// [`BadStorePath`].
    pub fn parse(&self, text: &str) -> Result<StorePath, BadStorePath> {
        let base = self.inside(text)?;
        if base.is_empty() || base.contains('/') {
            return Err(BadStorePath::NotTopLevel(shown(text)));
        }
        self.path(base)
    }

    /// A path in the store and what follows below it, without leading slash and empty if nothing does:
    /// `/nix/store/…-name/bin/sh` gives `bin/sh`.
    ///
    /// # Errors
    /// [`BadStorePath`]. What follows is not looked at.
    pub fn split<'t>(&self, text: &'t str) -> Result<(StorePath, &'t str), BadStorePath> {
        let (base, rest) = self.inside(text).map(|inside| inside.split_once('/').unwrap_or((inside, "")))?;
        if base.is_empty() {
            return Err(BadStorePath::NotTopLevel(shown(text)));
        }
        Ok((self.path(base)?, rest))
    }

    fn inside<'t>(&self, text: &'t str) -> Result<&'t str, BadStorePath> {
        let inside = text.strip_prefix(self.as_str()).and_then(|rest| rest.strip_prefix('/'));
        inside.ok_or_else(|| BadStorePath::NotInStore { text: shown(text), store: self.clone() })
    }
}

impl fmt::Display for StoreDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Nix: `src/libstore/path.cc`, `checkName`.
pub(crate) fn check_name(name: &str) -> Result<(), BadStorePath> {
    if name.is_empty() || name.len() > NAME_MAX {
        return Err(BadStorePath::NameLength(shown(name), name.len()));
    }
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._?=".contains(&byte);
    if !name.bytes().all(good) {
        return Err(BadStorePath::NameCharacters(shown(name)));
    }
    let first = name.split('-').next().unwrap_or_default();
    if first == "." || first == ".." {
        return Err(BadStorePath::NameDots(shown(name)));
    }
    Ok(())
}

/// One path of a store. Displays as the whole path; in order of base names within one store.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StorePath {
    dir: StoreDir,
    base: Box<str>,
}

impl StorePath {
    /// For names that were checked and hash parts that were computed.
    pub(crate) fn from_parts(dir: &StoreDir, hash: &[u8; 20], name: &str) -> Self {
        let base = format!("{}-{name}", base32::encode(hash));
        Self { dir: dir.clone(), base: base.into() }
    }

    /// The store it is in.
    #[must_use]
    pub fn store(&self) -> &StoreDir {
        &self.dir
    }

    /// Hash part, dash, name: the file's name in the store.
    #[must_use]
    pub fn base_name(&self) -> &str {
        &self.base
    }

    /// 32 digits: what a binary cache calls the path.
    #[must_use]
    pub fn hash_part(&self) -> &str {
        &self.base[..HASH_LEN]
    }

    /// What stands behind the dash.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.base[HASH_LEN + 1..]
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.dir, self.base)
    }
}

impl fmt::Debug for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for StorePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Documents of ours know the default store only: a path must not choose its own.
impl<'de> Deserialize<'de> for StorePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        StoreDir::default().parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HASH: &str = "0mdqa9w1p6cmli6976v4wi0sw9r4p5pr";

    #[test]
    fn a_path_and_its_parts() {
        let store = StoreDir::default();
        let text = format!("/nix/store/{HASH}-glibc-2.41");
        let path = store.parse(&text).unwrap();
        assert_eq!((path.hash_part(), path.name(), path.to_string()), (HASH, "glibc-2.41", text.clone()));
        assert_eq!(store.path(path.base_name()).unwrap(), path);
        assert_eq!(store.split(&format!("{text}/lib/libc.so.6")).unwrap(), (path.clone(), "lib/libc.so.6"));
        assert_eq!(store.split(&text).unwrap(), (path.clone(), ""));
        assert_eq!(serde_json::from_str::<StorePath>(&serde_json::to_string(&path).unwrap()).unwrap(), path);
        let other = StoreDir::new("/gnu/store").unwrap();
        assert_ne!(other.path(path.base_name()).unwrap(), path);
    }

    #[test]
    fn what_is_no_path_is_named() {
        let store = StoreDir::default();
        let error = |text: &str| store.parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(error("/gnu/store/x"), @"`/gnu/store/x` is not in the store /nix/store");
        insta::assert_snapshot!(error("/nix/storex/x"), @"`/nix/storex/x` is not in the store /nix/store");
        insta::assert_snapshot!(error("/nix/store/"), @"`/nix/store/` is not one path of the store: its name is empty or holds a `/`");
        insta::assert_snapshot!(error(&format!("/nix/store/{HASH}-a/b")), @"`/nix/store/0mdqa9w1p6cmli6976v4wi0sw9r4p5pr-a/b` is not one path of the store: its name is empty or holds a `/`");
        insta::assert_snapshot!(error("/nix/store/short"), @"`short` does not start with 32 digits of Nix's base 32 and a dash");
        insta::assert_snapshot!(error(&format!("/nix/store/{HASH}+a")), @"`0mdqa9w1p6cmli6976v4wi0sw9r4p5pr+a` does not start with 32 digits of Nix's base 32 and a dash");
        insta::assert_snapshot!(error(&format!("/nix/store/{}-a", HASH.replace('m', "e"))), @"`0edqa9w1p6celi6976v4wi0sw9r4p5pr-a` does not start with 32 digits of Nix's base 32 and a dash");
        insta::assert_snapshot!(error(&format!("/nix/store/{HASH}-")), @"`…` has a name part of 0 characters, where 1 to 211 are allowed");
        insta::assert_snapshot!(error(&format!("/nix/store/{HASH}-a b")), @"`a b` has a name part with other characters than A-Z a-z 0-9 + - . _ ? =");
        insta::assert_snapshot!(error(&format!("/nix/store/{HASH}-..-a")), @"`..-a` has a name part that starts like `.` or `..`");
        store.path(&format!("{HASH}-{}", "x".repeat(211))).unwrap();
        store.path(&format!("{HASH}-{}", "x".repeat(212))).unwrap_err();
        store.path(&format!("{HASH}-.hidden")).unwrap();
        insta::assert_snapshot!(StoreDir::new("nix/store").unwrap_err(), @"`nix/store` cannot be a store directory: it must be absolute, without `.`, `..` and doubled or trailing `/`");
        for bad in ["", "/", "/nix/store/", "/nix//store", "/nix/../store", "/nix/./store"] {
            StoreDir::new(bad).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "(/nix/store/)?[0-9a-z]{30,34}-?.{0,20}") {
            if let Ok(path) = StoreDir::default().parse(&text) {
                prop_assert_eq!(path.to_string(), text.clone());
            }
            let _ = StoreDir::default().split(&text);
            let _ = StoreDir::default().path(&text);
        }
    }
}
