//! A closure, or a system of Debian packages, into a binary cache: a folder or a bucket from which any Nix can take it.
//!
//! Found or assembled as a build would, each path is packed on all processors, and what a cache says of it is written
//! once everything that it refers to is there: whoever reads meanwhile finds whole closures only, and a run that was
//! stopped goes on where it was.

mod error;
mod order;
mod parcel;
mod place;

pub use error::PushError;
pub use parcel::Subject;
pub use pintle_nix::SecretKey;
pub use pintle_nix::compress::Packing;
pub use pintle_world::bucket::{Address, BadAddress, Bucket, keys};
pub use place::Place;

use crate::build::Event;
use crate::closure::ClosureError;
use crate::outputs::hashing::Hashing;
use crate::supply::{CONNECTIONS, Supply};
use order::Order;
use parcel::Parcel;
use pintle_nix::cache_info::{self, CacheInfo};
use pintle_nix::{NarInfo, PathInfo, StoreDir, base32, nar, narinfo};
use serde::Serialize;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Where to publish, and how.
pub struct Target<'a> {
    /// The cache.
    pub place: &'a Place,
    /// Who signs; without, only paths whose name follows from their content will be believed.
    pub key: Option<&'a SecretKey>,
    /// How archives are packed.
    pub packing: Packing,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// What was asked for: with it comes everything that it refers to. A closure's toplevel; of a system of packages its
    /// tree, then the listing of its attributes, which refers to the tree.
    pub paths: Vec<String>,
    /// Paths that were written.
    pub written: usize,
    /// Paths that the cache had.
    pub kept: usize,
    /// Bytes of packed archives that were written.
    pub bytes: u64,
}

/// Cost of caches on this machine's network: asked before public ones, which have 40.
const PRIORITY: u32 = 30;

/// Publishes `subject`.
///
/// # Errors
/// [`PushError`]; what was written by then is whole, and the next run goes on from there.
pub fn push(
    subject: &Subject<'_>,
    target: &Target<'_>,
    outside: &Supply<'_>,
    tell: &mut dyn FnMut(Event),
) -> Result<Pushed, PushError> {
    let cache = Cache(target);
    // Nobody waits for a build to hear that the place cannot be written.
    cache.prepare()?;
    let contents = parcel::contents(subject, outside, tell)?;
    let infos = contents.infos()?;
    let there = cache.look(&infos, outside)?;
    let missing = || infos.iter().zip(&there).filter(|(_, there)| !**there).map(|(info, _)| *info);
    let parcels = contents.parcels(missing().collect(), outside)?;
    let (written, kept) = (parcels.len(), infos.len() - parcels.len());
    let bytes = send_all(&parcels, &cache, outside)?;
    Ok(Pushed { paths: contents.paths(), written, kept, bytes })
}

/// Packs and writes on all processors, in order; returns the bytes written.
fn send_all(parcels: &[Parcel<'_>], cache: &Cache<'_>, outside: &Supply<'_>) -> Result<u64, PushError> {
    let (next, order) = (AtomicUsize::new(0), Order::default());
    let work = || -> Result<(), PushError> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(parcel) = parcels.get(number) else { return Ok(()) };
            if outside.fetcher.cancelled() {
                return Err(ClosureError::Stopped.into());
            }
            let info = cache.pack(parcel, outside)?;
            order.done(number, info, |info| cache.announce(info))?;
        }
    };
    let mut results = Vec::new();
    thread::scope(|scope| {
        let stopping = || {
            let result = work();
            if result.is_err() {
                next.store(parcels.len(), Ordering::Relaxed);
            }
            result
        };
        let workers = (0..outside.threads.clamp(1, parcels.len().max(1))).map(|_| scope.spawn(stopping));
        let workers: Vec<_> = workers.collect();
        let join = |worker: thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        results.extend(workers.into_iter().map(join));
    });
    results.into_iter().collect::<Result<(), PushError>>()?;
    Ok(order.bytes())
}

/// A cache being filled.
struct Cache<'a>(&'a Target<'a>);

