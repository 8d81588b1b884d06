//! The Debian archive as it stands: release files verified by signature, indices by digest, kept parsed.

mod error;
mod release;
mod vendored;

pub use error::ArchiveError;
pub use vendored::MARK;
pub(crate) use vendored::{SuiteFiles, suite_files};

use crate::supply::Supply;
use crate::unpack::Mirrors;
use pintle_model::{Arch, Debian, Digest, Lock, LockedSuite, Suite, Verified};
use pintle_openpgp::{KeyRing, debian_archive};
use pintle_package::control::Limits;
use pintle_package::control::date::rfc3339;
use pintle_package::control::index::{self, compact};
use pintle_package::control::release::IndexFile;
use pintle_resolve::apt_sources::{self, AptSource};
use pintle_world::kept;
use pintle_world::{Expected, Mirror};
use release::{SignedRelease, Trust};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

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

/// Where the suites of a definition are served: in the vendored folder, as the definition says, or by the machine's apt
/// sources. A mirror that begins with `./` or `../` is a folder seen from the definition's.
///
/// # Errors
/// [`ArchiveError::NoMirror`] names the key of the definition to set.
pub fn mirrors(
    debian: &Debian,
    folder: &Path,
    supply: &Supply<'_>,
) -> Result<BTreeMap<String, Mirror>, ArchiveError> {
    if let Some(vendor) = supply.vendor {
        let mirror = Mirror::Directory(vendor.to_owned());
        return Ok(debian.suites.iter().map(|suite| (suite.name.clone(), mirror.clone())).collect());
    }
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
        let mirror = match text.starts_with("./") || text.starts_with("../") {
            true => Mirror::Directory(folder.join(text)),
            false => text.parse().map_err(bad)?,
        };
        mirrors.insert(name.clone(), mirror);
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
    folder: &Path,
    lock: &Lock,
    supply: &Supply<'_>,
) -> Result<Mirrors, ArchiveError> {
    let times: BTreeMap<String, String> =
        lock.suites.iter().map(|suite| (suite.name.clone(), suite.snapshot.clone())).collect();
    let mut snapshots = BTreeMap::new();
    if let Some(template) = debian.snapshot.as_ref().filter(|_| supply.vendor.is_none()) {
        let kept = lock.packages.iter().filter_map(|p| Some((p.suite.clone(), p.snapshot.clone()?)));
        let all: BTreeSet<(String, String)> = times.clone().into_iter().chain(kept).collect();
        for (suite, time) in all {
            // 2026-11-15T08:00:00Z is 20261115T080000Z there.
            let short = time.replace(['-', ':'], "");
            let archive = if suite.ends_with("-security") { "debian-security" } else { "debian" };
            let url = template.replace("{time}", &short).replace("{archive}", archive);
            let bad = |source| ArchiveError::Mirror { suite: suite.clone(), source };
            let mirror = url.parse().map_err(bad)?;
            snapshots.insert((suite, time), mirror);
        }
    }
    Ok(Mirrors { by_suite: mirrors(debian, folder, supply)?, snapshots, times })
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
    let mirrors = mirrors(debian, folder, supply)?;
    let read = |suite: &Suite| {
        let known = locked.iter().find(|locked| locked.name == suite.name);
        let trust = Trust { keys: &keys, known };
        read_suite(suite, &mirrors[&suite.name], arch, &trust, supply)
    };
    // Most of the time is waiting for mirrors and reading indices: all suites at once.
    std::thread::scope(|scope| {
        let started: Vec<_> = debian.suites.iter().map(|suite| scope.spawn(move || read(suite))).collect();
        started
            .into_iter()
            .map(|one| one.join().expect("invariant: reading a suite does not panic"))
            .collect()
    })
}

fn read_suite(
    suite: &Suite,
    mirror: &Mirror,
    arch: Arch,
    trust: &Trust<'_>,
    supply: &Supply<'_>,
) -> Result<VerifiedSuite, ArchiveError> {
    let name = suite.name.as_str();
    let SignedRelease { document, release, signed_by } = release::fetch(name, mirror, trust, supply)?;
    let mut indices = Vec::new();
    for index in release::indices(suite, &release, arch)? {
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
        signed_by,
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
    let file = fetch_index(suite, mirror, index, supply)?;
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

/// An index as the archive has it.
fn fetch_index(
    suite: &str,
    mirror: &Mirror,
    index: &IndexFile,
    supply: &Supply<'_>,
) -> Result<Verified<PathBuf>, ArchiveError> {
    let location = format!("dists/{suite}/{}", index.location);
    let expected = Expected { sha256: index.file.sha256, size: index.file.size };
    supply.fetcher.fetch(mirror, &location, expected, supply.progress).map_err(|source| ArchiveError::Fetch {
        suite: suite.to_owned(),
        what: index.path.clone(),
        mirror: mirror.clone(),
        source,
    })
}
