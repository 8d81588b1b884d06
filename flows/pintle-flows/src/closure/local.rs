//! A store of this machine: its database says what it holds, its files are read where they are.

use super::ClosureError;
use super::supply::{Here, Supplied};
use crate::supply::Supply;
use pintle_model::TreePath;
use pintle_nix::nar;
use pintle_nix::{PathInfo, StoreDir, StorePath, UnpackError, database, registration};
use pintle_world::files;
use pintle_world::host_tree::{self, Plain};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// A store below a folder (`/`, or the root of a system).
pub(super) struct LocalStore {
    root: PathBuf,
    infos: BTreeMap<StorePath, PathInfo>,
}

/// Left by images that have not started yet.
const REGISTRATION: &str = "nix-path-registration";

impl LocalStore {
    /// The store below `root`; empty where there is none.
    ///
    /// # Errors
    /// [`ClosureError::Database`], [`ClosureError::Registration`].
    pub(super) fn open(root: PathBuf, given: Option<&Path>) -> Result<Self, ClosureError> {
        let beside = root.join(REGISTRATION);
        let infos = match given {
            Some(file) => registered(file)?.ok_or_else(|| missing(file))?,
            None => match in_database(&root)? {
                Some(infos) => infos,
                None => registered(&beside)?.unwrap_or_default(),
            },
        };
        Ok(Self { root, infos: infos.into_iter().map(|info| (info.path.clone(), info)).collect() })
    }

    /// What it knows of a path.
    pub(super) fn info(&self, path: &StorePath) -> Option<&PathInfo> {
        self.infos.get(path)
    }

    /// Its folder.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// For messages.
    pub(super) fn name(&self) -> String {
        format!("the store in {}", self.root.display())
    }

    /// The files of `info`, where they are. They must be compared with its digest still, unless they were since the
    /// machine was started and nothing has changed them.
    ///
    /// # Errors
    /// [`ClosureError`].
    pub(super) fn read(&self, info: &PathInfo, supply: &Supply<'_>) -> Result<Supplied, ClosureError> {
        let path = || info.path.clone();
        let host = self.root.join(info.path.to_string().trim_start_matches('/'));
        let failed = |source| ClosureError::Read { path: host.clone(), source };
        if !files::is_there(&host).map_err(failed)? {
            return Err(ClosureError::Gone { path: path(), root: self.root.clone() });
        }
        let Plain { tree, witness } = host_tree::read_plain(&host, supply.store)
            .map_err(|source| ClosureError::HostTree { path: path(), source })?;
        let root = TreePath::new(info.path.base_name()).map_err(pintle_closure::ClosureError::from)?;
        let damaged = |source| ClosureError::Pack { path: path(), source };
        let actual = nar::size(&tree, &root).map_err(damaged)?;
        if actual != info.nar_size {
            let source = UnpackError::Size { path: path(), expected: info.nar_size, actual };
            return Err(ClosureError::Unpack { place: self.name(), source });
        }
        let witness = Some(witness).filter(|witness| !supply.store.has_seen(&info.nar_hash, witness));
        Ok(Supplied::here(info.clone(), Here { tree, root, witness, place: self.name() }))
    }
}

fn missing(path: &Path) -> ClosureError {
    ClosureError::Read { path: path.to_owned(), source: io::ErrorKind::NotFound.into() }
}

/// What the store's database says; none where there is no database.
fn in_database(root: &Path) -> Result<Option<Vec<PathInfo>>, ClosureError> {
    let path = root.join(database::PATH);
    // What Nix wrote last is still in the log beside it.
    let log = path.with_extension("sqlite-wal");
    let read = files::read_together(&[&path, &log]);
    let read = read.map_err(|source| ClosureError::Read { path: path.clone(), source })?;
    let [Some(bytes), log] = &read[..] else { return Ok(None) };
    let infos = database::read(
        bytes,
        log.as_deref().unwrap_or_default(),
        &StoreDir::default(),
        &database::Limits::default(),
    );
    infos.map(Some).map_err(|source| ClosureError::Database { root: root.to_owned(), source })
}

fn registered(path: &Path) -> Result<Option<Vec<PathInfo>>, ClosureError> {
    let bytes = files::read(path).map_err(|source| ClosureError::Read { path: path.to_owned(), source })?;
    let parse = |bytes: Vec<u8>| {
        registration::parse(&bytes, &StoreDir::default())
            .map_err(|source| ClosureError::Registration { path: path.to_owned(), source })
    };
    bytes.map(parse).transpose()
}
