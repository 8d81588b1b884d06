//! Binary caches: folders or servers with a small file on each path, and its packed archive.

use super::ClosureError;
use crate::supply::Supply;
use pintle_model::{Limit, Nix};
use pintle_nix::cache_info::{self, CacheInfo};
use pintle_nix::{NarInfo, PublicKey, StoreDir, StorePath, TrustedKeys, narinfo};
use pintle_world::Mirror;
use pintle_world::fetch::FetchError;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Packed archives without a promised digest are held in memory while they are unpacked.
pub(super) const UNPROMISED: Limit =
    Limit::new(1 << 30, "bytes in a packed archive of which the cache promises nothing");

/// Binary caches in the definition's order, and who is trusted.
pub(super) struct Caches {
    caches: Vec<Mirror>,
    keys: TrustedKeys,
    /// What was found, by path: nothing is asked twice.
    known: Mutex<BTreeMap<StorePath, (usize, NarInfo)>>,
    /// Whether a cache was looked at: its `nix-cache-info` is read before anything else of it.
    greeted: Mutex<Vec<bool>>,
}

impl Caches {
    pub(super) fn open(nix: &Nix, folder: &Path) -> Result<Self, ClosureError> {
        let keys: Result<_, _> = nix.trusted_keys.iter().map(|text| PublicKey::parse(text.trim())).collect();
        let cache = |text: &String| {
            let beside = text.starts_with("./") || text.starts_with("../");
            let text = if beside { folder.join(text).display().to_string() } else { text.clone() };
            let text = if beside && !text.starts_with('/') {
                pintle_world::files::absolute(Path::new(&text))
                    .map_err(|source| ClosureError::Read { path: text.into(), source })?
                    .display()
                    .to_string()
            } else {
                text
            };
            text.parse().map_err(ClosureError::Cache)
        };
        let caches = nix.caches.iter().map(cache).collect::<Result<Vec<Mirror>, _>>()?;
        let greeted = Mutex::new(vec![false; caches.len()]);
        Ok(Self {
            caches,
            keys: TrustedKeys::new(keys.map_err(ClosureError::Key)?),
            known: Mutex::default(),
            greeted,
        })
    }

    /// For messages.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.caches.iter().map(ToString::to_string)
    }

    /// The cache with this number.
    pub(super) fn mirror(&self, number: usize) -> &Mirror {
        &self.caches[number]
    }

    /// What the first cache that has `path` says of it, and the cache's number. Whoever vouches for it is trusted.
    ///
    /// # Errors
    /// [`ClosureError`]; that no cache has it is none.
    pub(super) fn find(
        &self,
        path: &StorePath,
        supply: &Supply<'_>,
    ) -> Result<Option<(usize, NarInfo)>, ClosureError> {
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(path) {
            return Ok(Some(known.clone()));
        }
        let store = StoreDir::default();
        for (number, cache) in self.caches.iter().enumerate() {
            self.greet(number, cache, path, supply)?;
            let file = format!("{}.narinfo", path.hash_part());
            let bytes = match supply.fetcher.get(cache, &file, narinfo::SIZE.max) {
                Ok(bytes) => bytes,
                Err(FetchError::NotFound(_)) => continue,
                Err(source) => return Err(failed(path, source)),
            };
            let place = cache.to_string();
            let info = NarInfo::parse(&bytes, &store).map_err(|source| ClosureError::NarInfo {
                path: path.clone(),
                cache: place.clone(),
                source,
            })?;
            let trusted = self.keys.verify(info, path);
            let trusted = trusted
                .map_err(|source| ClosureError::Untrusted { cache: place, source: Box::new(source) })?;
            let found = (number, trusted.into_inner());
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone(), found.clone());
            return Ok(Some(found));
        }
        Ok(None)
    }

    /// Makes sure that a cache is of this store. One without `nix-cache-info` is taken as it is, as Nix does.
    fn greet(
        &self,
        number: usize,
        cache: &Mirror,
        path: &StorePath,
        supply: &Supply<'_>,
    ) -> Result<(), ClosureError> {
        if self.greeted.lock().unwrap_or_else(PoisonError::into_inner)[number] {
            return Ok(());
        }
        match supply.fetcher.get(cache, cache_info::FILE_NAME, cache_info::SIZE.max) {
            Ok(bytes) => {
                CacheInfo::parse(&bytes, path.store())
                    .map_err(|source| ClosureError::CacheInfo { cache: cache.to_string(), source })?;
            }
            Err(FetchError::NotFound(_)) => {}
            Err(source) => return Err(failed(path, source)),
        }
        self.greeted.lock().unwrap_or_else(PoisonError::into_inner)[number] = true;
        Ok(())
    }
}

pub(super) fn failed(path: &StorePath, source: FetchError) -> ClosureError {
    match source {
        FetchError::Cancelled => ClosureError::Stopped,
        source => ClosureError::Fetch { path: path.clone(), source },
    }
}
