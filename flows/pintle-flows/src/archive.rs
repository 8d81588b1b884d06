//! The Debian archive as it stands: release files verified by signature, indices by digest, kept parsed.

use crate::supply::Supply;
use crate::unpack::Mirrors;
use pintle_model::{Arch, Debian, Digest, LockedSuite, Suite};
use pintle_openpgp::{KeyRing, KeyRingError, VerifyError, debian_archive, verify_clearsigned};
use pintle_package::control::Limits;
use pintle_package::control::date::rfc3339;
use pintle_package::control::index::{self, IndexError, compact};
use pintle_package::control::release::{IndexFile, Release, ReleaseError};
use pintle_resolve::apt_sources::{self, AptSource, NoMirror, SourcesError};
use pintle_resolve::freshness::{self, Stale};
use pintle_world::atomic::AtomicError;
use pintle_world::fetch::{BadMirror, FetchError};
use pintle_world::kept;
use pintle_world::{Expected, Mirror};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Largest InRelease that is read: the real ones have 140 kB.
const INRELEASE_MAX: u64 = 16 << 20;
/// Largest unpacked index: unstable's has 60 MB.
const PACKAGES_MAX: u64 = 1 << 30;
/// Version of the kept form of an index.
const KEPT_FORMAT: &str = "1";

/// A suite, verified.
#[derive(Clone, Debug)]
pub struct VerifiedSuite {
    /// Its line in the lock.
    pub locked: LockedSuite,
    /// Pin priority of apt_preferences(5).
    pub priority: u16,
    /// Its indices, one per component, with what the solver needs.
    pub indices: Vec<String>,
}

