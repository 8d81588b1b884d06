//! The `Release` of a suite (also the signed body of an `InRelease`).
//!
//! Reference: the Debian repository format, "Release files" (wiki.debian.org/DebianRepository/Format).

use super::Limits;
use super::date::{self, BadDate};
use super::deb822::{self, Deb822Error, Dialect, Field, Stanza};
use crate::compress::Compression;
use pintle_model::Digest;
use std::collections::BTreeMap;

/// What a suite says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// `Suite` (`stable`), empty when missing.
    pub suite: String,
    /// `Codename` (`trixie`), empty when missing.
    pub codename: String,
    /// `Version` (`13.7`), empty when missing.
    pub version: String,
    /// `Date`: seconds since 1970.
    pub date: i64,
    /// `Valid-Until`: seconds since 1970.
    pub valid_until: Option<i64>,
    /// `Architectures`.
    pub architectures: Vec<String>,
    /// `Components`; those of the security archive have a prefix (`updates/main`).
    pub components: Vec<String>,
    /// `Acquire-By-Hash`: files are also served by their digest.
    pub by_hash: bool,
    /// `NotAutomatic`: nothing is taken from here unless asked for (backports, experimental).
    pub not_automatic: bool,
    /// `ButAutomaticUpgrades`: packages once taken from here are upgraded from here.
    pub automatic_upgrades: bool,
    /// `SHA256`: files below the suite's folder by path.
    pub files: BTreeMap<String, ReleaseFile>,
}

/// A file as the release names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseFile {
    /// Bytes.
    pub size: u64,
    /// Digest.
    pub sha256: Digest,
}

/// The file to fetch for an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexFile {
    /// Path below the suite's folder (`main/binary-amd64/Packages.xz`).
    pub path: String,
    /// Where it is served: `path`, or its name by digest. Below the suite's folder too.
    pub location: String,
    /// Size and digest of the file as fetched.
    pub file: ReleaseFile,
    /// Its compression.
    pub compression: Compression,
    /// Size and digest once decompressed, where the release names them.
    pub plain: Option<ReleaseFile>,
}

/// A release that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReleaseError {
    /// Not deb822.
    #[error("cannot read the release")]
    Format(#[source] Deb822Error),
    /// Other than one stanza.
    #[error("the release has {0} stanzas instead of one")]
    Stanzas(usize),
    /// A required field is missing.
    #[error("the release has no field `{0}`")]
    Missing(&'static str),
    /// A date.
    #[error("line {line}: field `{field}`")]
    Date {
        /// Line of the field.
        line: u64,
        /// Its name.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        source: BadDate,
    },
    /// Neither `yes` nor `no`.
    #[error("line {line}: field `{field}` is `{value}` instead of `yes` or `no`")]
    Switch {
        /// Line of the field.
        line: u64,
        /// Its name.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// A line of the list of files.
    #[error("line {line}: `{text}` is not `SHA256 SIZE PATH`")]
    File {
        /// Line.
        line: u64,
        /// Its text.
        text: String,
    },
    /// A file twice, with different digests.
    #[error("line {line}: `{path}` is listed twice with different digests")]
    Ambiguous {
        /// Line of the second.
        line: u64,
        /// The file.
        path: String,
    },
}

impl Release {
    /// Reads a release.
    ///
    /// # Errors
    /// [`ReleaseError`]; nothing is guessed.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, ReleaseError> {
        let mut stanzas = deb822::stanzas(text, Dialect::Index, limits).map_err(ReleaseError::Format)?;
        let stanza = match (stanzas.pop(), stanzas.len()) {
            (Some(stanza), 0) => stanza,
            (last, more) => return Err(ReleaseError::Stanzas(more + usize::from(last.is_some()))),
        };
        let words =
            |name| stanza.get(name).map(|f| f.words().map(str::to_owned).collect()).unwrap_or_default();
        let text = |name| stanza.get(name).map(|f| f.value.to_owned()).unwrap_or_default();
        Ok(Self {
            suite: text("Suite"),
            codename: text("Codename"),
            version: text("Version"),
            date: seconds(&stanza, "Date")?.ok_or(ReleaseError::Missing("Date"))?,
            valid_until: seconds(&stanza, "Valid-Until")?,
            architectures: words("Architectures"),
            components: words("Components"),
            by_hash: switch(&stanza, "Acquire-By-Hash")?,
            not_automatic: switch(&stanza, "NotAutomatic")?,
            automatic_upgrades: switch(&stanza, "ButAutomaticUpgrades")?,
            files: files(stanza.get("SHA256").ok_or(ReleaseError::Missing("SHA256"))?)?,
        })
    }

    /// True when the release is what `dists/NAME` should hold: its suite or its codename.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        !name.is_empty() && (self.suite == name || self.codename == name)
    }

    /// True when the suite has the component, with or without the security archive's prefix.
    #[must_use]
    pub fn has_component(&self, component: &str) -> bool {
        self.components
            .iter()
            .any(|c| c == component || c.rsplit_once('/').is_some_and(|(_, c)| c == component))
    }

    /// The `Packages` index of a component, in the form that is quickest to have: smallest first.
    #[must_use]
    pub fn packages_index(&self, component: &str, arch: &str) -> Option<IndexFile> {
        let plain = format!("{component}/binary-{arch}/Packages");
        let forms = [Compression::Xz, Compression::Zstd, Compression::Gzip, Compression::Plain];
        forms.into_iter().find_map(|compression| {
            let path = format!("{plain}{}", compression.extension());
            let file = *self.files.get(&path)?;
            let location = if self.by_hash {
                format!("{component}/binary-{arch}/by-hash/SHA256/{}", file.sha256.hex())
            } else {
                path.clone()
            };
            Some(IndexFile { path, location, file, compression, plain: self.files.get(&plain).copied() })
        })
    }
}

fn seconds(stanza: &Stanza<'_>, name: &'static str) -> Result<Option<i64>, ReleaseError> {
    stanza
        .get(name)
        .map(|f| {
            date::parse(f.value).map_err(|source| ReleaseError::Date { line: f.line, field: name, source })
        })
        .transpose()
}

fn switch(stanza: &Stanza<'_>, name: &'static str) -> Result<bool, ReleaseError> {
    match stanza.get(name).map(|f| (f.value, f.line)) {
        None | Some(("no", _)) => Ok(false),
        Some(("yes", _)) => Ok(true),
        Some((value, line)) => Err(ReleaseError::Switch { line, field: name, value: deb822::excerpt(value) }),
    }
}

fn files(field: &Field<'_>) -> Result<BTreeMap<String, ReleaseFile>, ReleaseError> {
    let mut files = BTreeMap::new();
    for (line, text) in field.lines().filter(|(_, text)| !text.is_empty()) {
        let (path, file) =
            file(text).ok_or_else(|| ReleaseError::File { line, text: deb822::excerpt(text) })?;
        if files.insert(path.to_owned(), file).is_some_and(|earlier| earlier != file) {
            return Err(ReleaseError::Ambiguous { line, path: deb822::excerpt(path) });
        }
    }
    Ok(files)
}

fn file(text: &str) -> Option<(&str, ReleaseFile)> {
    let mut words = text.split_ascii_whitespace();
    let sha256 = words.next()?.parse().ok()?;
    let size = super::index::decimal(words.next()?)?;
    let path = words.next()?;
    (words.next().is_none() && super::index::is_safe_path(path))
        .then_some((path, ReleaseFile { size, sha256 }))
}
