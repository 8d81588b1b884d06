//! Paths whose hash part is computed from their content (Nix manual, "Content-Addressing Store Objects" and "Complete
//! Store Path Calculation"): they can be made, and checked, without anyone's signature.

use crate::store_path::check_name;
use crate::{BadStorePath, StoreDir, StorePath, hash};
use pintle_model::Digest;
use std::collections::BTreeSet;
use std::fmt;

/// What a path's hash part is computed from, as the `CA` of a narinfo file has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContentAddress {
    /// `text:sha256:…`: the bytes of one plain file, written by Nix itself (derivations, `builtins.toFile`).
    Text(Digest),
    /// `fixed:sha256:…`: the bytes of one plain file.
    Flat(Digest),
    /// `fixed:r:sha256:…`: the NAR of the path, with its own hash part counted as zeros.
    Nar(Digest),
    /// Another hash or method, as written: kept, but nothing is concluded from it.
    Other(String),
}

/// Longest text of [`ContentAddress::Other`]: `fixed:git:sha512:` and base 16 have 146 bytes.
const OTHER_MAX: usize = 256;

/// Why a `CA` cannot be read.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadContentAddress {
    /// Not of a known form.
    #[error("`{0}` is no content address (`text:…` or `fixed:…`)")]
    Form(String),
    /// Of sha256, but not a good one.
    #[error("`{text}` holds a bad hash")]
    Hash {
        /// The text.
        text: String,
        /// Why.
        #[source]
        source: hash::BadHash,
    },
}

/// The store paths that some content mentions.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct References {
    /// Those of other paths.
    pub others: BTreeSet<StorePath>,
    /// Whether it mentions its own.
    pub itself: bool,
}

impl References {
    /// `all` as seen from `path`.
    #[must_use]
    pub fn of(path: &StorePath, all: &BTreeSet<StorePath>) -> Self {
        let mut others = all.clone();
        let itself = others.remove(path);
        Self { others, itself }
    }
}

impl ContentAddress {
    /// Reads what [`fmt::Display`] writes; hashes of other kinds than sha256 become [`ContentAddress::Other`].
    ///
    /// # Errors
    /// [`BadContentAddress`].
    pub fn parse(text: &str) -> Result<Self, BadContentAddress> {
        let shown = || text.chars().take(OTHER_MAX).collect::<String>();
        let make: (fn(Digest) -> Self, &str) = if let Some(hash) = text.strip_prefix("text:") {
            (Self::Text, hash)
        } else if let Some(hash) = text.strip_prefix("fixed:r:") {
            (Self::Nar, hash)
        } else if let Some(hash) = text.strip_prefix("fixed:") {
            (Self::Flat, hash)
        } else {
            return Err(BadContentAddress::Form(shown()));
        };
        if make.1.starts_with("sha256:") {
            let digest = hash::parse(make.1);
            return digest.map(make.0).map_err(|source| BadContentAddress::Hash { text: shown(), source });
        }
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && text.len() <= OTHER_MAX;
        if plain { Ok(Self::Other(text.to_owned())) } else { Err(BadContentAddress::Form(shown())) }
    }

    /// The path called `name` that this content has in `store`; `None` where that is not known
    /// ([`ContentAddress::Other`]) or cannot be (plain files hold no references, text files not their own).
    ///
    /// # Errors
    /// [`BadStorePath`] for a bad `name`.
    pub fn path(
        &self,
        store: &StoreDir,
        name: &str,
        references: &References,
    ) -> Result<Option<StorePath>, BadStorePath> {
        match self {
            Self::Text(digest) if !references.itself => {
                text_path(store, name, *digest, &references.others).map(Some)
            }
            Self::Flat(digest) if *references == References::default() => {
                flat_path(store, name, *digest).map(Some)
            }
            Self::Nar(digest) => source_path(store, name, *digest, references).map(Some),
            Self::Text(_) | Self::Flat(_) | Self::Other(_) => Ok(None),
        }
    }
}

impl fmt::Display for ContentAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(digest) => write!(f, "text:{}", hash::nix32(digest)),
            Self::Flat(digest) => write!(f, "fixed:{}", hash::nix32(digest)),
            Self::Nar(digest) => write!(f, "fixed:r:{}", hash::nix32(digest)),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// The path of a tree whose NAR has the digest `nar` (with its own hash part as zeros, see
/// [`crate::references::SelfHasher`], where it mentions itself): what `nix-store --add` gives.
///
/// # Errors
/// [`BadStorePath`] for a bad `name`.
pub fn source_path(
    store: &StoreDir,
    name: &str,
    nar: Digest,
    references: &References,
) -> Result<StorePath, BadStorePath> {
    make(store, &kind("source", references), nar, name)
}

