//! A bucket of S3 or of what speaks like it: objects by name, each put and read whole.
//!
//! Every request is signed, and says the digest of what it sends: a server takes nothing else. What fails on the way is
//! tried again as often as a download is.

mod address;
mod credentials;
mod error;
mod keys;
mod refusal;
mod sign;

pub use address::{Address, BadAddress, Url};
pub use credentials::{BadCredentials, Credentials, PROFILES_SIZE, profile};
pub use error::BucketError;
pub use keys::{KeysError, keys};
pub use refusal::{REFUSAL_SIZE, Refusal};
pub use sign::{Payload, Signing, authorization};

use crate::clock::now;
use crate::fetch::attempt::is_stall;
use crate::fetch::http::{Http, PlainHttp};
use crate::fetch::{FetchError, Fetcher, Settings};
use pintle_model::Digest;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Bytes that one request may put (S3 API Reference, `PutObject`).
pub const OBJECT_MAX: u64 = 5 << 30;

/// A bucket, and who asks it.
#[derive(Debug)]
pub struct Bucket {
    address: Address,
    keys: Credentials,
    http: Http,
    settings: Settings,
    cancel: Arc<AtomicBool>,
}

/// What is put.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// A whole file.
    File(&'a File),
}

type Response = ureq::http::Response<ureq::Body>;

/// Why an attempt ended without an answer that counts.
enum Failure {
    /// Trying again may help.
    Passing(ureq::Error),
    /// The server is busy or broken for now.
    Busy(u16, Refusal),
    /// It will not.
    Final(BucketError),
}

