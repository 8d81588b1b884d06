//! Locked packages to unpacked ones: fetched by digest, verified while they stream, unpacked once into the store.

use crate::into_pack::IntoPack;
use crate::supply::{CONNECTIONS, Supply};
use crate::vouch;
use pintle_model::{LockedPackage, SourceId, Verified};
use pintle_package::deb::{self, DebError, Limits};
use pintle_package::{UNPACK_FORMAT, UnpackedDeb};
use pintle_world::atomic::AtomicError;
use pintle_world::fetch::{FetchError, Job, Place};
use pintle_world::store::StoreError;
use pintle_world::{Expected, Mirror};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

/// A package whose files can be read.
#[derive(Clone, Debug)]
pub struct Unpacked {
    /// Its line in the lock.
    pub locked: LockedPackage,
    /// Its index.
    pub deb: UnpackedDeb,
    /// The pack with its file bytes.
    pub source: SourceId,
}

/// Where a lock's packages may be had.
#[derive(Clone, Debug, Default)]
pub struct Mirrors {
    /// By suite.
    pub by_suite: BTreeMap<String, Mirror>,
    /// Archives of old versions, by suite and snapshot time: asked for what the mirror no longer has.
    pub snapshots: BTreeMap<(String, String), Mirror>,
    /// Snapshot times of the suites.
    pub times: BTreeMap<String, String>,
}

/// A package cannot be had or read.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// Not to be had.
    #[error("cannot fetch package {package} {version} (suite {suite})")]
    Fetch {
        /// The package.
        package: String,
        /// Its version.
        version: String,
        /// Its suite.
        suite: String,
        /// Why.
        #[source]
        source: FetchError,
    },
    /// The lock names a suite the definition does not have.
    #[error("package {package} is locked from suite {suite}, which the definition does not have")]
    Suite {
        /// The package.
        package: String,
        /// The suite.
        suite: String,
    },
    /// It is no good package.
    #[error("cannot unpack package {package} ({})", path.display())]
    Deb {
        /// The package.
        package: String,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: DebError,
    },
    /// There is no place for what is in it.
    #[error("cannot keep package {package} in the cache")]
    Keep {
        /// The package.
        package: String,
        /// Why.
        #[source]
        source: AtomicError,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The user wants to stop.
    #[error("stopped; what has arrived is kept and the next run continues")]
    Stopped,
}

/// All of `locked`, in its order. What the store has is opened; the rest is fetched over several connections and
/// unpacked on `supply.threads` while further downloads go on. After the first failure nothing new is begun.
///
/// # Errors
/// [`UnpackError`] of the first package, in the lock's order, that failed.
pub fn unpack(
    locked: &[LockedPackage],
    mirrors: &Mirrors,
    supply: &Supply<'_>,
) -> Result<Vec<Unpacked>, UnpackError> {
    let found = locked.iter().map(|package| opened(package, supply)).collect::<Result<_, _>>()?;
    let mut done = vouch::whole(found, supply)?;
    let absent = locked.iter().enumerate().filter(|(index, _)| done[*index].is_none());
    let missing = absent.map(|(index, package)| Ok((index, package, job(package, mirrors)?)));
    let mut missing = missing.collect::<Result<Vec<_>, UnpackError>>()?;
    // Largest first: the last thread to finish then has little left to do.
    missing.sort_by_key(|(_, package, _)| Reverse(package.size));
    for (index, result) in work(&missing, supply) {
        done[index] = Some(result?);
    }
    Ok(done.into_iter().flatten().collect())
}

type Missing<'a> = (usize, &'a LockedPackage, Job);

