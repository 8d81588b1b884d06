//! A folder that holds all that a build fetches: a Debian mirror of just the locked packages.
//!
//! ```text
//! DIR/vendor.json                  what it is for; marks the folder as ours
//! DIR/pintle.lock                  the lock it answers
//! DIR/keys/                        certificates of the definition's own
//! DIR/dists/SUITE/InRelease        as signed, with the indices it vouches for, by digest and by name
//! DIR/pool/…                       the locked packages, where the archive has them
//! ```

use crate::archive::{self, ArchiveError, MARK, SuiteFiles};
use crate::definition::Definition;
use crate::pin::{PinError, lock_answers};
use crate::supply::{CONNECTIONS, Supply};
use crate::unpack::{UnpackError, job, not_fetched};
use pintle_model::{Digest, Lock};
use pintle_world::atomic::{self, AtomicError};
use pintle_world::fetch::{FetchError, Job};
use pintle_world::files;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Version of `vendor.json`.
pub const VENDOR_SCHEMA: u32 = 1;

pub use crate::archive::MARK as VENDOR_MARK;

/// What becomes of files in the folder that the lock no longer names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftovers {
    /// They stay: earlier locks can still be built.
    Keep,
    /// They are removed.
    Prune,
}

/// What the folder holds now.
#[derive(Debug, Serialize)]
pub struct Vendored {
    /// The folder.
    pub folder: PathBuf,
    /// Packages.
    pub packages: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were written.
    pub written: usize,
    /// Files that were there already.
    pub kept: usize,
    /// Files that were removed.
    pub removed: Vec<PathBuf>,
    /// Suites whose signed files are not those of the lock: the archive has moved on.
    pub moved_on: Vec<String>,
}

/// Why there is no such folder.
#[derive(Debug, thiserror::Error)]
pub enum VendorError {
    /// The lock.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// Somebody's folder.
    #[error("{} holds other files: it was not made by `pintle vendor`", .0.display())]
    NotOurs(PathBuf),
    /// Two packages of the lock at one path.
    #[error("the lock has two packages at {path}; they cannot share a folder")]
    Collision {
        /// The path.
        path: String,
    },
    /// A closure is kept elsewhere.
    #[error(
        "the system is a closure of Nix, and a folder of packages cannot hold it: keep its paths in a binary cache (`nix copy \
         --to file:///srv/cache SYSTEM`) and name that in `source.nix-caches`"
    )]
    Closure,
    /// Writing.
    #[error(transparent)]
    Write(#[from] AtomicError),
    /// Reading the folder, or removing from it.
    #[error("cannot use {}", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl From<ArchiveError> for VendorError {
    fn from(error: ArchiveError) -> Self {
        Self::Pin(error.into())
    }
}

/// `vendor.json`.
#[derive(Serialize)]
struct Mark<'a> {
    schema: u32,
    /// The last run came to its end.
    complete: bool,
    pintle: &'static str,
    name: &'a str,
    /// Digest of the lock's text.
    lock: Digest,
    /// What the lock answers.
    request: Digest,
    packages: usize,
    bytes: u64,
}

/// Fills `folder` with everything that the lock of `definition` names.
///
/// # Errors
/// [`VendorError`]; what was written so far is used by the next run.
pub fn vendor(
    definition: &Definition,
    lock_file: &Path,
    folder: &Path,
    leftovers: Leftovers,
    supply: &Supply<'_>,
) -> Result<Vendored, VendorError> {
    let (lock, text) = crate::pin::read(lock_file)?.ok_or_else(|| PinError::Missing(lock_file.to_owned()))?;
    if !lock_answers(&lock, definition) {
        return Err(PinError::Outdated(lock_file.to_owned()).into());
    }
    let system = definition.system();
    if system.source.nix.is_some() {
        return Err(VendorError::Closure);
    }
    let debian = &system.source.debian;
    let mut mark = Mark {
        schema: VENDOR_SCHEMA,
        complete: false,
        pintle: env!("CARGO_PKG_VERSION"),
        name: &system.name,
        lock: Digest::of(text.as_bytes()),
        request: lock.request,
        packages: lock.packages.len(),
        bytes: lock.packages.iter().map(|package| package.size).sum(),
    };
    claim(folder, &mark)?;
    let mut place = Place { folder, wanted: BTreeSet::new(), written: 0, kept: 0 };
    packages(definition, &lock, &mut place, supply)?;
    let suites = archive::suite_files(debian, system.arch, &definition.folder, &lock, supply)?;
    let moved_on = suites.iter().filter(|suite| !suite.locked).map(|suite| suite.name.clone()).collect();
    suites.iter().try_for_each(|suite| signed(suite, &mut place))?;
    for name in &debian.keys {
        let path = definition.folder.join(name);
        let bytes = files::read(&path).map_err(|source| VendorError::Folder { path, source })?;
        let file = Path::new(name).file_name().map(PathBuf::from).unwrap_or_default();
        place.bytes(Path::new("keys").join(file), &bytes.unwrap_or_default())?;
    }
    place.bytes(PathBuf::from("pintle.lock"), text.as_bytes())?;
    let removed = if leftovers == Leftovers::Prune { prune(&place)? } else { Vec::new() };
    mark.complete = true;
    atomic::write(folder.join(MARK), &json(&mark))?;
    let Place { written, kept, .. } = place;
    let folder = folder.to_owned();
    Ok(Vendored { folder, packages: mark.packages, bytes: mark.bytes, written, kept, removed, moved_on })
}

