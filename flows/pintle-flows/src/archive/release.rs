//! The signed head of a suite: fetched, verified, held against the clock and the lock.

use super::{ArchiveError, vendored};
use crate::supply::Supply;
use pintle_model::{Arch, Digest, LockedSuite, Suite};
use pintle_openpgp::{KeyRing, verify_clearsigned};
use pintle_package::control::Limits;
use pintle_package::control::date::parse_rfc3339;
use pintle_package::control::release::{IndexFile, Release};
use pintle_resolve::freshness;
use pintle_world::{Mirror, kept};
use std::path::PathBuf;

/// Largest InRelease that is read: the real ones have 140 kB.
const INRELEASE_MAX: u64 = 16 << 20;
/// Time between a release's `Date` and its signature, at most, in seconds: hours in practice.
const SIGNED_WITHIN: i64 = 7 * 86_400;

/// What a suite is held against.
pub(super) struct Trust<'a> {
    pub(super) keys: &'a KeyRing,
    /// The suite as it was locked before.
    pub(super) known: Option<&'a LockedSuite>,
}

/// An InRelease whose signature counts.
pub(super) struct SignedRelease {
    /// As it came.
    pub(super) document: Vec<u8>,
    /// What it says.
    pub(super) release: Release,
    /// Fingerprint of the key.
    pub(super) signed_by: String,
}

/// The release of today. It is kept, for a folder that is vendored later.
pub(super) fn fetch(
    name: &str,
    mirror: &Mirror,
    trust: &Trust<'_>,
    supply: &Supply<'_>,
) -> Result<SignedRelease, ArchiveError> {
    let path = format!("dists/{name}/InRelease");
    let document =
        supply.fetcher.get(mirror, &path, INRELEASE_MAX).map_err(|source| ArchiveError::Fetch {
            suite: name.to_owned(),
            what: "InRelease".to_owned(),
            mirror: mirror.clone(),
            source,
        })?;
    let known = trust.known.filter(|known| known.inrelease == Digest::of(&document));
    let signed = match known.filter(|_| vendored::is_vendored(mirror)) {
        Some(known) => verify_locked(name, mirror, document, (trust.keys, known), supply)?,
        None => verify(name, mirror, document, trust, supply)?,
    };
    let place = place(&Digest::of(&signed.document), supply);
    let failed = |source| ArchiveError::Read { path: place.clone(), source };
    if pintle_world::files::is_folder(&place).map_err(failed)?.is_none() {
        kept::write(&place, signed.document.clone())?;
    }
    Ok(signed)
}

/// The release that the lock names, if it was kept.
pub(super) fn locked(
    name: &str,
    mirror: &Mirror,
    (keys, known): (&KeyRing, &LockedSuite),
    supply: &Supply<'_>,
) -> Result<Option<SignedRelease>, ArchiveError> {
    let place = place(&known.inrelease, supply);
    let kept = kept::read(&place).map_err(|source| ArchiveError::Read { path: place, source })?;
    let kept = kept.filter(|document| known.inrelease == Digest::of(document));
    kept.map(|document| verify_locked(name, mirror, document, (keys, known), supply)).transpose()
}

fn place(digest: &Digest, supply: &Supply<'_>) -> PathBuf {
    supply.cache.indices().join(format!("{}.inrelease", digest.hex()))
}

fn verify(
    name: &str,
    mirror: &Mirror,
    document: Vec<u8>,
    trust: &Trust<'_>,
    supply: &Supply<'_>,
) -> Result<SignedRelease, ArchiveError> {
    let signed = signature(name, mirror, document, trust.keys, supply.now)?;
    freshness::check(name, &signed.release, supply.now)?;
    if let Some(known) = trust.known {
        freshness::check_not_older(&signed.release, known)?;
    }
    called(name, mirror, signed)
}

/// A release that the lock names by its digest is judged by the time it was locked: that it may have expired since
/// says nothing against it. Expiry guards against a mirror that hides what is new; here nothing new is looked for.
fn verify_locked(
    name: &str,
    mirror: &Mirror,
    document: Vec<u8>,
    (keys, known): (&KeyRing, &LockedSuite),
    supply: &Supply<'_>,
) -> Result<SignedRelease, ArchiveError> {
    let locked = parse_rfc3339(&known.snapshot).unwrap_or(supply.now);
    let now = supply.now.min(locked.saturating_add(SIGNED_WITHIN));
    called(name, mirror, signature(name, mirror, document, keys, now)?)
}

fn signature(
    name: &str,
    mirror: &Mirror,
    document: Vec<u8>,
    keys: &KeyRing,
    now: i64,
) -> Result<SignedRelease, ArchiveError> {
    let signed = verify_clearsigned(&document, keys, now).map_err(|source| ArchiveError::Signature {
        suite: name.to_owned(),
        mirror: mirror.clone(),
        source,
    })?;
    let release = Release::parse(signed.text(), &Limits::default())
        .map_err(|source| ArchiveError::Release { suite: name.to_owned(), source })?;
    let signed_by = signed.fingerprint().to_owned();
    drop(signed);
    Ok(SignedRelease { document, release, signed_by })
}

fn called(name: &str, mirror: &Mirror, signed: SignedRelease) -> Result<SignedRelease, ArchiveError> {
    if signed.release.is_called(name) {
        return Ok(signed);
    }
    let (suite, found) = (name.to_owned(), signed.release.codename);
    Err(ArchiveError::OtherSuite { suite, mirror: mirror.clone(), found })
}

/// The indices of a suite's components.
pub(super) fn indices(suite: &Suite, release: &Release, arch: Arch) -> Result<Vec<IndexFile>, ArchiveError> {
    let index = |component: &String| {
        release.packages_index(component, arch.debian()).ok_or_else(|| ArchiveError::Component {
            suite: suite.name.clone(),
            component: component.clone(),
            arch,
            has: release.components.join(", "),
        })
    };
    suite.components.iter().map(index).collect()
}
