//! The builder's side: an order comes in, a build is done, its outputs go out. The end of the input, at any moment,
//! ends it all.

use super::frame::{self, Frame, Stream, Writer};
use super::message::{Failed, Fetch, Frames, Garbled, Message, Order, PROTOCOL, say, stream};
use super::packages::{self, Own};
use super::sources::{self, TakeError};
use crate::build::{BuildError, Built, Event, Reports, Request, build};
use crate::definition::Definition;
use crate::pin::{LockMode, PinError};
use crate::supply::Supply;
use pintle_model::{Digest, Lock};
use pintle_resolve::lockfile;
use pintle_world::atomic::{self, AtomicError};
use pintle_world::clock::Clock;
use pintle_world::scratch::Scratch;
use pintle_world::{Progress, files, sparse};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What has come and waits, in frames.
const AHEAD: usize = 8;
/// Longest time for which news of downloads are gathered.
const NEWS: Duration = Duration::from_millis(100);

/// Nothing is sent back.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// As a build here would fail.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// What the definition copies.
    #[error(transparent)]
    Take(#[from] TakeError),
    /// The lock that was sent.
    #[error("the lock that was sent is none")]
    Lock(#[from] lockfile::LockError),
    /// What came is not an order.
    #[error("what was sent is damaged")]
    Garbled(#[from] Garbled),
    /// Files of this run.
    #[error("cannot use {}", path.display())]
    Scratch {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nobody is at the other end.
    #[error("the other side is gone")]
    Gone,
}

impl From<AtomicError> for ServeError {
    fn from(error: AtomicError) -> Self {
        BuildError::from(error).into()
    }
}

impl From<PinError> for ServeError {
    fn from(error: PinError) -> Self {
        BuildError::from(error).into()
    }
}

/// The other side, seen from the builder.
pub struct Caller<W: Write> {
    to: Mutex<Writer<W>>,
}

impl<W: Write + Send> Caller<W> {
    /// Greets.
    ///
    /// # Errors
    /// [`ServeError::Gone`].
    pub fn greet(output: W) -> Result<Self, ServeError> {
        let caller = Self { to: Mutex::new(Writer::new(output).map_err(|_| ServeError::Gone)?) };
        caller.say(&Message::Hello { protocol: PROTOCOL, pintle: env!("CARGO_PKG_VERSION").to_owned() })?;
        Ok(caller)
    }

    /// Says why there will be nothing.
    pub fn refuse(&self, failed: Failed) {
        // Who is gone need not be told.
        self.say(&Message::Failed(failed)).ok();
    }

    fn lock(&self) -> MutexGuard<'_, Writer<W>> {
        self.to.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, message: &Message) -> Result<(), ServeError> {
        say(&mut self.lock(), message).map_err(|_| ServeError::Gone)
    }
}

/// Does one build for `caller`, who speaks through `input`.
///
/// # Errors
/// [`ServeError`]; nothing but the cache is left.
pub fn serve<W: Write + Send>(
    input: impl Read + Send + 'static,
    caller: &Caller<W>,
    supply: &Supply<'_>,
) -> Result<(), ServeError> {
    let mut from = Caught { from: listen(input, supply.fetcher.canceller()) };
    let news = News { caller, clock: supply.clock, gathered: Mutex::default() };
    let supply = &Supply { progress: &news, ..*supply };
    let scratch = Scratch::new(supply.cache)
        .map_err(|source| ServeError::Scratch { path: Scratch::all(supply.cache), source })?;
    let order = match from.message()? {
        Message::Order(order) => *order,
        other => return Err(Garbled::turn(&other, "an order").into()),
    };
    let definition = sources::take(&order, &mut from, scratch.path(), supply.store)?;
    let agent = sources::take_agent(&order, &mut from, scratch.path())?;
    let lock = lockfile::parse(&order.lock)?;
    let sent = gather(&order, &definition, &lock, &mut from, caller, supply)?;
    // Everything is unpacked: this only keeps the build from asking for mirrors that are not there.
    let supply = &if sent { Supply { vendor: Some(scratch.path()), ..*supply } } else { *supply };
    let out = scratch.path().join("out");
    let built = work(&order, (&definition, agent.as_deref()), &out, caller, supply)?;
    send(built, &out, caller, supply)
}

/// Gets the packages; true when they came from the caller.
fn gather<W: Write + Send>(
    order: &Order,
    definition: &Definition,
    lock: &Lock,
    from: &mut Caught,
    caller: &Caller<W>,
    supply: &Supply<'_>,
) -> Result<bool, ServeError> {
    let Own::Lacks(lacking, reason) = packages::own(definition, lock, order.push, supply)? else {
        return Ok(false);
    };
    if !lacking.is_empty() {
        caller.say(&Message::Need { packages: lacking.clone(), reason })?;
    }
    let sizes: BTreeMap<Digest, u64> =
        lock.packages.iter().map(|package| (package.sha256, package.size)).collect();
    for wanted in lacking {
        match from.message()? {
            Message::Package { sha256 } if sha256 == wanted => {
                take_package(sha256, sizes.get(&sha256).copied().unwrap_or(0), from, supply)?;
            }
            other => return Err(Garbled::turn(&other, "a package").into()),
        }
    }
    packages::unpack_sent(lock, supply).map_err(PinError::from)?;
    Ok(true)
}

/// Takes a package into the cache.
fn take_package(sha256: Digest, size: u64, from: &mut Caught, supply: &Supply<'_>) -> Result<(), ServeError> {
    let path = supply.cache.blob(&sha256);
    let fail = |error| AtomicError::new(&path, error);
    if let Some(folder) = path.parent() {
        files::make_folder(folder).map_err(fail)?;
    }
    let file = atomic::File::create(&path)?;
    let mut writer = sparse::Writer::new(file.as_file());
    from.stream("a package", size, &mut |run| Ok(writer.add(run).map_err(fail)?))?;
    writer.finish().map_err(fail)?;
    // What arrived is what was sent; now, what was to be sent.
    let hashed = files::digest(file.as_file()).map_err(fail)?;
    pintle_model::Verified::new((), hashed, sha256)
        .map_err(|source| Garbled::Bytes { what: "a package".to_owned(), source })?;
    Ok(file.commit()?)
}

fn work<W: Write + Send>(
    order: &Order,
    (definition, agent): (&Definition, Option<&Path>),
    out: &Path,
    caller: &Caller<W>,
    supply: &Supply<'_>,
) -> Result<Built, ServeError> {
    let lock_file = out.with_file_name("pintle.lock");
    atomic::write(&lock_file, order.lock.as_bytes())?;
    let request = Request {
        definition,
        lock_file: Some(&lock_file),
        lock_mode: LockMode::Locked,
        output: out,
        shown: Path::new(&order.shown),
        formats: &order.formats,
        // Keys do not travel: who wants signatures builds at home.
        signing: None,
        reports: Reports { sbom: order.sbom.as_deref(), no_page: order.no_page },
        agent,
        checksum: order.checksum,
    };
    let mut tell = |event: Event| match event {
        // Who is gone shows when the outputs are sent, at the latest.
        Event::Note(text) => drop(caller.say(&Message::Note(text))),
        Event::Step(_) | Event::Locked(_) => {}
    };
    Ok(build(&request, supply, &mut tell)?)
}

/// Sends the outputs in the order in which they would have appeared, and the report.
fn send<W: Write + Send>(
    built: Built,
    out: &Path,
    caller: &Caller<W>,
    supply: &Supply<'_>,
) -> Result<(), ServeError> {
    let mut sent: BTreeMap<Digest, PathBuf> = BTreeMap::new();
    for output in &built.outputs {
        if output.path.is_dir() {
            let failed = |source| ServeError::Scratch { path: output.path.clone(), source };
            for file in files::files_below(&output.path).map_err(failed)? {
                send_file(&output.path.join(file), out, caller, supply)?;
            }
        } else if let Some(like) = output.sha256.as_ref().and_then(|sha256| sent.get(sha256)) {
            caller.say(&Message::Same { name: name(&output.path, out), like: name(like, out) })?;
        } else {
            send_file(&output.path, out, caller, supply)?;
            sent.extend(output.sha256.map(|sha256| (sha256, output.path.clone())));
        }
    }
    for path in built.reports.iter().map(|report| &report.path).chain([&built.manifest]) {
        send_file(path, out, caller, supply)?;
    }
    caller.say(&Message::Built(Box::new(built)))
}

fn name(path: &Path, out: &Path) -> String {
    path.strip_prefix(out).unwrap_or(path).to_string_lossy().into_owned()
}

fn send_file<W: Write + Send>(
    path: &Path,
    out: &Path,
    caller: &Caller<W>,
    supply: &Supply<'_>,
) -> Result<(), ServeError> {
    let failed = |source| ServeError::Scratch { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    caller.say(&Message::File { name: name(path, out), size })?;
    let add = |to: &mut Stream<'_, W>, run: sparse::Run<'_>| match supply.fetcher.cancelled() {
        true => Err(ServeError::Gone),
        false => to.add(run).map_err(|_| ServeError::Gone),
    };
    stream::<_, Sending>(&mut caller.lock(), |to| {
        sparse::read::<Sending>(&file, &mut |run| add(to, run).map_err(Sending::Gone))
    })
    .map(drop)
    .map_err(|error| match error {
        Sending::Gone(error) => error,
        Sending::Io(source) => failed(source),
    })
}

/// Reading a file and writing it to the other side fail for different reasons.
enum Sending {
    Gone(ServeError),
    Io(io::Error),
}

impl From<io::Error> for Sending {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Frames of the caller.
struct Caught {
    from: Receiver<Result<Frame, Garbled>>,
}

impl Frames for Caught {
    type Error = ServeError;

    fn garbled(&self, garbled: Garbled) -> ServeError {
        garbled.into()
    }

    fn frame(&mut self) -> Result<Frame, ServeError> {
        Ok(self.from.recv().map_err(|_| ServeError::Gone)??)
    }
}

/// Reads in a thread of its own, so that the end of the input is seen whatever is under way: then `cancel` is set.
fn listen(
    mut input: impl Read + Send + 'static,
    cancel: Arc<AtomicBool>,
) -> Receiver<Result<Frame, Garbled>> {
    let (sender, receiver) = sync_channel(AHEAD);
    std::thread::spawn(move || {
        loop {
            let frame = match frame::read(&mut input) {
                Ok(Some(frame)) => Ok(frame),
                Ok(None) => break,
                Err(error) => Err(error.into()),
            };
            let last = frame.is_err();
            if sender.send(frame).is_err() || last {
                break;
            }
        }
        cancel.store(true, Ordering::Relaxed);
    });
    receiver
}

/// Downloads, told to the caller: bytes are gathered for a moment, as every message is a packet.
struct News<'a, W: Write> {
    caller: &'a Caller<W>,
    clock: Clock,
    /// Bytes that were not told yet, by name, and when the last were.
    gathered: Mutex<(BTreeMap<String, u64>, Duration)>,
}

impl<W: Write + Send> News<'_, W> {
    fn tell(&self, fetch: Fetch) {
        // Who is gone shows elsewhere.
        self.caller.say(&Message::Fetch(fetch)).ok();
    }

    fn flush(&self, gathered: &mut BTreeMap<String, u64>) {
        for (name, bytes) in std::mem::take(gathered) {
            self.tell(Fetch::Advanced(name, bytes));
        }
    }
}

impl<W: Write + Send> Progress for News<'_, W> {
    fn started(&self, name: &str, bytes: u64) {
        self.tell(Fetch::Started(name.to_owned(), bytes));
    }

    fn advanced(&self, name: &str, bytes: u64) {
        let now = self.clock.elapsed();
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        *gathered.0.entry(name.to_owned()).or_default() += bytes;
        if now.saturating_sub(gathered.1) >= NEWS {
            gathered.1 = now;
            self.flush(&mut gathered.0);
        }
    }

    fn lost(&self, name: &str, bytes: u64) {
        self.tell(Fetch::Lost(name.to_owned(), bytes));
    }

    fn finished(&self, name: &str) {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = gathered.0.remove(name) {
            self.tell(Fetch::Advanced(name.to_owned(), bytes));
        }
        self.tell(Fetch::Finished(name.to_owned()));
    }

    fn note(&self, name: &str, text: &str) {
        self.tell(Fetch::Note(name.to_owned(), text.to_owned()));
    }
}