/// The archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The machine's apt sources.
    #[error("cannot read this machine's apt sources: {file}")]
    Sources {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: SourcesError,
    },
    /// No mirror.
    #[error(transparent)]
    NoMirror(#[from] NoMirror),
    /// A bad mirror in the definition.
    #[error("the mirror of suite `{suite}` is not usable")]
    Mirror {
        /// The suite.
        suite: String,
        /// Why.
        #[source]
        source: BadMirror,
    },
    /// Not to be had.
    #[error("cannot fetch {what} of suite `{suite}` from {mirror}")]
    Fetch {
        /// The suite.
        suite: String,
        /// Which file.
        what: String,
        /// From where.
        mirror: Mirror,
        /// Why.
        #[source]
        source: FetchError,
    },
    /// Not signed as it must be.
    #[error("the signature of suite `{suite}` from {mirror} is refused")]
    Signature {
        /// The suite.
        suite: String,
        /// From where.
        mirror: Mirror,
        /// Why.
        #[source]
        source: VerifyError,
    },
    /// Too old, or from the future.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// A signed release that cannot be read.
    #[error("cannot read the release file of suite `{suite}`")]
    Release {
        /// The suite.
        suite: String,
        /// Why.
        #[source]
        source: ReleaseError,
    },
    /// The mirror serves another suite under this name.
    #[error("`dists/{suite}` of {mirror} holds the suite `{found}`")]
    OtherSuite {
        /// What was asked for.
        suite: String,
        /// From where.
        mirror: Mirror,
        /// What the release calls itself.
        found: String,
    },
    /// The suite lacks a component or architecture.
    #[error("suite `{suite}` has no component `{component}` for {arch} (it has: {has})")]
    Component {
        /// The suite.
        suite: String,
        /// What was asked for.
        component: String,
        /// Architecture.
        arch: Arch,
        /// What there is.
        has: String,
    },
    /// A verified index that cannot be unpacked or is no text.
    #[error("cannot unpack {path} of suite `{suite}`: {reason}")]
    Unpack {
        /// The suite.
        suite: String,
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A verified index that cannot be read.
    #[error("cannot read {path} of suite `{suite}`")]
    Index {
        /// The suite.
        suite: String,
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: IndexError,
    },
    /// A key of the definition.
    #[error("cannot use the key {}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyRingError,
    },
    /// A key of the definition that is not there.
    #[error("there is no key {}, which the definition names in `source.keys`", .0.display())]
    NoKey(PathBuf),
    /// A file of this host.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The cache.
    #[error("cannot keep an index")]
    Keep(#[from] AtomicError),
}

/// Where the suites of a definition are served: as it says, or by the machine's apt sources.
///
/// # Errors
/// [`ArchiveError::NoMirror`] names the key of the definition to set.
pub fn mirrors(debian: &Debian, supply: &Supply<'_>) -> Result<BTreeMap<String, Mirror>, ArchiveError> {
    let own: Vec<&str> = debian
        .suites
        .iter()
        .filter(|suite| suite.mirror.is_none())
        .map(|suite| suite.name.as_str())
        .collect();
    let found = if own.is_empty() { Vec::new() } else { apt_sources::pick_mirrors(&apt(supply)?, &own)? };
    let found: BTreeMap<&str, String> = own.into_iter().zip(found).collect();
    let mut mirrors = BTreeMap::new();
    for Suite { name, mirror, .. } in &debian.suites {
        let text = mirror.as_ref().or_else(|| found.get(name.as_str())).cloned().unwrap_or_default();
        let bad = |source| ArchiveError::Mirror { suite: name.clone(), source };
        mirrors.insert(name.clone(), text.parse().map_err(bad)?);
    }
    Ok(mirrors)
}

/// The machine's apt sources, mirror lists included.
fn apt(supply: &Supply<'_>) -> Result<Vec<AptSource>, ArchiveError> {
    let mut sources = Vec::new();
    for (file, text) in supply.apt_sources {
        let is_list = Path::new(file).extension().is_some_and(|extension| extension == "list");
        let read = if is_list { apt_sources::parse_list(text) } else { apt_sources::parse_sources(text) };
        sources.extend(read.map_err(|source| ArchiveError::Sources { file: file.clone(), source })?);
    }
    let mut texts = BTreeMap::new();
    for path in apt_sources::mirror_lists(&sources) {
        let file = PathBuf::from(&path);
        let bytes =
            pintle_world::files::read(&file).map_err(|source| ArchiveError::Read { path: file, source })?;
        texts.insert(path, String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned());
    }
    Ok(apt_sources::expand_mirror_lists(&sources, &texts))
}

/// Mirrors for the packages of a lock: with the snapshot archive for what they no longer have.
///
/// # Errors
/// As [`mirrors`].
pub fn package_mirrors(
    debian: &Debian,
    suites: &[LockedSuite],
    supply: &Supply<'_>,
) -> Result<Mirrors, ArchiveError> {
    let mut snapshots = BTreeMap::new();
    if let Some(template) = &debian.snapshot {
        for suite in suites {
            // 2026-11-15T08:00:00Z is 20261115T080000Z there.
            let time = suite.snapshot.replace(['-', ':'], "");
            let archive = if suite.name.ends_with("-security") { "debian-security" } else { "debian" };
            let url = template.replace("{time}", &time).replace("{archive}", archive);
            let bad = |source| ArchiveError::Mirror { suite: suite.name.clone(), source };
            snapshots.insert(suite.name.clone(), url.parse().map_err(bad)?);
        }
    }
    Ok(Mirrors { by_suite: mirrors(debian, supply)?, snapshots })
}

/// Certificates to trust: Debian's, and those of the definition.
fn keys(debian: &Debian, folder: &Path) -> Result<KeyRing, ArchiveError> {
    let mut keys = debian_archive();
    for name in &debian.keys {
        let path = folder.join(name);
        let bytes = pintle_world::files::read(&path)
            .map_err(|source| ArchiveError::Read { path: path.clone(), source })?
            .ok_or_else(|| ArchiveError::NoKey(path.clone()))?;
        keys.add(&bytes, name).map_err(|source| ArchiveError::Key { path, source })?;
    }
    Ok(keys)
}

/// Fetches and verifies all suites. One that is missing or refused fails all, and so does one that is older than it
/// was when `locked` was made: trixie itself has no `Valid-Until`, so nothing else would show a replay.
///
/// # Errors
/// [`ArchiveError`].
pub fn read(
    debian: &Debian,
    arch: Arch,
    folder: &Path,
    locked: &[LockedSuite],
    supply: &Supply<'_>,
) -> Result<Vec<VerifiedSuite>, ArchiveError> {
    let keys = keys(debian, folder)?;
    let mirrors = mirrors(debian, supply)?;
    let read = |suite: &Suite| {
        let known = locked.iter().find(|locked| locked.name == suite.name);
        let trust = Trust { keys: &keys, known };
        read_suite(suite, &mirrors[&suite.name], arch, &trust, supply)
    };
    debian.suites.iter().map(read).collect()
}

/// What a suite is held against.
struct Trust<'a> {
    keys: &'a KeyRing,
    /// The suite as it was locked before.
    known: Option<&'a LockedSuite>,
}

