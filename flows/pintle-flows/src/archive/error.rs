use pintle_model::Arch;
use pintle_openpgp::{KeyRingError, VerifyError};
use pintle_package::control::index::IndexError;
use pintle_package::control::release::ReleaseError;
use pintle_resolve::apt_sources::{NoMirror, SourcesError};
use pintle_resolve::freshness::Stale;
use pintle_world::Mirror;
use pintle_world::atomic::AtomicError;
use pintle_world::fetch::{BadMirror, FetchError};
use std::path::PathBuf;

/// The archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The machine's apt sources.
    #[error("cannot read this machine's apt sources: {file}")]
    Sources {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: SourcesError,
    },
    /// No mirror.
    #[error(transparent)]
    NoMirror(#[from] NoMirror),
    /// A bad mirror in the definition.
    #[error("the mirror of suite `{suite}` is not usable")]
    Mirror {
        /// The suite.
        suite: String,
        /// Why.
        #[source]
        source: BadMirror,
    },
    /// Not to be had.
    #[error("cannot fetch {what} of suite `{suite}` from {mirror}")]
    Fetch {
        /// The suite.
        suite: String,
        /// Which file.
        what: String,
        /// From where.
        mirror: Mirror,
        /// Why.
        #[source]
        source: FetchError,
    },
    /// Not signed as it must be.
    #[error("the signature of suite `{suite}` from {mirror} is refused")]
    Signature {
        /// The suite.
        suite: String,
        /// From where.
        mirror: Mirror,
        /// Why.
        #[source]
        source: VerifyError,
    },
    /// Too old, or from the future.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// A signed release that cannot be read.
    #[error("cannot read the release file of suite `{suite}`")]
    Release {
        /// The suite.
        suite: String,
        /// Why.
        #[source]
        source: ReleaseError,
    },
    /// The mirror serves another suite under this name.
    #[error("`dists/{suite}` of {mirror} holds the suite `{found}`")]
    OtherSuite {
        /// What was asked for.
        suite: String,
        /// From where.
        mirror: Mirror,
        /// What the release calls itself.
        found: String,
    },
    /// The suite lacks a component or architecture.
    #[error("suite `{suite}` has no component `{component}` for {arch} (it has: {has})")]
    Component {
        /// The suite.
        suite: String,
        /// What was asked for.
        component: String,
        /// Architecture.
        arch: Arch,
        /// What there is.
        has: String,
    },
    /// A verified index that cannot be unpacked or is no text.
    #[error("cannot unpack {path} of suite `{suite}`: {reason}")]
    Unpack {
        /// The suite.
        suite: String,
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A verified index that cannot be read.
    #[error("cannot read {path} of suite `{suite}`")]
    Index {
        /// The suite.
        suite: String,
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: IndexError,
    },
    /// A key of the definition.
    #[error("cannot use the key {}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyRingError,
    },
    /// A key of the definition that is not there.
    #[error("there is no key {}, which the definition names in `source.keys`", .0.display())]
    NoKey(PathBuf),
    /// A file of this host.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The cache.
    #[error("cannot keep an index")]
    Keep(#[from] AtomicError),
}
