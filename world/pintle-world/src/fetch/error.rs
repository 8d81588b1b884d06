use super::BadMirror;
use crate::atomic::AtomicError;
use pintle_model::DigestMismatch;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A download failed. Every variant names the URL or path; the text ends with what to do, but for what was not found:
/// there it depends on what was looked for.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// 404, 410, or no such file in a local mirror.
    #[error("{0} is not there")]
    NotFound(String),
    /// Another refusal.
    #[error("{url} answered with HTTP status {status}; try later or set another mirror")]
    Status {
        /// The URL.
        url: String,
        /// The status.
        status: u16,
    },
    /// A captive portal, a proxy's login page, an error page sent as success.
    #[error(
        "{0}: the mirror answered with a web page instead of the file; check the network (login page? proxy?) or set another mirror"
    )]
    WebPage(String),
    /// Something on the way packed the file.
    #[error(
        "{0} came packed by something on the way (Content-Encoding), though nobody asked for it; check the proxy, or set another mirror"
    )]
    Encoded(String),
    /// Redirected in a circle, or to what is no URL.
    #[error("{url} leads nowhere ({reason}); set another mirror")]
    Nowhere {
        /// The URL.
        url: String,
        /// What the client says.
        reason: String,
    },
    /// The server announces, or sends, more or less than there must be.
    #[error(
        "{url} has {actual} bytes where {expected} were expected; the mirror may be mid-update: try later, or set another mirror"
    )]
    Size {
        /// The URL.
        url: String,
        /// What was promised.
        expected: u64,
        /// What is there.
        actual: u64,
    },
    /// More than the caller was ready to take.
    #[error("{url} is larger than {max} bytes, more than any such file should be; check the mirror")]
    TooLarge {
        /// The URL.
        url: String,
        /// The limit.
        max: u64,
    },
    /// The bytes are not those the signed index (or the lock) promised.
    #[error("{url} is not the file that was signed; what was downloaded is thrown away: try another mirror")]
    Mismatch {
        /// The URL.
        url: String,
        /// Both digests.
        #[source]
        source: DigestMismatch,
    },
    /// Nothing came for too long.
    #[error(
        "{url}: no byte for {waited:?}; what has arrived is kept: run the command again, or set another mirror"
    )]
    Stalled {
        /// The URL.
        url: String,
        /// How long was waited.
        waited: Duration,
    },
    /// Connection refused, reset, cut half-way, host not found, TLS.
    #[error(
        "{url}: the connection failed {attempts} times; what has arrived is kept: run the command again, or set another mirror"
    )]
    Network {
        /// The URL.
        url: String,
        /// How often it was tried without getting any further.
        attempts: u32,
        /// The last failure.
        #[source]
        source: io::Error,
    },
    /// A file of a local mirror.
    #[error("cannot read {}", .path.display())]
    Local {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The cache could not take the download.
    #[error("cannot keep the download of {url}")]
    Cache {
        /// The URL.
        url: String,
        /// Why.
        #[source]
        source: AtomicError,
    },
    /// The mirror, or the path on it.
    #[error(transparent)]
    Mirror(#[from] BadMirror),
    /// The proxy setting.
    #[error("the proxy `{0}` is not a URL such as http://host:3128; correct http_proxy or https_proxy")]
    Proxy(String),
    /// The network is not to be used.
    #[error(
        "{0} was not downloaded before, and the network is not to be used; run it once without `--offline`"
    )]
    Offline(String),
    /// The user wanted to stop, or another download failed first.
    #[error("stopped; what has arrived is kept and the next run continues")]
    Cancelled,
}
