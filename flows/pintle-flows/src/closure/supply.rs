//! Pinned paths to unpacked ones: from the content store, from a store of this machine, or from a binary cache.

use super::cache::{UNPROMISED, failed};
use super::{ClosureError, Places};
use crate::into_pack::IntoPack;
use crate::supply::{CONNECTIONS, Supply};
use pintle_closure::Files;
use pintle_model::{PackSink, SourceId, Tree, TreePath, Verified};
use pintle_nix::nar::{self, Limits, UNPACK_FORMAT, UnpackedNar};
use pintle_nix::{NarInfo, PathInfo, UnpackError};
use pintle_world::Expected;
use pintle_world::atomic::AtomicError;
use pintle_world::fetch::{Job, Place};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

/// A path whose files can be read.
#[derive(Clone, Debug)]
pub(crate) struct Supplied {
    /// What is known of it.
    pub(crate) info: PathInfo,
    files: Kept,
}

/// Where its files are.
#[derive(Clone, Debug)]
enum Kept {
    /// In a pack of the content store.
    Pack(UnpackedNar, SourceId),
    /// In a store of this machine: a tree, and its only entry.
    Here(Box<Tree>, TreePath),
}

impl Supplied {
    /// A path that was found in a store of this machine.
    pub(super) fn here(info: PathInfo, tree: Tree, root: TreePath) -> Self {
        Self { info, files: Kept::Here(Box::new(tree), root) }
    }

    /// Its files.
    pub(crate) fn files(&self) -> Files<'_> {
        match &self.files {
            Kept::Pack(nar, source) => Files::Unpacked(nar, *source),
            Kept::Here(tree, root) => Files::Tree(tree, root),
        }
    }
}

/// All of `infos`, in their order. What the content store has is opened; the rest is read or fetched, and unpacked on
/// `supply.threads` while further downloads go on. After the first failure nothing new is begun.
///
/// # Errors
/// [`ClosureError`] of the first path, in order, that failed.
pub(crate) fn supply(
    infos: Vec<&PathInfo>,
    places: &Places,
    supply: &Supply<'_>,
) -> Result<Vec<Supplied>, ClosureError> {
    let mut done = BTreeMap::new();
    let mut missing = Vec::new();
    for (number, info) in infos.into_iter().enumerate() {
        match opened(info, supply)? {
            Some(found) => drop(done.insert(number, found)),
            None => missing.push((number, info)),
        }
    }
    // Largest first: the last thread to finish then has little left to do.
    missing.sort_by_key(|(_, info)| std::cmp::Reverse(info.nar_size));
    let mut results = work(&missing, places, supply);
    results.sort_by_key(|(number, _)| *number);
    for (number, result) in results {
        done.insert(number, result?);
    }
    Ok(done.into_values().collect())
}

fn opened(info: &PathInfo, supply: &Supply<'_>) -> Result<Option<Supplied>, ClosureError> {
    let Some(pack) = supply.store.open_pack(&info.nar_hash, UNPACK_FORMAT)? else { return Ok(None) };
    let Ok(nar) = UnpackedNar::from_bytes(&pack.index) else { return Ok(None) };
    if !pack.vouched {
        if !crate::vouch::files_are_whole(pack.source, nar.files(), supply.store) {
            return Ok(None);
        }
        supply.store.vouch(&info.nar_hash, UNPACK_FORMAT);
    }
    Ok(Some(Supplied { info: info.clone(), files: Kept::Pack(nar, pack.source) }))
}

/// What a path is unpacked from.
enum Archive {
    /// The local store.
    Local,
    /// A packed archive, whose digest was compared.
    File(NarInfo, Verified<PathBuf>, String),
    /// A packed archive that the cache promises nothing of.
    Bytes(NarInfo, Vec<u8>, String),
}

type Missing<'a> = (usize, &'a PathInfo);
type Done = (usize, Result<Supplied, ClosureError>);