/// The path of a text file with the digest `text` that mentions `references`: what `builtins.toFile` gives.
///
/// # Errors
/// [`BadStorePath`] for a bad `name`.
pub fn text_path(
    store: &StoreDir,
    name: &str,
    text: Digest,
    references: &BTreeSet<StorePath>,
) -> Result<StorePath, BadStorePath> {
    let references = References { others: references.clone(), itself: false };
    make(store, &kind("text", &references), text, name)
}

/// The path of a plain file with the digest `file`: what `nix-store --add-fixed sha256` gives.
///
/// # Errors
/// [`BadStorePath`] for a bad `name`.
pub fn flat_path(store: &StoreDir, name: &str, file: Digest) -> Result<StorePath, BadStorePath> {
    let inner = Digest::of(format!("fixed:out:{}:", hash::base16(&file)).as_bytes());
    make(store, "output:out", inner, name)
}

/// `source`, then every reference, then `self`, with colons between.
fn kind(base: &str, references: &References) -> String {
    let mut kind = base.to_owned();
    for path in &references.others {
        kind.push(':');
        kind.push_str(&path.to_string());
    }
    if references.itself {
        kind.push_str(":self");
    }
    kind
}

fn make(store: &StoreDir, kind: &str, inner: Digest, name: &str) -> Result<StorePath, BadStorePath> {
    check_name(name)?;
    let text = format!("{kind}:{}:{store}:{name}", hash::base16(&inner));
    let mut folded = [0; 20];
    for (at, byte) in Digest::of(text.as_bytes()).as_bytes().iter().enumerate() {
        folded[at % 20] ^= byte;
    }
    Ok(StorePath::from_parts(store, &folded, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths that Nix 2.26 gives (`nix-store --add`, `--add-fixed sha256`, `builtins.toFile`): see
    /// tests/judge.rs, where Nix itself is asked.
    #[test]
    fn known_paths() {
        let store = StoreDir::default();
        let hello = Digest::of(b"hello\n");
        insta::assert_snapshot!(flat_path(&store, "hello", hello).unwrap(), @"/nix/store/8zv8i345w2xn27jrxj4cyjc6x3b4am1q-hello");
        let text = text_path(&store, "hello", hello, &BTreeSet::new()).unwrap();
        insta::assert_snapshot!(text, @"/nix/store/nmrmdcw1bfnl35a893n7nyhw4xa5vy08-hello");
        let mut references = References { others: BTreeSet::from([text]), itself: false };
        insta::assert_snapshot!(source_path(&store, "hello", hello, &references).unwrap(), @"/nix/store/fd8vgr2sak3k21kphlqjnihaszwd9spr-hello");
        references.itself = true;
        insta::assert_snapshot!(source_path(&store, "hello", hello, &references).unwrap(), @"/nix/store/l9qi2lbn9flclys9lw1h27q1879chgcf-hello");
    }

    #[test]
    fn addresses_come_back_and_others_are_kept() {
        let digest = Digest::of(b"x");
        for address in
            [ContentAddress::Text(digest), ContentAddress::Flat(digest), ContentAddress::Nar(digest)]
        {
            assert_eq!(ContentAddress::parse(&address.to_string()).unwrap(), address);
        }
        let other = ContentAddress::parse("fixed:r:sha1:abc").unwrap();
        assert_eq!(
            (other.to_string().as_str(), matches!(other, ContentAddress::Other(_))),
            ("fixed:r:sha1:abc", true)
        );
        let store = StoreDir::default();
        assert_eq!(other.path(&store, "a", &References::default()).unwrap(), None);
        let itself = References { itself: true, ..References::default() };
        assert_eq!(ContentAddress::Text(digest).path(&store, "a", &itself).unwrap(), None);
        assert_eq!(ContentAddress::Flat(digest).path(&store, "a", &itself).unwrap(), None);
        insta::assert_snapshot!(ContentAddress::parse("sha256:abc").unwrap_err(), @"`sha256:abc` is no content address (`text:…` or `fixed:…`)");
        insta::assert_snapshot!(ContentAddress::parse("fixed:r:sha256:abc").unwrap_err(), @"`fixed:r:sha256:abc` holds a bad hash");
        insta::assert_snapshot!(ContentAddress::parse("fixed:sha1:a b").unwrap_err(), @"`fixed:sha1:a b` is no content address (`text:…` or `fixed:…`)");
    }
}