fn read_suite(
    suite: &Suite,
    mirror: &Mirror,
    arch: Arch,
    trust: &Trust<'_>,
    supply: &Supply<'_>,
) -> Result<VerifiedSuite, ArchiveError> {
    let name = suite.name.as_str();
    let path = format!("dists/{name}/InRelease");
    let document =
        supply.fetcher.get(mirror, &path, INRELEASE_MAX).map_err(|source| ArchiveError::Fetch {
            suite: name.to_owned(),
            what: "InRelease".to_owned(),
            mirror: mirror.clone(),
            source,
        })?;
    let signed = verify_clearsigned(&document, trust.keys, supply.now).map_err(|source| {
        ArchiveError::Signature { suite: name.to_owned(), mirror: mirror.clone(), source }
    })?;
    let release = Release::parse(signed.text(), &Limits::default())
        .map_err(|source| ArchiveError::Release { suite: name.to_owned(), source })?;
    freshness::check(name, &release, supply.now)?;
    if let Some(known) = trust.known {
        freshness::check_not_older(&release, known)?;
    }
    if !release.is_called(name) {
        let (suite, found) = (name.to_owned(), release.codename);
        return Err(ArchiveError::OtherSuite { suite, mirror: mirror.clone(), found });
    }
    let mut indices = Vec::new();
    for component in &suite.components {
        let index = release.packages_index(component, arch.debian());
        let index = index.ok_or_else(|| ArchiveError::Component {
            suite: name.to_owned(),
            component: component.clone(),
            arch,
            has: release.components.join(", "),
        })?;
        indices.push(read_index(name, mirror, &index, supply)?);
    }
    let priority = match (release.not_automatic, release.automatic_upgrades) {
        (false, _) => 500,
        (true, true) => 100,
        (true, false) => 1,
    };
    let locked = LockedSuite {
        name: name.to_owned(),
        components: suite.components.clone(),
        snapshot: rfc3339(release.date),
        inrelease: Digest::of(&document),
        signed_by: signed.fingerprint().to_owned(),
    };
    Ok(VerifiedSuite { locked, priority, indices })
}

/// An index in its kept form: only what the solver needs, so that it is read in a fraction of the time. Kept under the
/// digest of what it was made from.
fn read_index(
    suite: &str,
    mirror: &Mirror,
    index: &IndexFile,
    supply: &Supply<'_>,
) -> Result<String, ArchiveError> {
    let path = supply.cache.indices().join(format!("{}.{KEPT_FORMAT}", index.file.sha256.hex()));
    let failed = |source| ArchiveError::Read { path: path.clone(), source };
    if let Some(bytes) = kept::read(&path).map_err(failed)?
        && let Ok(text) = String::from_utf8(bytes)
    {
        return Ok(text);
    }
    let location = format!("dists/{suite}/{}", index.location);
    let expected = Expected { sha256: index.file.sha256, size: index.file.size };
    let file = supply.fetcher.fetch(mirror, &location, expected, supply.progress).map_err(|source| {
        ArchiveError::Fetch {
            suite: suite.to_owned(),
            what: index.path.clone(),
            mirror: mirror.clone(),
            source,
        }
    })?;
    let bytes = pintle_world::files::read(file.get())
        .map_err(|source| ArchiveError::Read { path: file.get().clone(), source })?
        .unwrap_or_default();
    let unpack =
        |reason: String| ArchiveError::Unpack { suite: suite.to_owned(), path: index.path.clone(), reason };
    let text = index.compression.unpack(&bytes, PACKAGES_MAX).map_err(|error| unpack(error.to_string()))?;
    let text = String::from_utf8(text).map_err(|_| unpack("it is not UTF-8 text".to_owned()))?;
    let records = index::parse(&text, &Limits::default()).map_err(|source| ArchiveError::Index {
        suite: suite.to_owned(),
        path: index.path.clone(),
        source,
    })?;
    let short = compact(&records);
    kept::write(&path, short.clone().into_bytes())?;
    Ok(short)
}
