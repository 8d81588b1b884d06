use crate::build::BuildError;
use crate::closure::ClosureError;
use pintle_model::Digest;
use pintle_nix::nar::WriteError;
use pintle_world::atomic::AtomicError;
use pintle_world::bucket::BucketError;
use std::io;
use std::path::PathBuf;

/// Why something is not published.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The closure.
    #[error(transparent)]
    Closure(#[from] ClosureError),
    /// The system of the definition.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The cache.
    #[error(transparent)]
    Write(#[from] AtomicError),
    /// The bucket.
    #[error(transparent)]
    Bucket(BucketError),
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
    /// Its packed archive.
    #[error("the archive of {path} cannot be packed")]
    Packing {
        /// The path.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What was read is not what it should be.
    #[error(
        "{path} changed while it was read: its archive now has the sha256 {found}; nothing was signed, run the command again"
    )]
    Other {
        /// The path.
        path: String,
        /// What came.
        found: Digest,
    },
}

impl From<pintle_closure::ClosureError> for PushError {
    fn from(error: pintle_closure::ClosureError) -> Self {
        ClosureError::from(error).into()
    }
}
