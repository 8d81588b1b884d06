//! `HASH.narinfo`, what a binary cache says of one path (Nix: `src/libstore/nar-info.cc`): lines of `Key: value`.

use crate::compress::{Compression, UnknownCompression};
use crate::content_address::BadContentAddress;
use crate::hash::BadHash;
use crate::{BadKey, BadStorePath, ContentAddress, PathInfo, Signature, StoreDir, hash};
use pintle_model::{Digest, Limit};
use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::str::FromStr;

/// What reading accepts: a system's toplevel has some thousand references of 60 bytes.
pub const SIZE: Limit = Limit::new(4 << 20, "bytes in one narinfo file");
/// Its media type, where one is kept; Nix's own.
pub const TYPE: &str = "text/x-nix-narinfo";

/// What a binary cache says of one path: the facts, and where and how its archive is kept.
///
/// Only [`NarInfo::info`] is covered by signatures. Of the rest, a lie makes the download useless, and nothing worse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NarInfo {
    /// The path.
    pub info: PathInfo,
    /// Where the packed archive is, relative to the cache.
    pub url: NarUrl,
    /// How it is packed.
    pub compression: Compression,
    /// SHA-256 of the packed archive.
    pub file_hash: Option<Digest>,
    /// Length of the packed archive in bytes.
    pub file_size: Option<u64>,
}

/// A place below a cache: relative, and never above it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NarUrl(String);

