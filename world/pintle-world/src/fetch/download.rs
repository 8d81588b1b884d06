//! One download, with its attempts.

use super::attempt::{Failure, Patience, ask, is_encoded, is_web_page};
use super::mirror::{Location, without_password};
use super::{Expected, FetchError, Fetcher, Mirror, Progress};
use crate::atomic::AtomicError;
use pintle_model::{Hasher, Verified};
use std::fs::{self, File};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes read from the network at once.
const CHUNK: usize = 64 << 10;
pub(super) fn fetch(
    fetcher: &Fetcher,
    mirror: &Mirror,
    path: &str,
    expected: Expected,
    progress: &dyn Progress,
) -> Result<Verified<PathBuf>, FetchError> {
    let name = path.rsplit('/').next().unwrap_or(path);
    progress.started(name, expected.size);
    let found = match mirror.locate(path)? {
        Location::File(file) => local(fetcher, &file, expected, (name, progress))?,
        Location::Url(url) => Download::new(fetcher, &url, expected, (name, progress)).run()?,
    };
    progress.finished(name);
    Ok(found)
}

pub(super) fn get(fetcher: &Fetcher, mirror: &Mirror, path: &str, max: u64) -> Result<Vec<u8>, FetchError> {
    let url = match mirror.locate(path)? {
        Location::File(file) => {
            let open = File::open(&file).map_err(|error| local_error(&file, error))?;
            return take(open, max)
                .map_err(|error| local_error(&file, error))?
                .ok_or(FetchError::TooLarge { url: file.display().to_string(), max });
        }
        Location::Url(url) => url,
    };
    let shown = without_password(&url);
    if fetcher.settings.offline {
        return Err(FetchError::Offline(shown));
    }
    let mut patience = Patience::new(fetcher, &shown);
    loop {
        let attempt = || -> Result<Vec<u8>, Failure> {
            let response = ask(&fetcher.http, &url, &shown, 0)?;
            if is_encoded(&response) {
                return Err(FetchError::Encoded(shown.clone()).into());
            }
            let bytes =
                take(response.into_body().into_reader(), max).map_err(|e| Failure::passing(e.into()))?;
            let bytes = bytes.ok_or_else(|| FetchError::TooLarge { url: shown.clone(), max })?;
            if is_web_page(&bytes) {
                return Err(FetchError::WebPage(shown.clone()).into());
            }
            Ok(bytes)
        };
        match attempt() {
            Ok(bytes) => return Ok(bytes),
            Err(failure) => patience.after(failure, 0)?,
        }
    }
}

/// Everything, or `None` if it is more than `max` bytes.
fn take(reader: impl Read, max: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    reader.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 <= max))
}

type Told<'a> = (&'a str, &'a dyn Progress);

/// A file of a local mirror: checked where it is.
fn local(
    fetcher: &Fetcher,
    path: &Path,
    expected: Expected,
    (name, progress): Told,
) -> Result<Verified<PathBuf>, FetchError> {
    let file = File::open(path).map_err(|error| local_error(path, error))?;
    let actual = file.metadata().map_err(|error| local_error(path, error))?.len();
    let url = path.display().to_string();
    if actual != expected.size {
        return Err(FetchError::Size { url, expected: expected.size, actual });
    }
    let mut hasher = Hasher::new();
    hash(fetcher, file, &mut hasher, |n| progress.advanced(name, n))?
        .map_err(|error| local_error(path, error))?;
    Verified::new(path.to_owned(), hasher.finish(), expected.sha256)
        .map_err(|source| FetchError::Mismatch { url, source })
}

fn local_error(path: &Path, source: io::Error) -> FetchError {
    if source.kind() == io::ErrorKind::NotFound {
        return FetchError::NotFound(path.display().to_string());
    }
    FetchError::Local { path: path.to_owned(), source }
}

