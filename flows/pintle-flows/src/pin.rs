//! The lock and the packages it names: as they are, or made anew. What `pintle lock` and every build begin with.

use crate::archive::{self, ArchiveError, VerifiedSuite};
use crate::build::boot_packages;
use crate::definition::Definition;
use crate::supply::Supply;
use crate::unpack::{UnpackError, Unpacked, unpack};
use pintle_assemble::{AssembleErrors, Package, Recipes, accounts};
use pintle_model::{Digest, LOCK_SCHEMA, Lock, LockedSuite, PackageRole, Source, System};
use pintle_package::control::Limits;
use pintle_package::control::date;
use pintle_package::control::index::{self, IndexError};
use pintle_resolve::lockfile::{self, LockError};
use pintle_resolve::{
    BadSpec, ForeignPackage, LockDiff, Request, SuiteIndex, Universe, Unsolvable, request_digest, solve,
};
use pintle_world::atomic::{self, AtomicError};
use std::path::{Path, PathBuf};

/// What may happen to the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// It must be there and answer the definition.
    Locked,
    /// It is made when missing, and extended, visibly, when the definition asks for other things.
    Extend,
    /// Everything is chosen anew.
    Update,
}

/// What became of the lock.
#[derive(Clone, Debug)]
pub enum Change {
    /// It is new.
    Made {
        /// How many packages it names.
        packages: usize,
    },
    /// It is another.
    Changed(Box<LockDiff>),
}

/// A lock and its packages.
#[derive(Debug)]
pub struct Pinned {
    /// The lock.
    pub lock: Lock,
    /// Its text.
    pub text: String,
    /// Its packages in its order.
    pub packages: Vec<Unpacked>,
    /// What became of it; none when it is as it was.
    pub change: Option<Change>,
}

