//! A Nix closure, from a name in the definition to paths that can be read: found in a store of this machine or in
//! binary caches, verified, unpacked once into the content store. No part of Nix is needed.

mod boot_folders;
mod cache;
mod error;
mod local;
mod locate;
mod secrets;
mod supply;
mod walk;

pub(crate) use boot_folders::BootFolders;
pub use boot_folders::{Ways, ways};
pub use error::ClosureError;
pub use locate::{Located, locate};
pub use pintle_closure::ClosureError as BadClosure;
pub(crate) use secrets::add as add_secrets;
pub(crate) use supply::{Supplied, claim, compare, supply, tree_of};

use crate::supply::Supply;
use cache::Caches;
use local::LocalStore;
use pintle_model::{LockedClosure, LockedPath, Nix};
use pintle_nix::{ContentAddress, PathInfo, StoreDir, StorePath};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where a closure may be had.
pub(crate) struct Places {
    local: LocalStore,
    caches: Caches,
}

/// A closure whose paths can be read; see [`claim`] for what must come before it is used.
#[derive(Debug)]
pub(crate) struct Had {
    /// The system.
    pub(crate) toplevel: StorePath,
    /// It and all that it refers to, sorted by path.
    pub(crate) paths: Vec<Supplied>,
    /// The folder whose `nix/store` was looked into.
    pub(crate) root: PathBuf,
}

impl Had {
    /// Compares with their digests what was not compared yet.
    ///
    /// # Errors
    /// [`ClosureError`].
    pub(crate) fn compare(&self, supply: &Supply<'_>) -> Result<(), ClosureError> {
        compare(&self.paths, supply)
    }
}

impl Places {
    /// The folder whose `nix/store` is looked into first.
    pub(crate) fn root(&self) -> &Path {
        self.local.root()
    }

    /// The places of `nix`, as seen from the definition's `folder`; `found`: the store in which the system was found.
    ///
    /// # Errors
    /// [`ClosureError`] for keys and caches that are none, or a store that cannot be read.
    pub(crate) fn open(nix: &Nix, folder: &Path, found: Option<&Path>) -> Result<Self, ClosureError> {
        let root = match (&nix.store, found) {
            (Some(store), _) => folder.join(store),
            (None, Some(found)) => found.to_owned(),
            (None, None) => PathBuf::from("/"),
        };
        let registration = nix.registration.as_ref().map(|file| folder.join(file));
        Ok(Self {
            local: LocalStore::open(root, registration.as_deref())?,
            caches: Caches::open(nix, folder)?,
        })
    }
}

/// Pins the closure of `toplevel`: its paths, with digests, sizes and references.
///
/// # Errors
/// [`ClosureError`].
pub(crate) fn pin(
    toplevel: &StorePath,
    places: &Places,
    supply: &Supply<'_>,
) -> Result<LockedClosure, ClosureError> {
    let all = walk::walk(toplevel, places, supply)?;
    let order = pintle_closure::complete(toplevel, &all)?;
    let mut paths: Vec<LockedPath> = order.into_iter().map(locked).collect();
    paths.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(LockedClosure { system: toplevel.to_string(), boot_files: None, paths })
}

fn locked(info: &PathInfo) -> LockedPath {
    LockedPath {
        path: info.path.to_string(),
        nar: info.nar_hash,
        size: info.nar_size,
        references: info.references.iter().map(|path| path.base_name().to_owned()).collect(),
        ca: info.content_address.as_ref().map(ToString::to_string),
    }
}

/// The facts of a lock's paths, by path.
///
/// # Errors
/// [`ClosureError`] for what is no closure: a path that is none, or a reference that leads nowhere.
pub(crate) fn infos(
    closure: &LockedClosure,
) -> Result<(StorePath, BTreeMap<StorePath, PathInfo>), ClosureError> {
    let store = StoreDir::default();
    let mut infos = BTreeMap::new();
    for locked in &closure.paths {
        let mut info = PathInfo::new(store.parse(&locked.path)?, locked.nar, locked.size);
        for name in &locked.references {
            info.references.insert(store.path(name)?);
        }
        info.content_address = locked.ca.as_deref().and_then(|text| ContentAddress::parse(text).ok());
        infos.insert(info.path.clone(), info);
    }
    let toplevel = store.parse(&closure.system)?;
    pintle_closure::complete(&toplevel, &infos)?;
    Ok((toplevel, infos))
}