fn hash(
    fetcher: &Fetcher,
    mut file: impl Read,
    hasher: &mut Hasher,
    mut told: impl FnMut(u64),
) -> Result<io::Result<()>, FetchError> {
    let mut buffer = vec![0; CHUNK];
    loop {
        if fetcher.cancelled() {
            return Err(FetchError::Cancelled);
        }
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Ok(())),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                told(n as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// A download into the cache.
struct Download<'a> {
    fetcher: &'a Fetcher,
    url: &'a str,
    shown: String,
    expected: Expected,
    told: Told<'a>,
}

/// The growing file, locked against other processes, with the hash of what it holds.
struct Partial {
    file: File,
    path: PathBuf,
    hasher: Hasher,
    /// Some of it is not from this attempt alone.
    resumed: bool,
    /// Bytes that progress was told of.
    told: u64,
}

impl<'a> Download<'a> {
    fn new(fetcher: &'a Fetcher, url: &'a str, expected: Expected, told: Told<'a>) -> Self {
        Self { fetcher, url, shown: without_password(url), expected, told }
    }

    fn run(&self) -> Result<Verified<PathBuf>, FetchError> {
        let blob = self.fetcher.cache.blob(&self.expected.sha256);
        if let Some(found) = self.cached(&blob)? {
            return Ok(found);
        }
        if self.fetcher.settings.offline {
            return Err(FetchError::Offline(self.shown.clone()));
        }
        let mut partial = self.open_partial()?;
        // Another process may have finished it while this one waited for the lock.
        if let Some(found) = self.cached(&blob)? {
            return Ok(found);
        }
        self.take_up(&mut partial)?;
        loop {
            self.complete(&mut partial)?;
            let hashed = std::mem::take(&mut partial.hasher).finish();
            match Verified::new(blob.clone(), hashed, self.expected.sha256) {
                Ok(verified) => return self.publish(&partial, verified),
                // The part from an earlier run may have been of another file: once more, from nothing.
                Err(_) if partial.resumed => self.start_over(&mut partial)?,
                Err(source) => {
                    fs::remove_file(&partial.path).map_err(|error| self.cache_error(&partial.path, error))?;
                    return Err(FetchError::Mismatch { url: self.shown.clone(), source });
                }
            }
        }
    }

    /// The blob, if it is in the cache and still what it was; a damaged one is removed.
    fn cached(&self, blob: &Path) -> Result<Option<Verified<PathBuf>>, FetchError> {
        let fail = |error| self.cache_error(blob, error);
        let file = match File::open(blob) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fail(error)),
        };
        let mut hasher = Hasher::new();
        hash(self.fetcher, file, &mut hasher, |_| {})?.map_err(fail)?;
        match Verified::new(blob.to_owned(), hasher.finish(), self.expected.sha256) {
            Ok(found) => {
                self.told.1.advanced(self.told.0, self.expected.size);
                Ok(Some(found))
            }
            Err(_) => {
                fs::remove_file(blob).map_err(fail)?;
                Ok(None)
            }
        }
    }

    /// Opens and locks the growing file, waiting while another process has it.
    fn open_partial(&self) -> Result<Partial, FetchError> {
        let path = self.fetcher.cache.partial(&self.expected.sha256);
        let fail = |error| self.cache_error(&path, error);
        let patience = Patience::new(self.fetcher, &self.shown);
        loop {
            let file = File::options().read(true).append(true).create(true).open(&path).map_err(fail)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(fs::TryLockError::WouldBlock) => {
                    patience.wait(Duration::from_millis(50))?;
                    continue;
                }
                Err(fs::TryLockError::Error(error)) => return Err(fail(error)),
            }
            // Its last owner may have renamed or removed it after it was opened here.
            let ours = file.metadata().map_err(fail)?.ino();
            if fs::metadata(&path).is_ok_and(|there| there.ino() == ours) {
                return Ok(Partial { file, path, hasher: Hasher::new(), resumed: false, told: 0 });
            }
        }
    }

    /// Hashes what an earlier run left.
    fn take_up(&self, partial: &mut Partial) -> Result<(), FetchError> {
        let path = partial.path.clone();
        let fail = |error| self.cache_error(&path, error);
        let len = partial.file.metadata().map_err(fail)?.len();
        if len > self.expected.size {
            return self.start_over(partial);
        }
        let (name, progress) = self.told;
        hash(self.fetcher, &partial.file, &mut partial.hasher, |n| progress.advanced(name, n))?
            .map_err(fail)?;
        partial.told = len;
        partial.resumed = len > 0;
        Ok(())
    }

    fn start_over(&self, partial: &mut Partial) -> Result<(), FetchError> {
        let path = partial.path.clone();
        let fail = |error| self.cache_error(&path, error);
        partial.file.set_len(0).map_err(fail)?;
        partial.file.seek(SeekFrom::Start(0)).map_err(fail)?;
        partial.hasher = Hasher::new();
        partial.resumed = false;
        self.told.1.lost(self.told.0, std::mem::take(&mut partial.told));
        Ok(())
    }

    /// Attempts until the file has its full length.
    fn complete(&self, partial: &mut Partial) -> Result<(), FetchError> {
        let mut patience = Patience::new(self.fetcher, &self.shown);
        loop {
            let before = partial.hasher.len();
            if before == self.expected.size {
                return Ok(());
            }
            if let Err(failure) = self.attempt(partial) {
                let gained = partial.hasher.len().saturating_sub(before);
                patience.after(failure, gained)?;
                self.told.1.note(self.told.0, &format!("trying again from byte {}", partial.hasher.len()));
            }
        }
    }

    fn attempt(&self, partial: &mut Partial) -> Result<(), Failure> {
        let from = partial.hasher.len();
        let response = ask(&self.fetcher.http, self.url, &self.shown, from)?;
        let status = response.status().as_u16();
        if from > 0 {
            if status == 206 && range_start(&response) == Some(from) {
                partial.resumed = true;
            } else {
                self.start_over(partial)?;
                if status != 200 {
                    return Ok(()); // the next attempt asks for the whole
                }
            }
        } else if status != 200 {
            return Err(FetchError::Status { url: self.shown.clone(), status }.into());
        }
        let have = partial.hasher.len();
        let announced = response.body().content_length().map(|length| have + length);
        let encoded = is_encoded(&response);
        self.receive(partial, response.into_body().into_reader(), announced).map_err(
            |failure| match failure {
                Failure::Final(FetchError::Size { url, .. }) if encoded => FetchError::Encoded(url).into(),
                other => other,
            },
        )
    }

    fn receive(
        &self,
        partial: &mut Partial,
        mut body: impl Read,
        announced: Option<u64>,
    ) -> Result<(), Failure> {
        let size = self.expected.size;
        let wrong = |actual| FetchError::Size { url: self.shown.clone(), expected: size, actual };
        let mut buffer = vec![0; CHUNK];
        loop {
            if self.fetcher.cancelled() {
                return Err(FetchError::Cancelled.into());
            }
            let n = match body.read(&mut buffer) {
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::passing(error.into())),
            };
            if partial.hasher.is_empty() && is_web_page(&buffer[..n]) {
                return Err(FetchError::WebPage(self.shown.clone()).into());
            }
            if let Some(announced) = announced.filter(|announced| *announced != size) {
                return Err(wrong(announced).into());
            }
            if n == 0 && partial.hasher.len() < size {
                return Err(Failure::passing(io::Error::from(io::ErrorKind::UnexpectedEof).into()));
            }
            if partial.hasher.len() + n as u64 > size {
                return Err(wrong(partial.hasher.len() + n as u64).into());
            }
            if n == 0 {
                return Ok(());
            }
            partial.file.write_all(&buffer[..n]).map_err(|error| self.cache_error(&partial.path, error))?;
            partial.hasher.update(&buffer[..n]);
            partial.told += n as u64;
            self.told.1.advanced(self.told.0, n as u64);
        }
    }

    /// Gives the verified file its place in the cache.
    fn publish(&self, partial: &Partial, blob: Verified<PathBuf>) -> Result<Verified<PathBuf>, FetchError> {
        let fail = |error| self.cache_error(blob.get(), error);
        if let Some(folder) = blob.get().parent() {
            fs::create_dir_all(folder).map_err(fail)?;
        }
        fs::rename(&partial.path, blob.get()).map_err(fail)?;
        Ok(blob)
    }

    fn cache_error(&self, path: &Path, error: io::Error) -> FetchError {
        FetchError::Cache { url: self.shown.clone(), source: AtomicError::new(path, error) }
    }
}

/// The first byte of a `Content-Range: bytes 100-199/200`.
fn range_start(response: &ureq::http::Response<ureq::Body>) -> Option<u64> {
    let text = response.headers().get("Content-Range")?.to_str().ok()?;
    text.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}
