//! What every flow that needs packages is given: the cache, the network, the clock, and who is told of progress.

use pintle_world::clock::Clock;
use pintle_world::{Cache, Fetcher, Progress, Store};
use std::path::Path;

/// The outside, as values.
#[derive(Clone, Copy)]
pub struct Supply<'a> {
    /// Downloads and unpacked packages.
    pub cache: &'a Cache,
    /// Contents of packages and host files.
    pub store: &'a Store,
    /// Downloads.
    pub fetcher: &'a Fetcher,
    /// Told of downloads.
    pub progress: &'a dyn Progress,
    /// The machine's apt sources: file name and text.
    pub apt_sources: &'a [(String, String)],
    /// A folder of `pintle vendor` that stands in for every mirror.
    pub vendor: Option<&'a Path>,
    /// Threads for work on the processor.
    pub threads: usize,
    /// Seconds since 1970: only decides whether signatures and indices are still valid, and never enters an output.
    pub now: i64,
    /// Measures steps.
    pub clock: Clock,
}

/// Connections to mirrors at once: enough to hide latency, few enough to be polite.
pub const CONNECTIONS: usize = 6;
