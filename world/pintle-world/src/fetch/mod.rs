//! Downloads: verified while they stream, kept by digest, resumed where they stopped.

pub(crate) mod attempt;
mod download;
mod error;
pub(crate) mod http;
pub(crate) mod mirror;
mod parallel;
mod progress;
mod proxy;
mod transport;

pub use error::FetchError;
pub use mirror::{BadMirror, Mirror};
pub use parallel::{Job, Place};
pub use progress::{Progress, Silent};
pub use proxy::ProxySettings;

use crate::Cache;
use http::{Http, PlainHttp};
use pintle_model::{Digest, Verified};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a download must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// SHA-256 of the whole.
    pub sha256: Digest,
    /// Length in bytes.
    pub size: u64,
}

/// How patient the fetcher is, and by which proxy it goes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest wait for the next byte.
    pub stall: Duration,
    /// Attempts in a row that bring nothing new before giving up.
    pub attempts: u32,
    /// Pause before the second attempt; doubled before each further one.
    pub pause: Duration,
    /// Proxies.
    pub proxy: ProxySettings,
    /// Never asks the network: only the cache and local mirrors.
    pub offline: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            attempts: 4,
            pause: Duration::from_secs(1),
            proxy: ProxySettings::default(),
            offline: false,
        }
    }
}

/// Downloads from mirrors into the cache. Shared between threads; connections are kept and used again.
#[derive(Debug)]
pub struct Fetcher {
    cache: Cache,
    settings: Settings,
    http: Http,
    cancel: Arc<AtomicBool>,
}

impl Fetcher {
    /// A fetcher into `cache`. Once `cancel` is true, every call ends soon with [`FetchError::Cancelled`] and what
    /// had arrived stays for the next run; a cancelled fetcher stays cancelled.
    ///
    /// # Errors
    /// [`FetchError::Proxy`] when a proxy setting is no URL.
    pub fn new(cache: &Cache, settings: Settings, cancel: Arc<AtomicBool>) -> Result<Self, FetchError> {
        let http = Http::new(&settings, &cancel, PlainHttp::WholeUrl)?;
        Ok(Self { cache: cache.clone(), settings, http, cancel })
    }

    /// The file at `path` of `mirror`, once its bytes are known to be `expected`: from the cache, or downloaded into
    /// it, or in place where the mirror is a directory.
    ///
    /// # Errors
    /// [`FetchError`].
    pub fn fetch(
        &self,
        mirror: &Mirror,
        path: &str,
        expected: Expected,
        progress: &dyn Progress,
    ) -> Result<Verified<PathBuf>, FetchError> {
        download::fetch(self, mirror, path, expected, progress)
    }

    /// The bytes at `path` of `mirror`, at most `max`; **not verified**: for signed or otherwise checked documents.
    ///
    /// # Errors
    /// [`FetchError`].
    pub fn get(&self, mirror: &Mirror, path: &str, max: u64) -> Result<Vec<u8>, FetchError> {
        download::get(self, mirror, path, max)
    }

    /// Fetches all `jobs` over up to `connections` connections, results in the order of the jobs. After the first
    /// failure no new job is started; jobs not started for that reason give [`FetchError::Cancelled`].
    pub fn fetch_all(
        &self,
        jobs: &[Job],
        connections: usize,
        progress: &dyn Progress,
    ) -> Vec<Result<Verified<PathBuf>, FetchError>> {
        parallel::fetch_all(self, jobs, connections, progress)
    }

    /// One job: its places are tried in order as long as the file is not there.
    ///
    /// # Errors
    /// [`FetchError`], of the first place when none has it.
    pub fn fetch_job(&self, job: &Job, progress: &dyn Progress) -> Result<Verified<PathBuf>, FetchError> {
        parallel::fetch_job(self, job, progress)
    }

    /// How patient it is.
    #[must_use]
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What makes every call end soon once it is set.
    #[must_use]
    pub fn canceller(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancel)
    }

    /// The user wants to stop.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}
