//! Pinned paths to unpacked ones: from the content store, from a store of this machine, or from a binary cache.

use super::cache::{UNPROMISED, failed};
use super::{ClosureError, Places};
use crate::into_pack::IntoPack;
use crate::supply::{CONNECTIONS, Supply};
use pintle_closure::Files;
use pintle_model::{Digest, Origin, SourceId, Tree, TreePath, Verified};
use pintle_nix::nar::{self, Limits, UNPACK_FORMAT, UnpackedNar};
use pintle_nix::{NarInfo, PathInfo, UnpackError, check_content};
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
    /// In a store of this machine.
    Here(Box<Here>),
}

/// Files of a store of this machine, read where they are.
#[derive(Clone, Debug)]
pub(super) struct Here {
    /// Holds them.
    pub(super) tree: Tree,
    /// Its only entry.
    pub(super) root: TreePath,
    /// Changes when they do; none: they were compared with their digest.
    pub(super) witness: Option<Digest>,
    /// The store, for messages.
    pub(super) place: String,
}

impl Supplied {
    /// A path that was found in a store of this machine.
    pub(super) fn here(info: PathInfo, here: Here) -> Self {
        Self { info, files: Kept::Here(Box::new(here)) }
    }

    /// Its files.
    pub(crate) fn files(&self) -> Files<'_> {
        match &self.files {
            Kept::Pack(nar, source) => Files::Unpacked(nar, *source),
            Kept::Here(here) => Files::Tree(&here.tree, &here.root),
        }
    }

    /// Compares what was not yet compared with its digest.
    fn compare(&self, supply: &Supply<'_>) -> Result<(), ClosureError> {
        let Kept::Here(here) = &self.files else { return Ok(()) };
        let Some(witness) = &here.witness else { return Ok(()) };
        let path = || self.info.path.clone();
        let hashed = nar::hash(&here.tree, &here.root, supply.store)
            .map_err(|source| ClosureError::Pack { path: path(), source })?;
        Verified::new((), hashed, self.info.nar_hash).map_err(|source| {
            let source = UnpackError::Digest { path: path(), source };
            ClosureError::Unpack { place: here.place.clone(), source }
        })?;
        supply.store.note_seen(&self.info.nar_hash, witness);
        Ok(())
    }
}

/// Compares all of `paths` that were not yet compared with their digests, on `supply.threads`.
///
/// # Errors
/// [`ClosureError`] of the first, in order, that is not what it should be; [`ClosureError::Stopped`].
pub(crate) fn compare(paths: &[Supplied], supply: &Supply<'_>) -> Result<(), ClosureError> {
    // Largest first: the last thread to finish then has little left to do.
    let mut order: Vec<usize> = (0..paths.len()).collect();
    order.sort_by_key(|number| std::cmp::Reverse(paths[*number].info.nar_size));
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let failures = || failed.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        while !supply.fetcher.cancelled()
            && let Some(number) = order.get(next.fetch_add(1, Ordering::Relaxed))
        {
            if let Err(error) = paths[*number].compare(supply) {
                failures().insert(*number, error);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..supply.threads.clamp(1, paths.len().max(1)) {
            scope.spawn(work);
        }
    });
    if supply.fetcher.cancelled() {
        return Err(ClosureError::Stopped);
    }
    let first = failed.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().next();
    first.map_or(Ok(()), Err)
}

/// As [`claim`], and everything is what it should be.
///
/// # Errors
/// Those of [`claim`] and [`compare`].
pub(crate) fn supply(
    infos: Vec<&PathInfo>,
    places: &Places,
    supply: &Supply<'_>,
) -> Result<Vec<Supplied>, ClosureError> {
    let paths = claim(infos, places, supply)?;
    compare(&paths, supply)?;
    Ok(paths)
}

/// All of `infos`, in their order. What the content store has is opened; the rest is read or fetched, and unpacked on
/// `supply.threads` while further downloads go on. After the first failure nothing new is begun.
///
/// What lies in a store of this machine is what it should be only when [`compare`] has said so. Plans may be made of it
/// before; nothing that was made of it may get its name, and no program of it may run.
///
/// # Errors
/// [`ClosureError`] of the first path, in order, that failed.
pub(crate) fn claim(
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
        let (tree, root) = tree_of(info, Files::Unpacked(&nar, pack.source))?;
        match nar::hash(&tree, &root, supply.store) {
            Ok(hashed) if hashed.digest() == info.nar_hash => {}
            // Damaged: it is unpacked again.
            _ => return Ok(None),
        }
        supply.store.vouch(&info.nar_hash, UNPACK_FORMAT);
    }
    // Another path may have brought it here.
    compare_name(info, Files::Unpacked(&nar, pack.source), "the lock", supply)?;
    Ok(Some(Supplied { info: info.clone(), files: Kept::Pack(nar, pack.source) }))
}

/// The files of a path as a tree, and where in it they are.
///
/// # Errors
/// Where the path is no place in a tree.
pub(crate) fn tree_of(
    info: &PathInfo,
    files: Files<'_>,
) -> Result<(Tree, TreePath), pintle_closure::ClosureError> {
    let (mut tree, root) = (Tree::new(), info.path.tree_path()?);
    let origin = tree.origin(Origin::StorePath(info.path.to_string()));
    files.insert(&mut tree, &root, origin)?;
    Ok((tree, root))
}

/// Compares what came from `place` with the name, where that is made from the content.
fn compare_name(
    info: &PathInfo,
    files: Files<'_>,
    place: &str,
    supply: &Supply<'_>,
) -> Result<(), ClosureError> {
    if info.content_address.is_none() {
        return Ok(());
    }
    let (tree, root) = tree_of(info, files)?;
    check_content(info, &tree, &root, supply.store)
        .map_err(|source| ClosureError::Unpack { place: place.to_owned(), source })
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
    let reader = nar_info
        .compression
        .reader(archive, info.nar_size)
        .map_err(|source| ClosureError::Read { path: nar_info.url.as_str().into(), source })?;
    let wrong = |source| ClosureError::Unpack { place: place.to_owned(), source };
    let unpacked = info.unpack(reader, &Limits::default(), &mut pack);
    let nar = unpacked.map_err(|source| kept(wrong(source), info, supply))?.into_inner();
    let pack = pack.writer.finish(nar.to_bytes())?;
    compare_name(info, Files::Unpacked(&nar, pack.source), place, supply)?;
    Ok(Supplied { info: info.clone(), files: Kept::Pack(nar, pack.source) })
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