/// There is no usable lock.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// `--locked`, and none is there.
    #[error("there is no lock at {}", .0.display())]
    Missing(PathBuf),
    /// `--locked`, and it answers another definition.
    #[error("{} does not answer the definition as it is now", .0.display())]
    Outdated(PathBuf),
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is something else.
    #[error("{} is not a lock: it is not UTF-8 text", .0.display())]
    NotText(PathBuf),
    /// It is damaged.
    #[error("{} is not a lock", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: LockError,
    },
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A package of the definition that is none.
    #[error("the definition asks for something that is no package")]
    Spec(#[from] BadSpec),
    /// A kept index that cannot be read.
    #[error("a kept index of suite `{suite}` is damaged; empty the folder `indices` of the cache")]
    Index {
        /// The suite.
        suite: String,
        /// Why.
        #[source]
        source: IndexError,
    },
    /// An index of another architecture.
    #[error(transparent)]
    Foreign(#[from] ForeignPackage),
    /// The packages do not go together.
    #[error("{0}")]
    Unsolvable(Box<Unsolvable>),
    /// A package cannot be had.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// Who the packages' users are cannot be told.
    #[error(transparent)]
    Accounts(#[from] AssembleErrors),
    /// The lock cannot be written.
    #[error("cannot write the lock")]
    Write(#[from] AtomicError),
}

/// The lock of `definition` with its packages, ready to be read; written to `lock_file` when it is new or another.
///
/// # Errors
/// [`PinError`]; the old lock is as it was.
pub fn pin(
    definition: &Definition,
    lock_file: Option<&Path>,
    mode: LockMode,
    recipes: &Recipes,
    supply: &Supply<'_>,
) -> Result<Pinned, PinError> {
    let system = definition.system();
    let Source::Debian(debian) = &system.source;
    let previous = lock_file.map(read).transpose()?.flatten();
    let path = lock_file.unwrap_or(Path::new("pintle.lock"));
    let boot: Vec<String> = boot_packages(system).into_iter().map(str::to_owned).collect();
    let request = request_digest(system, &boot);
    let answers = previous.as_ref().is_some_and(|(lock, _)| lock.request == request);
    match (previous, mode) {
        (Some((lock, text)), LockMode::Locked | LockMode::Extend) if answers => {
            let mirrors = archive::package_mirrors(debian, &lock.suites, supply)?;
            let packages = unpack(&lock.packages, &mirrors, supply)?;
            Ok(Pinned { lock, text, packages, change: None })
        }
        (None, LockMode::Locked) => Err(PinError::Missing(path.to_owned())),
        (Some(_), LockMode::Locked) => Err(PinError::Outdated(path.to_owned())),
        (previous, _) => {
            let old = previous.map(|(lock, _)| lock);
            let mut lock = choose(definition, &boot, request, old.as_ref(), supply)?;
            let mirrors = archive::package_mirrors(debian, &lock.suites, supply)?;
            let packages = unpack(&lock.packages, &mirrors, supply)?;
            number(&mut lock, system, &packages, old.as_ref(), recipes, supply)?;
            let text = lockfile::print(&lock);
            if let Some(file) = lock_file {
                atomic::write(file, text.as_bytes())?;
            }
            let change = match old {
                None => Change::Made { packages: lock.packages.len() },
                Some(old) => Change::Changed(Box::new(LockDiff::new(&old, &lock))),
            };
            Ok(Pinned { lock, text, packages, change: Some(change) })
        }
    }
}

/// The lock at `path` with its text; `None` when there is none.
///
/// # Errors
/// [`PinError::Read`], [`PinError::Lock`].
pub fn read(path: &Path) -> Result<Option<(Lock, String)>, PinError> {
    let failed = |source| PinError::Read { path: path.to_owned(), source };
    let Some(bytes) = pintle_world::files::read(path).map_err(failed)? else { return Ok(None) };
    let text = String::from_utf8(bytes).map_err(|_| PinError::NotText(path.to_owned()))?;
    let lock = lockfile::parse(&text).map_err(|source| PinError::Lock { path: path.to_owned(), source })?;
    Ok(Some((lock, text)))
}

/// Asks the archive and solves. What was locked before wins over other alternatives of a dependency.
fn choose(
    definition: &Definition,
    boot: &[String],
    digest: Digest,
    old: Option<&Lock>,
    supply: &Supply<'_>,
) -> Result<Lock, PinError> {
    let system = definition.system();
    let Source::Debian(debian) = &system.source;
    let known = old.map_or(&[][..], |old| &old.suites[..]);
    let suites = archive::read(debian, system.arch, &definition.folder, known, supply)?;
    let mut records = Vec::new();
    for suite in &suites {
        for text in &suite.indices {
            let parsed = index::parse(text, &Limits::default())
                .map_err(|source| PinError::Index { suite: suite.locked.name.clone(), source })?;
            records.push((suite, parsed));
        }
    }
    let indices: Vec<SuiteIndex<'_>> = records
        .iter()
        .map(|(suite, records)| SuiteIndex { name: &suite.locked.name, priority: suite.priority, records })
        .collect();
    let universe = Universe::new(system.arch, &indices)?;
    let specs = |names: &[String]| names.iter().map(|name| name.parse()).collect::<Result<Vec<_>, _>>();
    let mut packages = specs(&system.packages)?;
    packages.extend(system.kernel.all_packages().map(str::parse).collect::<Result<Vec<_>, _>>()?);
    let request = Request {
        packages,
        boot: specs(boot)?,
        recommends: debian.recommends,
        essential: true,
        prefer: old.map(|old| old.packages.iter().map(|p| p.name.clone()).collect()).unwrap_or_default(),
    };
    let solution = solve(&universe, &request).map_err(|error| PinError::Unsolvable(Box::new(error)))?;
    Ok(Lock {
        version: LOCK_SCHEMA,
        request: digest,
        arch: system.arch,
        suites: suites.iter().map(|VerifiedSuite { locked, .. }| locked.clone()).collect(),
        packages: solution.locked(),
        users: Vec::new(),
        groups: Vec::new(),
    })
}

/// Gives every user and group its number; numbers of the old lock are kept.
fn number(
    lock: &mut Lock,
    system: &System,
    packages: &[Unpacked],
    old: Option<&Lock>,
    recipes: &Recipes,
    supply: &Supply<'_>,
) -> Result<(), PinError> {
    let installed = installed(packages);
    let needs = accounts::needs(&installed, system, recipes, supply.store)?;
    let previous = old.map_or((&[][..], &[][..]), |old| (&old.users[..], &old.groups[..]));
    (lock.users, lock.groups) = accounts::allocate(&needs, previous)?;
    Ok(())
}

/// The packages of the system itself, as assembly takes them.
pub(crate) fn installed(packages: &[Unpacked]) -> Vec<Package<'_>> {
    packages
        .iter()
        .filter(|package| package.locked.role == PackageRole::System)
        .map(|package| Package { locked: &package.locked, unpacked: &package.deb, source: package.source })
        .collect()
}

/// The newest snapshot time of a lock, in seconds since 1970: the time of everything that Pintle makes for it.
#[must_use]
pub fn snapshot_time(lock: &Lock) -> i64 {
    let time = |suite: &LockedSuite| date::parse_rfc3339(&suite.snapshot);
    lock.suites.iter().filter_map(time).max().unwrap_or(0)
}
