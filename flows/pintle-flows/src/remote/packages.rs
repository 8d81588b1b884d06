//! The packages of a lock on the builder: from mirrors that it reaches itself, else from here.

use super::frame::Writer;
use super::message::{Message, say, stream};
use crate::archive::{self, ArchiveError};
use crate::definition::Definition;
use crate::pin::{self, PinError};
use crate::supply::{CONNECTIONS, Supply};
use crate::unpack::{self, Mirrors, UnpackError};
use pintle_model::{Digest, Lock, LockedPackage, Verified, with_causes};
use pintle_world::fetch::{FetchError, Job};
use pintle_world::{Cache, Mirror, files, sparse};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What became of a builder's own attempt.
pub(super) enum Own {
    /// It has all of them.
    All,
    /// It lacks these, for this reason; none lacking: only mirrors are.
    Lacks(Vec<Digest>, Option<String>),
}

/// On the builder: unpacks what it has or can fetch; with `push`, no mirror is asked.
pub(super) fn own(
    definition: &Definition,
    lock: &Lock,
    push: bool,
    supply: &Supply<'_>,
) -> Result<Own, PinError> {
    let mut reason = None;
    if !push {
        match pin::packages(definition, lock, supply) {
            Ok(_) => return Ok(Own::All),
            Err(error) if is_out_of_reach(&error) => reason = Some(with_causes(&error)),
            Err(error) => return Err(error),
        }
    }
    let lacking = unpack::lacking(&lock.packages, supply)?;
    let lacking = lacking.into_iter().filter(|package| !is_downloaded(package, supply.cache));
    Ok(Own::Lacks(lacking.map(|package| package.sha256).collect(), reason))
}

/// Somebody else may have it: there is no mirror, or it cannot be reached, or lacks the file. What a mirror has that is
/// not what was signed is no such case.
fn is_out_of_reach(error: &PinError) -> bool {
    match error {
        PinError::Archive(
            ArchiveError::NoMirror(_) | ArchiveError::Mirror { .. } | ArchiveError::Sources { .. },
        ) => true,
        PinError::Unpack(UnpackError::Fetch { source, .. }) => !matches!(
            source,
            FetchError::Mismatch { .. }
                | FetchError::Cancelled
                | FetchError::Cache { .. }
                | FetchError::Mirror(_)
        ),
        _ => false,
    }
}

/// The download is there, and what it must be.
fn is_downloaded(package: &LockedPackage, cache: &Cache) -> bool {
    verified(&cache.blob(&package.sha256), &package.sha256).is_some()
}

fn verified(path: &Path, digest: &Digest) -> Option<Verified<PathBuf>> {
    // What cannot be read is fetched again.
    let file = std::fs::File::open(path).ok()?;
    Verified::new(path.to_owned(), files::digest(&file).ok()?, *digest).ok()
}

/// On the builder: unpacks everything from what was downloaded or sent. No mirror is asked: they are all the folder of
/// downloads, where packages have other names.
pub(super) fn unpack_sent(lock: &Lock, supply: &Supply<'_>) -> Result<(), UnpackError> {
    let root = supply.cache.root();
    let named = |package: &LockedPackage| {
        let path = supply.cache.blob(&package.sha256);
        let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        LockedPackage { path, snapshot: None, ..package.clone() }
    };
    let packages: Vec<LockedPackage> = lock.packages.iter().map(named).collect();
    let mirror = Mirror::Directory(root.to_owned());
    let by_suite = packages.iter().map(|package| (package.suite.clone(), mirror.clone())).collect();
    let mirrors = Mirrors { by_suite, ..Mirrors::default() };
    unpack::unpack(&packages, &mirrors, supply).map(drop)
}

/// Packages with their files.
type Files<'a> = Vec<(&'a LockedPackage, Verified<PathBuf>)>;

/// Here: the files of the packages that the builder lacks, from the cache or from where a build here would get them.
/// None: it asks for what the lock does not name.
pub(super) fn files_of<'a>(
    digests: &[Digest],
    definition: &Definition,
    lock: &'a Lock,
    supply: &Supply<'_>,
) -> Result<Option<Files<'a>>, PinError> {
    let by_digest: BTreeMap<Digest, &LockedPackage> = lock.packages.iter().map(|p| (p.sha256, p)).collect();
    let wanted: Option<Vec<&LockedPackage>> =
        digests.iter().map(|digest| by_digest.get(digest).copied()).collect();
    let Some(wanted) = wanted else { return Ok(None) };
    let place = |package: &LockedPackage| verified(&supply.cache.blob(&package.sha256), &package.sha256);
    let mut found: Vec<_> = wanted.iter().map(|package| (*package, place(package))).collect();
    let absent: Vec<&LockedPackage> =
        found.iter().filter(|(_, file)| file.is_none()).map(|(package, _)| *package).collect();
    let mut fetched = fetch(&absent, definition, lock, supply)?.into_iter();
    for (_, file) in found.iter_mut().filter(|(_, file)| file.is_none()) {
        *file = fetched.next();
    }
    Ok(Some(found.into_iter().filter_map(|(package, file)| Some((package, file?))).collect()))
}

fn fetch(
    packages: &[&LockedPackage],
    definition: &Definition,
    lock: &Lock,
    supply: &Supply<'_>,
) -> Result<Vec<Verified<PathBuf>>, PinError> {
    if packages.is_empty() {
        return Ok(Vec::new());
    }
    let debian = &definition.system().source.debian;
    let mirrors = archive::package_mirrors(debian, &definition.folder, lock, supply)?;
    let jobs = packages.iter().map(|package| unpack::job(package, &mirrors));
    let jobs: Vec<Job> = jobs.collect::<Result<_, UnpackError>>()?;
    let fetched = supply.fetcher.fetch_all(&jobs, CONNECTIONS, supply.progress);
    let named = packages.iter().zip(fetched);
    // What was only not begun says less than what went wrong.
    let (given_up, rest): (Vec<_>, Vec<_>) =
        named.partition(|(_, file)| matches!(file, Err(FetchError::Cancelled)));
    let mut files = Vec::new();
    for (package, file) in rest.into_iter().chain(given_up) {
        files.push(file.map_err(|error| unpack::not_fetched(package, error))?);
    }
    Ok(files)
}

/// Here: sends one.
pub(super) fn send<W: Write>(
    package: &LockedPackage,
    path: &Verified<PathBuf>,
    to: &mut Writer<W>,
) -> std::io::Result<()> {
    let file = std::fs::File::open(path.get())?;
    say(to, &Message::Package { sha256: package.sha256 })?;
    stream(to, |out| sparse::read(&file, &mut |run| out.add(run))).map(drop)
}