/// Why a narinfo file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the narinfo file")]
pub struct NarInfoError {
    /// Counted from 1; one after the last where something is missing.
    pub line: usize,
    /// What is wrong.
    #[source]
    pub fault: Fault,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Over the limit.
    #[error("{len} is over the limit of {} {}", SIZE.max, SIZE.what)]
    Limit {
        /// Their number.
        len: u64,
    },
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    Text,
    /// No colon.
    #[error("it has no `:`")]
    NoColon,
    /// The last line has no end: perhaps the rest is missing.
    #[error("it has no end; the file may be cut short")]
    NoEnd,
    /// A key that may stand there once does twice.
    #[error("`{0}` is there twice")]
    Twice(&'static str),
    /// A key that must be there is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// Not a number, or none that can be.
    #[error("`{key}` is `{value}`, which is no size")]
    Number {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
    },
    /// A path.
    #[error("`{key}` is no store path")]
    Path {
        /// The key.
        key: &'static str,
        /// Why.
        #[source]
        source: BadStorePath,
    },
    /// A hash.
    #[error("`{key}` is no hash")]
    Hash {
        /// The key.
        key: &'static str,
        /// Why.
        #[source]
        source: BadHash,
    },
    /// A place.
    #[error("`URL` is refused")]
    Url(#[source] BadUrl),
    /// A compression.
    #[error(transparent)]
    Compression(UnknownCompression),
    /// A signature.
    #[error("`Sig` is no signature")]
    Signature(#[source] BadKey),
    /// A content address.
    #[error("`CA` is no content address")]
    ContentAddress(#[source] BadContentAddress),
}

/// Why a place is no [`NarUrl`].
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` does not stay below the cache: it must be relative, without `..`, `\\`, blanks and control characters"
)]
pub struct BadUrl(String);

impl NarUrl {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NarUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Nix takes whole URLs here too; a cache that wants us to ask elsewhere can redirect, which the user sees.
impl FromStr for NarUrl {
    type Err = BadUrl;
    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let (path, _query) = text.split_once('?').unwrap_or((text, ""));
        let mut names = path.split('/');
        let first = names.clone().next().unwrap_or_default();
        // `%2e` and `%2f` are what servers make of them.
        let climbs =
            |name: &str| matches!(name.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
        let bad = path.is_empty()
            || first.contains(':')
            || names.any(|name| name.is_empty() || climbs(name))
            || path.to_ascii_lowercase().contains("%2f")
            || !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#')
            || text.len() > 2000;
        if bad { Err(BadUrl(text.chars().take(120).collect())) } else { Ok(Self(text.to_owned())) }
    }
}

impl AsRef<PathInfo> for NarInfo {
    fn as_ref(&self) -> &PathInfo {
        &self.info
    }
}

impl NarInfo {
    /// The file's name in a cache.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.narinfo", self.info.path.hash_part())
    }

    /// Reads a narinfo file about a path of `store`. Unknown keys are ignored, as Nix does; keys that may be there
    /// once and are there twice are not.
    ///
    /// # Errors
    /// [`NarInfoError`] names the line.
    pub fn parse(bytes: &[u8], store: &StoreDir) -> Result<Self, NarInfoError> {
        if !SIZE.allows(bytes.len() as u64) {
            return Err(NarInfoError { line: 1, fault: Fault::Limit { len: bytes.len() as u64 } });
        }
        let mut fields = Fields::default();
        let mut line = 0;
        for text in bytes.split_inclusive(|byte| *byte == b'\n') {
            line += 1;
            fields.line(text, store).map_err(|fault| NarInfoError { line, fault })?;
        }
        fields.finish().map_err(|fault| NarInfoError { line: line + 1, fault })
    }

    /// The file's text, keys in the order in which Nix writes them.
    #[must_use]
    pub fn render(&self) -> String {
        let info = &self.info;
        let mut text = String::new();
        let mut line = |key: &str, value: &dyn fmt::Display| {
            writeln!(text, "{key}: {value}").expect("invariant: a String takes every write");
        };
        line("StorePath", &info.path);
        line("URL", &self.url);
        line("Compression", &self.compression.name());
        if let Some(digest) = &self.file_hash {
            line("FileHash", &hash::nix32(digest));
        }
        if let Some(size) = self.file_size {
            line("FileSize", &size);
        }
        line("NarHash", &hash::nix32(&info.nar_hash));
        line("NarSize", &info.nar_size);
        let references: Vec<&str> = info.references.iter().map(|path| path.base_name()).collect();
        line("References", &references.join(" "));
        if let Some(deriver) = &info.deriver {
            line("Deriver", &deriver.base_name());
        }
        for signature in &info.signatures {
            line("Sig", signature);
        }
        if let Some(address) = &info.content_address {
            line("CA", address);
        }
        text
    }
}

/// What was read so far; an outer `Some` says that the key was there.
#[derive(Default)]
struct Fields {
    path: Option<crate::StorePath>,
    url: Option<NarUrl>,
    compression: Option<Compression>,
    file_hash: Option<Digest>,
    file_size: Option<u64>,
    nar_hash: Option<Digest>,
    nar_size: Option<u64>,
    references: Option<BTreeSet<crate::StorePath>>,
    deriver: Option<Option<crate::StorePath>>,
    signatures: BTreeSet<Signature>,
    content_address: Option<Option<ContentAddress>>,
}

/// Keeps the value of a key that may be there once.
fn once<T>(slot: &mut Option<T>, key: &'static str, value: Result<T, Fault>) -> Result<(), Fault> {
    if slot.is_some() {
        return Err(Fault::Twice(key));
    }
    *slot = Some(value?);
    Ok(())
}

fn number(key: &'static str, value: &str) -> Result<u64, Fault> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let bad = || Fault::Number { key, value: value.chars().take(40).collect() };
    value.parse().ok().filter(|_| digits).ok_or_else(bad)
}

fn digest(key: &'static str, value: &str) -> Result<Digest, Fault> {
    hash::parse(value).map_err(|source| Fault::Hash { key, source })
}

/// What Nix writes, and takes, where the deriver is not known.
const NO_DERIVER: &str = "unknown-deriver";

impl Fields {
    fn line(&mut self, text: &[u8], store: &StoreDir) -> Result<(), Fault> {
        let text = text.strip_suffix(b"\n").ok_or(Fault::NoEnd)?;
        let text = str::from_utf8(text).map_err(|_| Fault::Text)?;
        let (key, value) = text.split_once(':').ok_or(Fault::NoColon)?;
        let value = value.strip_prefix(' ').unwrap_or(value);
        let base = |key| move |name| store.path(name).map_err(|source| Fault::Path { key, source });
        match key {
            "StorePath" => {
                let path = store.parse(value);
                once(
                    &mut self.path,
                    "StorePath",
                    path.map_err(|source| Fault::Path { key: "StorePath", source }),
                )
            }
            "URL" => once(&mut self.url, "URL", value.parse().map_err(Fault::Url)),
            "Compression" => {
                once(&mut self.compression, "Compression", value.parse().map_err(Fault::Compression))
            }
            "FileHash" => once(&mut self.file_hash, "FileHash", digest("FileHash", value)),
            "FileSize" => once(&mut self.file_size, "FileSize", number("FileSize", value)),
            "NarHash" => once(&mut self.nar_hash, "NarHash", digest("NarHash", value)),
            "NarSize" => once(&mut self.nar_size, "NarSize", number("NarSize", value)),
            "References" => {
                let names = value.split(' ').filter(|name| !name.is_empty());
                once(&mut self.references, "References", names.map(base("References")).collect())
            }
            "Deriver" if value == NO_DERIVER => once(&mut self.deriver, "Deriver", Ok(None)),
            "Deriver" => once(&mut self.deriver, "Deriver", base("Deriver")(value).map(Some)),
            "CA" if value.is_empty() => once(&mut self.content_address, "CA", Ok(None)),
            "CA" => {
                let address = ContentAddress::parse(value).map(Some).map_err(Fault::ContentAddress);
                once(&mut self.content_address, "CA", address)
            }
            "Sig" => {
                self.signatures.insert(Signature::parse(value).map_err(Fault::Signature)?);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<NarInfo, Fault> {
        let path = self.path.ok_or(Fault::Missing("StorePath"))?;
        let nar_hash = self.nar_hash.ok_or(Fault::Missing("NarHash"))?;
        // Every archive has some bytes.
        let nar_size = self.nar_size.filter(|size| *size > 0).ok_or(Fault::Missing("NarSize"))?;
        let info = PathInfo {
            references: self.references.unwrap_or_default(),
            deriver: self.deriver.flatten(),
            signatures: self.signatures,
            content_address: self.content_address.flatten(),
            ..PathInfo::new(path, nar_hash, nar_size)
        };
        Ok(NarInfo {
            info,
            url: self.url.ok_or(Fault::Missing("URL"))?,
            // The oldest caches do not say.
            compression: self.compression.unwrap_or(Compression::Bzip2),
            file_hash: self.file_hash,
            file_size: self.file_size,
        })
    }
}