/// Fetches and unpacks; results sorted by place in the lock.
fn work(missing: &[Missing<'_>], supply: &Supply<'_>) -> Vec<(usize, Result<Unpacked, UnpackError>)> {
    let results = Mutex::new(Vec::with_capacity(missing.len()));
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let arrived = Mutex::new(Arrived { receiver, waiting: Vec::new() });
    let keep = |index: usize, result: Result<Unpacked, UnpackError>| {
        if result.is_err() {
            failed.fetch_add(1, Ordering::Relaxed);
        }
        results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
    };
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS.min(missing.len()) {
            let sender = sender.clone();
            let (next, failed, keep) = (&next, &failed, &keep);
            scope.spawn(move || {
                while failed.load(Ordering::Relaxed) == 0
                    && let Some((index, package, job)) = missing.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    match supply.fetcher.fetch_job(job, supply.progress) {
                        // The receiver lives as long as the scope.
                        Ok(file) => drop(sender.send(Fetched { index: *index, package, file })),
                        Err(source) => keep(*index, Err(not_fetched(package, source))),
                    }
                }
            });
        }
        drop(sender);
        for _ in 0..supply.threads.min(missing.len()) {
            scope.spawn(|| {
                loop {
                    let next = arrived.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(Fetched { index, package, file }) = next else { return };
                    // Once one has failed, what the others fetched is kept but not unpacked.
                    if failed.load(Ordering::Relaxed) == 0 {
                        keep(index, unpack_one(package, &file, supply));
                    }
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results
}

/// A package that can be unpacked.
struct Fetched<'a> {
    index: usize,
    package: &'a LockedPackage,
    file: Verified<PathBuf>,
}

/// What has arrived and is not begun. The largest goes first, whenever it came: the kernel takes half of the time that
/// all take, and comes late because it is large.
struct Arrived<'a> {
    receiver: mpsc::Receiver<Fetched<'a>>,
    waiting: Vec<Fetched<'a>>,
}

impl<'a> Arrived<'a> {
    /// The next one, waiting for it; `None` when all are begun. Whoever waits here keeps the others from asking, who
    /// would have to wait for the same.
    fn next(&mut self) -> Option<Fetched<'a>> {
        self.waiting.extend(self.receiver.try_iter());
        let largest = |(_, fetched): &(usize, &Fetched<'_>)| (fetched.package.size, Reverse(fetched.index));
        match self.waiting.iter().enumerate().max_by_key(largest) {
            Some((place, _)) => Some(self.waiting.swap_remove(place)),
            None => self.receiver.recv().ok(),
        }
    }
}

pub(crate) fn not_fetched(package: &LockedPackage, source: FetchError) -> UnpackError {
    UnpackError::Fetch {
        package: package.name.clone(),
        version: package.version.clone(),
        suite: package.suite.clone(),
        source,
    }
}

/// Where a package may be had, and what it must be.
pub(crate) fn job(package: &LockedPackage, mirrors: &Mirrors) -> Result<Job, UnpackError> {
    let suite = &package.suite;
    let unknown = || UnpackError::Suite { package: package.name.clone(), suite: suite.clone() };
    let mirror = mirrors.by_suite.get(suite).ok_or_else(unknown)?;
    let time = package.snapshot.as_ref().or_else(|| mirrors.times.get(suite));
    let snapshot = time.and_then(|time| mirrors.snapshots.get(&(suite.clone(), time.clone())));
    let places = [Some(mirror), snapshot];
    let place = |mirror: &Mirror| Place { mirror: mirror.clone(), path: package.path.clone() };
    let expected = Expected { sha256: package.sha256, size: package.size };
    Ok(Job { places: places.into_iter().flatten().map(place).collect(), expected })
}

/// Those that are not unpacked, or no longer whole.
pub(crate) fn lacking<'a>(
    locked: &'a [LockedPackage],
    supply: &Supply<'_>,
) -> Result<Vec<&'a LockedPackage>, UnpackError> {
    let found = locked.iter().map(|package| opened(package, supply)).collect::<Result<_, _>>()?;
    let whole = vouch::whole(found, supply)?;
    Ok(locked.iter().zip(whole).filter(|(_, found)| found.is_none()).map(|(package, _)| package).collect())
}

/// The package as the store has it; `None` when it has not, or an index this build cannot read.
///
/// What its index says; its files are not compared with their digests, as [`unpack`] does: for what only tells.
pub(crate) fn open(package: &LockedPackage, supply: &Supply<'_>) -> Result<Option<Unpacked>, UnpackError> {
    Ok(opened(package, supply)?.map(|(unpacked, _)| unpacked))
}

fn opened(package: &LockedPackage, supply: &Supply<'_>) -> Result<Option<vouch::Opened>, UnpackError> {
    let Some(pack) = supply.store.open_pack(&package.sha256, UNPACK_FORMAT)? else { return Ok(None) };
    let deb = UnpackedDeb::from_bytes(&pack.index).ok();
    Ok(deb.map(|deb| (Unpacked { locked: package.clone(), deb, source: pack.source }, pack.vouched)))
}

fn unpack_one(
    package: &LockedPackage,
    file: &Verified<PathBuf>,
    supply: &Supply<'_>,
) -> Result<Unpacked, UnpackError> {
    let path: &Path = file.get();
    let failed = |source| UnpackError::Read { path: path.to_owned(), source };
    let reader = pintle_world::files::open(path).map_err(failed)?;
    let writer = supply.store.create_pack(&package.sha256, UNPACK_FORMAT)?;
    let mut pack = IntoPack { writer, fetcher: supply.fetcher };
    let name = package.name.clone();
    let deb = deb::unpack(reader, &Limits::default(), &mut pack).map_err(|error| match error {
        DebError::Store { .. } if supply.fetcher.cancelled() => UnpackError::Stopped,
        DebError::Store { source, .. } => {
            UnpackError::Keep { package: name, source: AtomicError::new(supply.cache.root(), source) }
        }
        source => UnpackError::Deb { package: name, path: path.to_owned(), source },
    })?;
    let pack = pack.writer.finish(deb.to_bytes())?;
    Ok(Unpacked { locked: package.clone(), deb, source: pack.source })
}