impl Bucket {
    /// The bucket at `address`, as patient as `fetcher`, which says by which proxy it is reached, and when to stop.
    ///
    /// # Errors
    /// [`FetchError::Proxy`].
    pub fn open(address: Address, keys: Credentials, fetcher: &Fetcher) -> Result<Self, FetchError> {
        let (settings, cancel) = (fetcher.settings().clone(), fetcher.canceller());
        // The text of a request is not for rewriting where its body must arrive as it is.
        let http = Http::new(&settings, &cancel, PlainHttp::Tunnel)?;
        Ok(Self { address, keys, http, settings, cancel })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The bytes of an object, at most `max`; none where there is none.
    ///
    /// # Errors
    /// [`BucketError`].
    pub fn read(&self, name: &str, max: u64) -> Result<Option<Vec<u8>>, BucketError> {
        self.persist(name, || {
            let response = self.ask("GET", name, None)?;
            if response.status().as_u16() != 200 {
                return self.absent(name, response).map(|()| None);
            }
            let mut bytes = Vec::new();
            let mut body = response.into_body().into_reader().take(max.saturating_add(1));
            body.read_to_end(&mut bytes).map_err(|error| Failure::Passing(error.into()))?;
            match bytes.len() as u64 <= max {
                true => Ok(Some(bytes)),
                false => Err(Failure::Final(BucketError::TooLarge { name: self.shown(name), max })),
            }
        })
    }

    /// The length of an object in bytes; none where there is none.
    ///
    /// # Errors
    /// [`BucketError`].
    pub fn len(&self, name: &str) -> Result<Option<u64>, BucketError> {
        self.persist(name, || {
            let response = self.ask("HEAD", name, None)?;
            if response.status().as_u16() != 200 {
                return self.absent(name, response).map(|()| None);
            }
            let len = response.headers().get("content-length").and_then(|len| len.to_str().ok());
            Ok(len.and_then(|len| len.parse().ok()))
        })
    }

    /// Puts an object: there, it is whole, or as it was before. `sha256` is the digest of `body`.
    ///
    /// # Errors
    /// [`BucketError`].
    pub fn put(&self, name: &str, kind: &str, body: Body<'_>, sha256: Digest) -> Result<(), BucketError> {
        if let Body::File(file) = body {
            let len = file.metadata().map_err(BucketError::Spool)?.len();
            if len > OBJECT_MAX {
                return Err(BucketError::TooLarge { name: self.shown(name), max: OBJECT_MAX });
            }
        }
        self.persist(name, || {
            let response = self.ask("PUT", name, Some((kind, body, sha256)))?;
            match response.status().as_u16() {
                200..=299 => Ok(()),
                _ => Err(self.refused(name, response)),
            }
        })
    }

    /// For messages.
    fn shown(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    fn ask(
        &self,
        method: &'static str,
        name: &str,
        put: Option<(&str, Body<'_>, Digest)>,
    ) -> Result<Response, Failure> {
        let url = self.address.url(name);
        let payload = put.map_or(Payload::Empty, |(_, _, sha256)| Payload::Sha256(sha256));
        let signing = Signing {
            method,
            url: &url,
            query: &[],
            headers: &[],
            payload,
            region: self.address.region(),
            time: now(),
        };
        let headers = authorization(&signing, &self.keys);
        let sent = self.send(method, &url, &headers, put.map(|(kind, body, _)| (kind, body)));
        sent.map_err(|error| match error {
            Sent::Spool(error) => Failure::Final(BucketError::Spool(error)),
            Sent::Http(error) => Failure::Passing(error),
        })
    }

    fn send(
        &self,
        method: &str,
        url: &Url,
        headers: &[(&str, String)],
        put: Option<(&str, Body<'_>)>,
    ) -> Result<Response, Sent> {
        let text = url.to_string();
        let agent = self.http.agent(&text);
        // Redirected, a signature is of another host: whoever must go elsewhere is told so.
        let Some((kind, body)) = put else {
            let request = if method == "HEAD" { agent.head(&text) } else { agent.get(&text) };
            let request = request.config().max_redirects(0).build();
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
            return request.call().map_err(Sent::Http);
        };
        let request = agent.put(&text).config().max_redirects(0).build().header("content-type", kind);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        match body {
            Body::Bytes(bytes) => request.send(bytes).map_err(Sent::Http),
            Body::File(mut file) => {
                file.seek(SeekFrom::Start(0)).map_err(Sent::Spool)?;
                request.send(file).map_err(Sent::Http)
            }
        }
    }

    /// Nothing is there, as far as the server says. Who may not list a bucket is told "denied" for what is missing.
    fn absent(&self, name: &str, response: Response) -> Result<(), Failure> {
        let status = response.status().as_u16();
        match self.refused(name, response) {
            Failure::Final(BucketError::Refused { refusal, .. })
                if status == 404 && !refusal.is("NoSuchBucket")
                    || status == 403 && (refusal.code.is_none() || refusal.is("AccessDenied")) =>
            {
                Ok(())
            }
            failure => Err(failure),
        }
    }

    fn refused(&self, name: &str, response: Response) -> Failure {
        let status = response.status().as_u16();
        let region = response.headers().get("x-amz-bucket-region").and_then(|region| region.to_str().ok());
        let region = region.map(str::to_owned);
        let mut bytes = Vec::new();
        // What cannot be read explains nothing.
        drop(response.into_body().into_reader().take(REFUSAL_SIZE as u64).read_to_end(&mut bytes));
        let mut refusal = Refusal::parse(&bytes);
        refusal.region = refusal.region.or(region).filter(|region| region != self.address.region());
        let (name, bucket) = (self.shown(name), self.address.to_string());
        match (status, refusal.region.clone()) {
            (408 | 425 | 429 | 500..=599, _) => Failure::Busy(status, refusal),
            (301 | 307 | 400, Some(region)) => Failure::Final(BucketError::Elsewhere { bucket, region }),
            _ if refusal.is("RequestTimeTooSkewed") => Failure::Final(BucketError::Clock { bucket }),
            _ if refusal.is("RequestTimeout") => Failure::Busy(status, refusal),
            _ => Failure::Final(BucketError::Refused { name, status, refusal }),
        }
    }

    /// Tries again what may pass, with growing pauses.
    fn persist<T>(
        &self,
        name: &str,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T, BucketError> {
        let mut failed = 0;
        loop {
            let failure = match attempt() {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            if self.cancel.load(Ordering::Relaxed) {
                return Err(BucketError::Cancelled);
            }
            if let Failure::Final(error) = failure {
                return Err(error);
            }
            failed += 1;
            if failed >= self.settings.attempts {
                return Err(self.give_up(name, failure, failed));
            }
            self.wait(self.settings.pause * (1 << (failed - 1).min(5)))?;
        }
    }

    fn give_up(&self, name: &str, failure: Failure, attempts: u32) -> BucketError {
        let name = self.shown(name);
        match failure {
            Failure::Final(error) => error,
            Failure::Busy(status, refusal) => BucketError::Refused { name, status, refusal },
            Failure::Passing(error) if is_stall(&error) => {
                BucketError::Stalled { name, waited: self.settings.stall }
            }
            Failure::Passing(error) => BucketError::Network { name, attempts, source: error.into_io() },
        }
    }

    fn wait(&self, pause: Duration) -> Result<(), BucketError> {
        let until = Instant::now() + pause;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            std::thread::sleep(left.min(Duration::from_millis(50)));
            if self.cancel.load(Ordering::Relaxed) {
                return Err(BucketError::Cancelled);
            }
        }
        Ok(())
    }
}

/// Whose fault it was.
enum Sent {
    Http(ureq::Error),
    Spool(io::Error),
}
