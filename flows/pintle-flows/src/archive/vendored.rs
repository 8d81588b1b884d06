//! The archive's own files for a folder that builds without it.

use super::release::{self, SignedRelease, Trust};
use super::{ArchiveError, fetch_index, keys, mirrors};
use crate::supply::Supply;
use pintle_model::{Arch, Debian, Digest, Lock, Suite, Verified};
use pintle_openpgp::KeyRing;
use pintle_world::Mirror;
use pintle_world::fetch::FetchError;
use std::path::{Path, PathBuf};

/// The file that marks a vendored folder.
pub const MARK: &str = "vendor.json";

/// A folder that `pintle vendor` made.
pub(super) fn is_vendored(mirror: &Mirror) -> bool {
    let Mirror::Directory(folder) = mirror else { return false };
    pintle_world::files::is_folder(&folder.join(MARK)).is_ok_and(|found| found == Some(false))
}

/// The signed files of one suite.
pub(crate) struct SuiteFiles {
    /// Its name.
    pub(crate) name: String,
    /// InRelease.
    pub(crate) inrelease: Vec<u8>,
    /// It is the one that the lock names.
    pub(crate) locked: bool,
    /// Indices: paths below the suite that they go to, digest, file.
    pub(crate) indices: Vec<(Vec<String>, Digest, Verified<PathBuf>)>,
}

/// The signed files of every suite: those that the lock names, or, where they can no longer be had, those of today.
///
/// # Errors
/// [`ArchiveError`].
pub(crate) fn suite_files(
    debian: &Debian,
    arch: Arch,
    folder: &Path,
    lock: &Lock,
    supply: &Supply<'_>,
) -> Result<Vec<SuiteFiles>, ArchiveError> {
    let keys = keys(debian, folder)?;
    let mirrors = mirrors(debian, folder, supply)?;
    let mut found = Vec::new();
    for suite in &debian.suites {
        found.push(of_suite(suite, &mirrors[&suite.name], (arch, lock), &keys, supply)?);
    }
    Ok(found)
}

fn of_suite(
    suite: &Suite,
    mirror: &Mirror,
    (arch, lock): (Arch, &Lock),
    keys: &KeyRing,
    supply: &Supply<'_>,
) -> Result<SuiteFiles, ArchiveError> {
    let known = lock.suites.iter().find(|locked| locked.name == suite.name);
    if let Some(known) = known
        && let Some(signed) = release::locked(&suite.name, mirror, (keys, known), supply)?
    {
        match files(suite, mirror, arch, signed, supply) {
            Ok(files) => return Ok(SuiteFiles { locked: true, ..files }),
            Err(ArchiveError::Fetch { source: FetchError::NotFound(_), .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let signed = release::fetch(&suite.name, mirror, &Trust { keys, known }, supply)?;
    let locked = known.is_some_and(|known| known.inrelease == Digest::of(&signed.document));
    Ok(SuiteFiles { locked, ..files(suite, mirror, arch, signed, supply)? })
}

fn files(
    suite: &Suite,
    mirror: &Mirror,
    arch: Arch,
    signed: SignedRelease,
    supply: &Supply<'_>,
) -> Result<SuiteFiles, ArchiveError> {
    let mut indices = Vec::new();
    for index in release::indices(suite, &signed.release, arch)? {
        let file = fetch_index(&suite.name, mirror, &index, supply)?;
        // By digest for us, by name for apt.
        let mut paths = vec![index.location.clone(), index.path.clone()];
        paths.dedup();
        indices.push((paths, index.file.sha256, file));
    }
    Ok(SuiteFiles { name: suite.name.clone(), inrelease: signed.document, locked: false, indices })
}