impl Cache<'_> {
    /// Makes the place a cache of the default store, or finds that it is one.
    fn prepare(&self) -> Result<(), PushError> {
        self.0.place.prepare()?;
        let store = StoreDir::default();
        match self.0.place.read(cache_info::FILE_NAME, cache_info::SIZE.max)? {
            Some(bytes) => {
                let fail = |source| ClosureError::CacheInfo { cache: self.0.place.to_string(), source };
                CacheInfo::parse(&bytes, &store).map_err(fail)?;
            }
            None => {
                let info = CacheInfo { store, want_mass_query: true, priority: Some(PRIORITY) };
                self.0.place.write(cache_info::FILE_NAME, cache_info::TYPE, info.render().as_bytes())?;
            }
        }
        Ok(())
    }

    /// Which of `infos` it has, several questions at once.
    fn look(&self, infos: &[&PathInfo], outside: &Supply<'_>) -> Result<Vec<bool>, PushError> {
        let next = AtomicUsize::new(0);
        let answers = Mutex::new(vec![false; infos.len()]);
        let ask = || -> Result<(), PushError> {
            while let Some((number, info)) = {
                let number = next.fetch_add(1, Ordering::Relaxed);
                infos.get(number).map(|info| (number, info))
            } {
                if outside.fetcher.cancelled() {
                    return Err(ClosureError::Stopped.into());
                }
                let has = self.has(info)?;
                answers.lock().unwrap_or_else(PoisonError::into_inner)[number] = has;
            }
            Ok(())
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..CONNECTIONS.min(infos.len())).map(|_| scope.spawn(ask)).collect();
            let join = |worker: thread::ScopedJoinHandle<'_, _>| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            workers.into_iter().try_for_each(join)
        })?;
        Ok(answers.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// It has this content of the path, signed by our key where we have one. What is no narinfo is written anew.
    fn has(&self, info: &PathInfo) -> Result<bool, PushError> {
        let Some(bytes) = self.0.place.read(&file_name(info), narinfo::SIZE.max)? else { return Ok(false) };
        let Ok(found) = NarInfo::parse(&bytes, info.path.store()) else { return Ok(false) };
        let text = info.fingerprint();
        let ours = |key: &SecretKey| {
            let public = key.public();
            found.info.signatures.iter().any(|signature| public.verifies(&text, signature))
        };
        if found.info.fingerprint() != text || !self.0.key.is_none_or(ours) {
            return Ok(false);
        }
        Ok(found.file_size.is_some() && self.0.place.len(found.url.as_str())? == found.file_size)
    }

    /// Writes the archive of a path, and says what its narinfo is.
    fn pack(&self, parcel: &Parcel<'_>, outside: &Supply<'_>) -> Result<NarInfo, PushError> {
        let mut info = parcel.info.clone();
        let path = || info.path.to_string();
        let compression = self.0.packing.compression();
        let name = format!("nar/{}.nar{}", base32::encode(info.nar_hash.as_bytes()), compression.extension());
        let (root, files) = parcel.files()?;
        let fill = |out: &mut (dyn Write + Send)| -> Result<(), PushError> {
            let failed = |source| PushError::Packing { path: path(), source };
            let mut plain = Hashing::new(self.0.packing.writer(out).map_err(failed)?);
            nar::write_to(&files, &root, outside.store, &mut plain)
                .map_err(|source| PushError::Pack { path: path(), source })?;
            let (packer, hasher) = plain.into_parts();
            packer.finish().and_then(|out| out.flush()).map_err(failed)?;
            // Our name is on it: what is signed is what was written.
            let found = hasher.finish();
            if (found.digest(), found.len()) != (info.nar_hash, info.nar_size) {
                return Err(PushError::Other { path: path(), found: found.digest() });
            }
            Ok(())
        };
        let hashed = self.0.place.archive(&name, outside, fill)?;
        if let Some(key) = self.0.key {
            info.signatures = [key.sign(&info.fingerprint())].into();
        }
        let url = name.parse().expect("invariant: digits of base 32 and dots are a place below the cache");
        let (file_hash, file_size) = (Some(hashed.digest()), Some(hashed.len()));
        Ok(NarInfo { info, url, compression, file_hash, file_size })
    }

    /// From now on the path is there.
    fn announce(&self, info: &NarInfo) -> Result<(), PushError> {
        self.0.place.write(&file_name(&info.info), narinfo::TYPE, info.render().as_bytes())
    }
}

fn file_name(info: &PathInfo) -> String {
    format!("{}.narinfo", info.path.hash_part())
}
