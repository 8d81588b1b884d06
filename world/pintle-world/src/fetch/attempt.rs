//! One request: how its answer is sorted, and whether another follows a failure.

use super::http::Http;
use super::{FetchError, Fetcher};
use std::io;
use std::time::{Duration, Instant};

/// An attempt that brought this much does not count as failed: a mirror that cuts every connection still gets through.
const GAIN: u64 = 1 << 20;

/// Why an attempt ended.
pub(super) enum Failure {
    /// Trying again may help.
    Passing(ureq::Error),
    /// The server is busy or broken for now.
    Busy(u16),
    /// It will not.
    Final(FetchError),
}

impl Failure {
    pub(super) fn passing(error: ureq::Error) -> Self {
        Self::Passing(error)
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self::Final(error)
    }
}

/// Sends the request and sorts the status; a good answer is 200 or 206.
pub(super) fn ask(
    http: &Http,
    url: &str,
    shown: &str,
    from: u64,
) -> Result<ureq::http::Response<ureq::Body>, Failure> {
    let response = http.get(url, from).map_err(|error| match error {
        ureq::Error::BadUri(_) | ureq::Error::TooManyRedirects | ureq::Error::LargeResponseHeader(..) => {
            FetchError::Nowhere { url: shown.to_owned(), reason: error.to_string() }.into()
        }
        error => Failure::Passing(error),
    })?;
    match response.status().as_u16() {
        200 | 206 | 416 => Ok(response),
        404 | 410 => Err(FetchError::NotFound(shown.to_owned()).into()),
        status @ (408 | 425 | 429 | 500..=599) => Err(Failure::Busy(status)),
        status => Err(FetchError::Status { url: shown.to_owned(), status }.into()),
    }
}

/// The body is packed, which no request asks for. Servers also say so of files that are packed by themselves
/// (`Packages.gz`), so it only explains why what came is wrong.
pub(super) fn is_encoded(response: &ureq::http::Response<ureq::Body>) -> bool {
    response.headers().get("Content-Encoding").is_some_and(|encoding| encoding != "identity")
}

/// A page for people: what a captive portal or a broken mirror sends with status 200. No file we fetch starts so.
pub(super) fn is_web_page(start: &[u8]) -> bool {
    let start = start.trim_ascii_start();
    let begins = |with: &[u8]| start.get(..with.len()).is_some_and(|s| s.eq_ignore_ascii_case(with));
    begins(b"<!doctype html") || begins(b"<html")
}

/// Decides whether to try again, and waits.
pub(super) struct Patience<'a> {
    fetcher: &'a Fetcher,
    shown: &'a str,
    failed: u32,
}

impl<'a> Patience<'a> {
    pub(super) fn new(fetcher: &'a Fetcher, shown: &'a str) -> Self {
        Self { fetcher, shown, failed: 0 }
    }

    /// Waits before the next attempt, or says why there is none.
    pub(super) fn after(&mut self, failure: Failure, gained: u64) -> Result<(), FetchError> {
        if self.fetcher.cancelled() {
            return Err(FetchError::Cancelled);
        }
        if let Failure::Final(error) = failure {
            return Err(error);
        }
        self.failed = if gained >= GAIN { 1 } else { self.failed + 1 };
        if self.failed >= self.fetcher.settings.attempts {
            return Err(self.give_up(failure));
        }
        self.wait(self.fetcher.settings.pause * (1 << (self.failed - 1).min(5)))
    }

    fn give_up(&self, failure: Failure) -> FetchError {
        let url = self.shown.to_owned();
        match failure {
            Failure::Final(error) => error,
            Failure::Busy(status) => FetchError::Status { url, status },
            Failure::Passing(error) if is_stall(&error) => {
                FetchError::Stalled { url, waited: self.fetcher.settings.stall }
            }
            Failure::Passing(error) => {
                FetchError::Network { url, attempts: self.failed, source: error.into_io() }
            }
        }
    }

    pub(super) fn wait(&self, pause: Duration) -> Result<(), FetchError> {
        let until = Instant::now() + pause;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            std::thread::sleep(left.min(Duration::from_millis(50)));
            if self.fetcher.cancelled() {
                return Err(FetchError::Cancelled);
            }
        }
        Ok(())
    }
}

/// Whether it is that nothing came for too long.
pub(crate) fn is_stall(error: &ureq::Error) -> bool {
    use ureq::Timeout as T;
    let reading = |timeout: &T| matches!(timeout, T::PerRead | T::RecvResponse | T::RecvBody);
    match error {
        ureq::Error::Timeout(timeout) => reading(timeout),
        ureq::Error::Io(error) => error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<ureq::Error>())
            .map_or(error.kind() == io::ErrorKind::TimedOut, is_stall),
        _ => false,
    }
}
