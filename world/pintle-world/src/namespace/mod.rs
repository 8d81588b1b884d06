//! A tree of files whose programs run in a user namespace of their own: root inside, nobody special outside, without a
//! network (user_namespaces(7)). Only `pintle recipe record` uses it; builds never do.

mod export;
mod run;

pub use export::ExportError;
pub use run::{Ran, available};

use crate::Cache;
use pintle_model::{Contents, Tree};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why programs of the tree cannot run.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// `unshare` of this host.
    #[error("cannot run `unshare`, which comes with util-linux")]
    Program(#[source] io::Error),
    /// The kernel or a policy says no.
    #[error("this host does not let its users make namespaces (unshare: {said})")]
    Forbidden {
        /// What `unshare` said.
        said: String,
        /// Commands that allow it, for the settings that forbid it.
        settings: Vec<&'static str>,
    },
    /// It took too long and was ended.
    #[error("the scripts took more than {} s and were ended; they had said:\n{output}", limit.as_secs())]
    Slow {
        /// How long they had.
        limit: Duration,
        /// What they said.
        output: String,
    },
    /// A file of the tree.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A tree on this host's disk, which goes away with this value.
#[derive(Debug)]
pub struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    /// Writes `tree` into a new folder of the cache. Everything belongs to who runs this.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn new(cache: &Cache, tree: &Tree, contents: &dyn Contents) -> Result<Self, ExportError> {
        let made = tempfile::Builder::new().prefix("record-").tempdir_in(cache.root());
        let folder = made.map_err(|source| ExportError { path: cache.root().to_owned(), source })?;
        export::write(tree, contents, folder.path())?;
        Ok(Self { folder })
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file in place of what is there.
    ///
    /// # Errors
    /// [`NamespaceError::File`].
    pub fn put(&self, path: &str, bytes: &[u8], executable: bool) -> Result<(), NamespaceError> {
        let path = self.root().join(path);
        self.write(&path, bytes, executable).map_err(|source| NamespaceError::File { path, source })
    }

    fn write(&self, path: &Path, bytes: &[u8], executable: bool) -> io::Result<()> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        // A file of many names must not change under the others.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::write(path, bytes)?;
        let mode = if executable { 0o755 } else { 0o644 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
    }

    /// Reads a file; `None` where there is none.
    ///
    /// # Errors
    /// [`NamespaceError::File`].
    pub fn get(&self, path: &str) -> Result<Option<Vec<u8>>, NamespaceError> {
        let path = self.root().join(path);
        crate::files::read(&path).map_err(|source| NamespaceError::File { path, source })
    }

    /// Runs the shell script at `script`, a path inside.
    ///
    /// # Errors
    /// [`NamespaceError`]; that the script fails is no error here.
    pub fn run(&self, script: &str, limit: Duration) -> Result<Ran, NamespaceError> {
        run::run(self.root(), script, limit)
    }
}