/// Makes the folder ours, unless it is somebody else's.
fn claim(folder: &Path, mark: &Mark<'_>) -> Result<(), VendorError> {
    let failed = |source| VendorError::Folder { path: folder.to_owned(), source };
    let names = files::names(folder).map_err(failed)?;
    if !names.is_empty() && !names.iter().any(|name| name == MARK) {
        return Err(VendorError::NotOurs(folder.to_owned()));
    }
    files::make_folder(folder).map_err(|error| AtomicError::new(folder, error))?;
    Ok(atomic::write(folder.join(MARK), &json(mark))?)
}

fn json(mark: &Mark<'_>) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(mark).expect("invariant: plain data of string keys");
    text.push(b'\n');
    text
}

/// The folder as it grows.
struct Place<'a> {
    folder: &'a Path,
    /// What belongs there, relative.
    wanted: BTreeSet<PathBuf>,
    written: usize,
    kept: usize,
}

impl Place<'_> {
    fn count(&mut self, written: bool) {
        if written { self.written += 1 } else { self.kept += 1 }
    }

    fn bytes(&mut self, path: PathBuf, bytes: &[u8]) -> Result<(), VendorError> {
        let to = self.folder.join(&path);
        let there = files::read(&to).map_err(|source| VendorError::Folder { path: to.clone(), source })?;
        let written = there.as_deref() != Some(bytes);
        if written {
            let above = to.parent().unwrap_or(self.folder);
            files::make_folder(above).map_err(|error| AtomicError::new(above, error))?;
            atomic::write(&to, bytes)?;
        }
        self.wanted.insert(path);
        self.count(written);
        Ok(())
    }
}

fn packages(
    definition: &Definition,
    lock: &Lock,
    place: &mut Place<'_>,
    supply: &Supply<'_>,
) -> Result<(), VendorError> {
    let debian = &definition.system().source.debian;
    let mirrors = archive::package_mirrors(debian, &definition.folder, lock, supply)?;
    let jobs = lock.packages.iter().map(|package| job(package, &mirrors));
    let jobs: Vec<Job> = jobs.collect::<Result<_, UnpackError>>().map_err(PinError::from)?;
    let fetched = supply.fetcher.fetch_all(&jobs, CONNECTIONS, supply.progress);
    // What was only not begun says less than what went wrong.
    let fault = |result: &Result<_, FetchError>| matches!(result, Err(error) if !matches!(error, FetchError::Cancelled));
    let first = fetched.iter().position(fault).or_else(|| fetched.iter().position(Result::is_err));
    let mut fetched: Vec<_> = lock.packages.iter().zip(fetched).collect();
    if let Some(first) = first {
        let (package, result) = fetched.swap_remove(first);
        let error = result.err().unwrap_or(FetchError::Cancelled);
        return Err(PinError::from(not_fetched(package, error)).into());
    }
    for (package, file) in fetched {
        let file = file.map_err(|error| PinError::from(not_fetched(package, error)))?;
        if !place.wanted.insert(PathBuf::from(&package.path)) {
            return Err(VendorError::Collision { path: package.path.clone() });
        }
        let written = files::place(&file, &place.folder.join(&package.path), &package.sha256)?;
        place.count(written);
    }
    Ok(())
}

fn signed(suite: &SuiteFiles, place: &mut Place<'_>) -> Result<(), VendorError> {
    let below = Path::new("dists").join(&suite.name);
    for (paths, digest, file) in &suite.indices {
        for path in paths {
            let path = below.join(path);
            let written = files::place(file, &place.folder.join(&path), digest)?;
            place.wanted.insert(path);
            place.count(written);
        }
    }
    place.bytes(below.join("InRelease"), &suite.inrelease)
}

/// Removes what the lock does not name, in the folders that are ours.
fn prune(place: &Place<'_>) -> Result<Vec<PathBuf>, VendorError> {
    let mut removed = Vec::new();
    for top in ["pool", "dists", "keys"] {
        let top = place.folder.join(top);
        let failed = |source| VendorError::Folder { path: top.clone(), source };
        for path in files::files_below(&top).map_err(failed)? {
            let whole = top.join(path);
            let relative = whole.strip_prefix(place.folder).unwrap_or(&whole).to_owned();
            if !place.wanted.contains(&relative) {
                files::remove(&whole, &top).map_err(|source| VendorError::Folder { path: whole, source })?;
                removed.push(relative);
            }
        }
    }
    Ok(removed)
}
