//! A closure into a binary cache: a folder that any Nix can substitute from, served by any web server.

use super::{ClosureError, Places, Supplied, infos, locate, pin, supply};
use crate::outputs::hashing::Hashing;
use crate::supply::Supply;
use pintle_closure::complete;
use pintle_model::{Nix, Origin, Tree};
use pintle_nix::cache_info::{self, CacheInfo};
use pintle_nix::compress::Packing;
use pintle_nix::nar::{self, WriteError};
use pintle_nix::{NarInfo, PathInfo, SecretKey, StoreDir, base32};
use pintle_world::atomic::{self, AtomicError};
use pintle_world::files;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// What to publish, and where.
pub struct PushRequest<'a> {
    /// The closure.
    pub nix: &'a Nix,
    /// Folder of the cache; made where there is none.
    pub to: &'a Path,
    /// Who signs; without, only paths whose name follows from their content will be believed.
    pub key: Option<&'a SecretKey>,
    /// How archives are packed.
    pub packing: Packing,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// Paths that were written.
    pub written: usize,
    /// Paths that the cache had.
    pub kept: usize,
    /// Bytes of packed archives that were written.
    pub bytes: u64,
}

/// Why a closure is not published.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The closure.
    #[error(transparent)]
    Closure(#[from] ClosureError),
    /// The cache.
    #[error(transparent)]
    Write(#[from] AtomicError),
    /// The folder.
    #[error("cannot use {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A path that is no archive.
    #[error("{path} cannot be packed")]
    Pack {
        /// The path.
        path: String,
        /// Why.
        #[source]
        source: WriteError,
    },
}

/// Cost of caches on this machine's network: asked before public ones, which have 40.
const PRIORITY: u32 = 30;

/// Publishes. A path appears after all that it refers to, so that whoever reads meanwhile finds whole closures only.
///
/// # Errors
/// [`PushError`]; what was written by then is whole, and the next run goes on from there.
pub fn push(request: &PushRequest<'_>, outside: &Supply<'_>) -> Result<Pushed, PushError> {
    let folder = Path::new(".");
    let located = locate(&request.nix.system, folder)?;
    let places = Places::open(request.nix, folder, located.root.as_deref())?;
    let (toplevel, all) = infos(&pin(&located.toplevel, &places, outside)?)?;
    let order: Vec<&PathInfo> = complete(&toplevel, &all).map_err(ClosureError::from)?;

    let cache = Cache { folder: request.to, key: request.key, packing: request.packing };
    cache.prepare()?;
    let missing: Vec<&PathInfo> = order.iter().copied().filter(|info| !cache.has(info)).collect();
    let kept = order.len() - missing.len();
    let paths = supply(missing.clone(), &places, outside)?;
    let packed = pack_all(&paths, &cache, outside)?;
    let bytes = packed.values().filter_map(|info| info.file_size).sum();
    for info in &missing {
        if let Some(info) = packed.get(info.path.base_name()) {
            atomic::write(cache.narinfo(&info.info), info.render().as_bytes())?;
        }
    }
    Ok(Pushed { written: missing.len(), kept, bytes })
}

/// Packs on all processors, the largest first.
fn pack_all(
    paths: &[Supplied],
    cache: &Cache<'_>,
    outside: &Supply<'_>,
) -> Result<BTreeMap<String, NarInfo>, PushError> {
    let mut largest: Vec<&Supplied> = paths.iter().collect();
    largest.sort_by_key(|path| std::cmp::Reverse(path.info.nar_size));
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let work = || {
        while let Some(path) = largest.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = if outside.fetcher.cancelled() {
                Err(ClosureError::Stopped.into())
            } else {
                cache.pack(path, outside)
            };
            if result.is_err() {
                next.store(largest.len(), Ordering::Relaxed);
            }
            results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        }
    };
    thread::scope(|scope| {
        for _ in 0..outside.threads.min(largest.len()) {
            scope.spawn(work);
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let named = |info: NarInfo| (info.info.path.base_name().to_owned(), info);
    results.into_iter().map(|result| result.map(named)).collect()
}

/// A cache being filled.
struct Cache<'a> {
    folder: &'a Path,
    key: Option<&'a SecretKey>,
    packing: Packing,
}

impl Cache<'_> {
    /// Makes the folder a cache of the default store, or finds that it is one.
    fn prepare(&self) -> Result<(), PushError> {
        let nars = self.folder.join("nar");
        files::make_folder(&nars).map_err(|source| PushError::Folder { path: nars, source })?;
        let path = self.folder.join(cache_info::FILE_NAME);
        let found = files::read(&path).map_err(|source| PushError::Folder { path: path.clone(), source })?;
        let store = StoreDir::default();
        match found {
            Some(bytes) => {
                let fail =
                    |source| ClosureError::CacheInfo { cache: self.folder.display().to_string(), source };
                CacheInfo::parse(&bytes, &store).map_err(fail)?;
            }
            None => {
                let info = CacheInfo { store, want_mass_query: true, priority: Some(PRIORITY) };
                atomic::write(&path, info.render().as_bytes())?;
            }
        }
        Ok(())
    }

    fn narinfo(&self, info: &PathInfo) -> PathBuf {
        self.folder.join(format!("{}.narinfo", info.path.hash_part()))
    }

    /// It has this content of the path, signed by our key where we have one. What cannot be read is written anew.
    fn has(&self, info: &PathInfo) -> bool {
        let bytes = files::read(&self.narinfo(info)).ok().flatten().unwrap_or_default();
        let Ok(found) = NarInfo::parse(&bytes, info.path.store()) else { return false };
        let text = info.fingerprint();
        let ours = |key: &SecretKey| {
            let public = key.public();
            found.info.signatures.iter().any(|signature| public.verifies(&text, signature))
        };
        let there = found.file_size.is_some_and(|size| {
            let file = self.folder.join(found.url.as_str());
            files::len(&file).ok().flatten() == Some(size)
        });
        there && found.info.nar_hash == info.nar_hash && self.key.is_none_or(ours)
    }

    /// Writes the archive of a path, and says what its narinfo is.
    fn pack(&self, path: &Supplied, outside: &Supply<'_>) -> Result<NarInfo, PushError> {
        let mut info = path.info.clone();
        let fail = |source: WriteError| PushError::Pack { path: info.path.to_string(), source };
        let root =
            info.path.tree_path().map_err(pintle_closure::ClosureError::from).map_err(ClosureError::from)?;
        let mut tree = Tree::new();
        let origin = tree.origin(Origin::StorePath(info.path.to_string()));
        let inserted = path.nar.insert(&mut tree, &root, path.source, origin);
        inserted.map_err(pintle_closure::ClosureError::from).map_err(ClosureError::from)?;

        let compression = self.packing.compression();
        let name = format!("nar/{}.nar{}", base32::encode(info.nar_hash.as_bytes()), compression.extension());
        let target = self.folder.join(&name);
        let mut file = atomic::File::create(&target)?;
        let written = {
            let out = Hashing::new(BufWriter::new(&mut file));
            let mut packer = self.packing.writer(out).map_err(|error| AtomicError::new(&target, error))?;
            nar::write_to(&tree, &root, outside.store, &mut packer).map_err(fail)?;
            let finished =
                packer.finish().and_then(|mut out| out.flush().map(|()| out.into_hasher().finish()));
            finished.map_err(|error| AtomicError::new(&target, error))
        };
        let hashed = written?;
        file.commit()?;

        if let Some(key) = self.key {
            info.signatures = [key.sign(&info.fingerprint())].into();
        }
        let url = name.parse().expect("invariant: digits of base 32 and dots are a place below the cache");
        let (file_hash, file_size) = (Some(hashed.digest()), Some(hashed.len()));
        Ok(NarInfo { info, url, compression, file_hash, file_size })
    }
}
