//! The lock and the packages it names: as they are, or made anew. What `pintle lock`, `pintle update` and every build
//! begin with.

mod choose;

pub(crate) use choose::{Moves, source, stanza};

use crate::archive::{self, ArchiveError};
use crate::build::boot_packages;
use crate::closure::{self, BootFolders, ClosureError, Had, Located, Places, locate};
use crate::definition::Definition;
use crate::supply::Supply;
use crate::unpack::{UnpackError, Unpacked, unpack};
pub(crate) use choose::{Wanted, choose, choose_each};
use pintle_assemble::{AssembleErrors, Package, Recipes, accounts};
use pintle_model::{Lock, LockedSuite, PackageRole, System};
use pintle_package::control::date;
use pintle_package::control::index::IndexError;
use pintle_resolve::lockfile::{self, LockError};
use pintle_resolve::{BadSpec, ForeignPackage, LockDiff, Unsolvable, did_you_mean, request_digest};
use pintle_world::atomic::{self, AtomicError};
use std::path::{Path, PathBuf};

/// What may happen to the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// It must be there and answer the definition.
    Locked,
    /// It is made when missing, and extended, visibly, when the definition asks for other things; versions that are
    /// locked stay.
    Extend,
}

/// What became of the lock.
#[derive(Clone, Debug)]
pub enum Change {
    /// It is new.
    Made {
        /// How many packages it names.
        packages: usize,
        /// How many store paths.
        paths: usize,
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
    /// The closure that is the system, with all of its paths.
    pub(crate) closure: Option<Had>,
    /// Boot loaders from folders, where the definition names some.
    pub(crate) boot_files: Option<BootFolders>,
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
    /// A package that is to move and is not there.
    #[error("`{name}` is not in the lock{}", did_you_mean(.near))]
    NotLocked {
        /// What was asked for.
        name: String,
        /// Names in the lock that may have been meant, nearest first.
        near: Vec<String>,
    },
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
    /// The closure.
    #[error(transparent)]
    Closure(#[from] ClosureError),
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
    let pinned = claim(definition, lock_file, mode, recipes, supply)?;
    if let Some(closure) = &pinned.closure {
        closure.compare(supply)?;
    }
    Ok(pinned)
}

/// As [`pin`], but what of the closure lies on this machine is not compared with its digests yet ([`Had::compare`]).
///
/// # Errors
/// [`PinError`]; the old lock is as it was.
pub(crate) fn claim(
    definition: &Definition,
    lock_file: Option<&Path>,
    mode: LockMode,
    recipes: &Recipes,
    supply: &Supply<'_>,
) -> Result<Pinned, PinError> {
    let previous = lock_file.map(read).transpose()?.flatten();
    let path = lock_file.unwrap_or(Path::new("pintle.lock"));
    let located = located(definition, previous.as_ref().map(|(lock, _)| lock))?;
    let boot_files = BootFolders::of(definition.system(), &definition.folder)?;
    let answers = previous.as_ref().is_some_and(|(lock, _)| {
        let loaders = lock.closure.as_ref().and_then(|closure| closure.boot_files);
        lock_answers(lock, definition)
            && same_closure(lock, located.as_ref())
            && loaders == boot_files.as_ref().map(BootFolders::digest)
    });
    match (previous, mode) {
        (Some((lock, text)), LockMode::Locked | LockMode::Extend) if answers => {
            let packages = packages(definition, &lock, supply)?;
            let closure = supplied(definition, &lock, located.as_ref(), supply)?;
            Ok(Pinned { lock, text, packages, closure, boot_files, change: None })
        }
        (None, LockMode::Locked) => Err(PinError::Missing(path.to_owned())),
        (Some(_), LockMode::Locked) => Err(PinError::Outdated(path.to_owned())),
        (previous, LockMode::Extend) => {
            let old = previous.map(|(lock, _)| lock);
            let (lock, packages) = make(definition, old.as_ref(), Moves::Nothing, recipes, supply)?;
            let text = lockfile::print(&lock);
            if let Some(file) = lock_file {
                atomic::write(file, text.as_bytes())?;
            }
            let change = match old {
                None => Change::Made {
                    packages: lock.packages.len(),
                    paths: lock.closure.as_ref().map_or(0, |closure| closure.paths.len()),
                },
                Some(old) => Change::Changed(Box::new(LockDiff::new(&old, &lock))),
            };
            let closure = supplied(definition, &lock, located.as_ref(), supply)?;
            Ok(Pinned { lock, text, packages, closure, boot_files, change: Some(change) })
        }
    }
}

/// Whether the lock is one for what the definition asks for as it is now.
pub(crate) fn lock_answers(lock: &Lock, definition: &Definition) -> bool {
    let system = definition.system();
    lock.request == request_digest(system, &boot(system))
}

fn boot(system: &System) -> Vec<String> {
    boot_packages(system).into_iter().map(str::to_owned).collect()
}

/// The packages of a lock, fetched and unpacked where they are not yet.
pub(crate) fn packages(
    definition: &Definition,
    lock: &Lock,
    supply: &Supply<'_>,
) -> Result<Vec<Unpacked>, PinError> {
    // A closure with its own boot loaders needs none, and no mirror.
    if lock.packages.is_empty() {
        return Ok(Vec::new());
    }
    let debian = &definition.system().source.debian;
    let mirrors = archive::package_mirrors(debian, &definition.folder, lock, supply)?;
    Ok(unpack(&lock.packages, &mirrors, supply)?)
}

/// A new lock with its packages. Nothing is written.
pub(crate) fn make(
    definition: &Definition,
    old: Option<&Lock>,
    moves: Moves<'_>,
    recipes: &Recipes,
    supply: &Supply<'_>,
) -> Result<(Lock, Vec<Unpacked>), PinError> {
    let system = definition.system();
    let boot = boot(system);
    let digest = request_digest(system, &boot);
    let wanted = Wanted { definition, boot: &boot, digest, old, recipes };
    let mut lock = choose(&wanted, moves, supply)?;
    if let (Some(nix), Some(located)) = (&system.source.nix, located(definition, None)?) {
        let places = Places::open(nix, &definition.folder, located.root.as_deref())?;
        let mut pinned = closure::pin(&located.toplevel, &places, supply)?;
        pinned.boot_files = BootFolders::of(system, &definition.folder)?.as_ref().map(BootFolders::digest);
        lock.closure = Some(pinned);
    }
    let packages = packages(definition, &lock, supply)?;
    number(&mut lock, system, &packages, old, recipes, supply)?;
    Ok((lock, packages))
}

/// The closure that the definition names on this machine. Where a lock says which it is, the name may lead nowhere: on
/// another machine nobody has the link.
fn located(definition: &Definition, lock: Option<&Lock>) -> Result<Option<Located>, PinError> {
    let Some(nix) = &definition.system().source.nix else { return Ok(None) };
    match locate(&nix.system, &definition.folder) {
        Ok(located) => Ok(Some(located)),
        Err(_) if lock.is_some_and(|lock| lock.closure.is_some()) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The lock's closure is the one that the name leads to, or the name leads nowhere here.
fn same_closure(lock: &Lock, located: Option<&Located>) -> bool {
    located.is_none_or(|located| {
        lock.closure.as_ref().is_some_and(|closure| closure.system == located.toplevel.to_string())
    })
}

/// The paths of the lock's closure, had and unpacked where they are not yet.
fn supplied(
    definition: &Definition,
    lock: &Lock,
    located: Option<&Located>,
    supply: &Supply<'_>,
) -> Result<Option<Had>, PinError> {
    let (Some(nix), Some(locked)) = (&definition.system().source.nix, &lock.closure) else { return Ok(None) };
    let root = located.and_then(|located| located.root.as_deref());
    let places = Places::open(nix, &definition.folder, root)?;
    let (toplevel, infos) = closure::infos(locked)?;
    let paths = closure::claim(infos.values().collect(), &places, supply)?;
    Ok(Some(Had { toplevel, paths, root: places.root().to_owned() }))
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

/// The newest snapshot time of a lock, in seconds since 1970: the time of everything that Pintle makes for it. Without an
/// archive there is only a store, and everything in one is of the second that Nix gives it.
#[must_use]
pub fn snapshot_time(lock: &Lock) -> i64 {
    let time = |suite: &LockedSuite| date::parse_rfc3339(&suite.snapshot);
    lock.suites.iter().filter_map(time).max().unwrap_or(1)
}