fn work(missing: &[Missing<'_>], places: &Places, supply: &Supply<'_>) -> Vec<Done> {
    let results = Mutex::new(Vec::with_capacity(missing.len()));
    let (next, failures) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (sender, receiver) = mpsc::sync_channel::<(usize, &PathInfo, Archive)>(CONNECTIONS);
    let receiver = Mutex::new(receiver);
    let keep = |number: usize, result: Result<Supplied, ClosureError>| {
        failures.fetch_add(usize::from(result.is_err()), Ordering::Relaxed);
        results.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
    };
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS.min(missing.len()) {
            let sender = sender.clone();
            let (next, failures, keep) = (&next, &failures, &keep);
            scope.spawn(move || {
                while failures.load(Ordering::Relaxed) == 0
                    && let Some((number, info)) = missing.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    match archive(info, places, supply) {
                        // The receiver lives as long as the scope.
                        Ok(archive) => drop(sender.send((*number, *info, archive))),
                        Err(error) => keep(*number, Err(error)),
                    }
                }
            });
        }
        drop(sender);
        for _ in 0..supply.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((number, info, archive)) = job else { return };
                    // Once one has failed, what the others fetched is kept but not unpacked.
                    if failures.load(Ordering::Relaxed) == 0 {
                        keep(number, unpack(info, archive, places, supply));
                    }
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Finds out where a path is, and fetches it where it is elsewhere.
fn archive(info: &PathInfo, places: &Places, supply: &Supply<'_>) -> Result<Archive, ClosureError> {
    if supply.fetcher.cancelled() {
        return Err(ClosureError::Stopped);
    }
    if places.local.info(&info.path).is_some_and(|local| local.nar_hash == info.nar_hash) {
        return Ok(Archive::Local);
    }
    let Some((number, found)) = places.caches.find(&info.path, supply)? else {
        let places = [places.local.name()].into_iter().chain(places.caches.names()).collect();
        return Err(ClosureError::Absent { path: info.path.clone(), from: None, places });
    };
    let mirror = places.caches.mirror(number);
    let there = &found.info;
    if (there.nar_hash, there.nar_size) != (info.nar_hash, info.nar_size) {
        return Err(ClosureError::Other {
            path: info.path.clone(),
            place: mirror.to_string(),
            found: there.nar_hash,
            found_size: there.nar_size,
            locked: info.nar_hash,
            locked_size: info.nar_size,
        });
    }
    let url = found.url.as_str().to_owned();
    match (found.file_hash, found.file_size) {
        (Some(sha256), Some(size)) => {
            let places = vec![Place { mirror: mirror.clone(), path: url }];
            let job = Job { places, expected: Expected { sha256, size } };
            let file = supply.fetcher.fetch_job(&job, supply.progress);
            Ok(Archive::File(found, file.map_err(|source| failed(&info.path, source))?, mirror.to_string()))
        }
        _ => {
            let bytes = supply.fetcher.get(mirror, &url, UNPROMISED.max);
            Ok(Archive::Bytes(found, bytes.map_err(|source| failed(&info.path, source))?, mirror.to_string()))
        }
    }
}

fn unpack(
    info: &PathInfo,
    archive: Archive,
    places: &Places,
    supply: &Supply<'_>,
) -> Result<Supplied, ClosureError> {
    match archive {
        Archive::Local => places.local.read(info, supply),
        Archive::File(nar_info, file, place) => {
            let opened = pintle_world::files::open(file.get());
            let file = opened.map_err(|source| ClosureError::Read { path: file.get().clone(), source })?;
            into_pack(info, &nar_info, file, &place, supply)
        }
        Archive::Bytes(nar_info, bytes, place) => {
            into_pack(info, &nar_info, bytes.as_slice(), &place, supply)
        }
    }
}

/// Unpacks a packed archive into the content store.
fn into_pack(
    info: &PathInfo,
    nar_info: &NarInfo,
    archive: impl Read + Send,
    place: &str,
    supply: &Supply<'_>,
) -> Result<Supplied, ClosureError> {
    let writer = supply.store.create_pack(&info.nar_hash, UNPACK_FORMAT)?;
    let mut pack = IntoPack { writer, fetcher: supply.fetcher };
    let path = || info.path.clone();
    let unpacked = packed(info, nar_info, archive, place, &mut pack);
    let (nar, hashed) = unpacked.map_err(|error| kept(error, info, supply))?;
    let wrong = |source| ClosureError::Unpack { place: place.to_owned(), source };
    if hashed.len() != info.nar_size {
        let (expected, actual) = (info.nar_size, hashed.len());
        return Err(wrong(UnpackError::Size { path: path(), expected, actual }));
    }
    let nar = Verified::new(nar, hashed, info.nar_hash)
        .map_err(|source| wrong(UnpackError::Digest { path: path(), source }))?
        .into_inner();
    let pack = pack.writer.finish(nar.to_bytes())?;
    Ok(Supplied { info: info.clone(), files: Kept::Pack(nar, pack.source) })
}

type Unpacked = Result<(UnpackedNar, pintle_model::Hashed), ClosureError>;

fn packed(
    info: &PathInfo,
    nar_info: &NarInfo,
    packed: impl Read + Send,
    place: &str,
    pack: &mut dyn PackSink,
) -> Unpacked {
    let wrong = |source| {
        let source = UnpackError::Nar { path: info.path.clone(), source };
        ClosureError::Unpack { place: place.to_owned(), source }
    };
    let reader = nar_info
        .compression
        .reader(packed, info.nar_size)
        .map_err(|source| ClosureError::Read { path: nar_info.url.as_str().into(), source })?;
    nar::unpack(reader, &Limits::default().with_size(info.nar_size), pack).map_err(wrong)
}

/// Tells a full disk and a user who wants to stop from a bad archive.
fn kept(error: ClosureError, info: &PathInfo, supply: &Supply<'_>) -> ClosureError {
    match error {
        ClosureError::Unpack {
            source: UnpackError::Nar { source: nar::NarError::Store { source, .. }, .. },
            ..
        } => {
            if supply.fetcher.cancelled() {
                return ClosureError::Stopped;
            }
            ClosureError::Keep {
                path: info.path.clone(),
                source: AtomicError::new(supply.cache.root(), source),
            }
        }
        error => error,
    }
}
