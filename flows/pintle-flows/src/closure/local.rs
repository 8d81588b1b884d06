//! A store of this machine: its database says what it holds, its files are read where they are.

use super::ClosureError;
use super::pour::pour;
use crate::supply::Supply;
use pintle_model::{Hashed, PackSink, TreePath};
use pintle_nix::nar::{self, Limits, UnpackedNar};
use pintle_nix::{PathInfo, StoreDir, StorePath, database, registration};
use pintle_world::files;
use pintle_world::host_tree::{self, Ownership};
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

    /// Reads the files of `info` into `pack`; what comes out is to be compared with what is expected.
    ///
    /// # Errors
    /// [`ClosureError`].
    pub(super) fn pack(
        &self,
        info: &PathInfo,
        pack: &mut dyn PackSink,
        supply: &Supply<'_>,
    ) -> Result<(UnpackedNar, Hashed), ClosureError> {
        let path = &info.path;
        let host = self.root.join(path.to_string().trim_start_matches('/'));
        let failed = |source| ClosureError::Read { path: host.clone(), source };
        if !files::is_there(&host).map_err(failed)? {
            return Err(ClosureError::Gone { path: path.clone(), root: self.root.clone() });
        }
        let mut tree = host_tree::read_one(&host, supply.store, Ownership::Root)
            .map_err(|source| ClosureError::HostTree { path: path.clone(), source })?;
        // What the file system of this machine adds (labels of SELinux) is not part of a store.
        tree.forget_xattrs();
        let root = TreePath::new(path.base_name()).map_err(pintle_closure::ClosureError::from)?;
        let limits = Limits::default().with_size(info.nar_size);
        let (written, read) = pour(
            |out| nar::write_to(&tree, &root, supply.store, out),
            |archive| nar::unpack(archive, &limits, pack),
        );
        match (written, read) {
            (_, Ok(unpacked)) => Ok(unpacked),
            // The writer's own fault comes first, unless it is that nobody reads any more.
            (Err(source), Err(_)) if !broken(&source) => {
                Err(ClosureError::Pack { path: path.clone(), source })
            }
            (_, Err(source)) => {
                let source = pintle_nix::UnpackError::Nar { path: path.clone(), source };
                Err(ClosureError::Unpack { place: self.name(), source })
            }
        }
    }
}

fn broken(error: &nar::WriteError) -> bool {
    matches!(error, nar::WriteError::Sink { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
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
