//! The way to a builder: a login, a look at the machine, our program there, and what the two say to each other.

use super::error::{RemoteError, Trouble};
use super::frame::{self, Frame, FrameError, Writer};
use super::message::{Fetch, Frames, Garbled, Message, PROTOCOL};
use super::probe::{self, Probe};
use super::program::Program;
use super::{Builder, Traffic};
use crate::build::Event;
use crate::supply::Supply;
use pintle_world::remote_shell::{Host, RemoteShell};
use std::io::{self, BufRead as _, BufReader, Read};
use std::process::{ChildStdin, ChildStdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// How often the user's wish to stop is looked at while nothing comes.
const TICK: Duration = Duration::from_millis(100);
/// Ticks after which what ssh said is no last word.
const QUIET: u32 = 10;
/// What has come and waits, in frames.
const AHEAD: usize = 8;
/// Lines before those of our script that are kept.
const BEFORE_MAX: usize = 20;
/// Bytes of a line before the program speaks.
const LINE_MAX: u64 = 64 << 10;

/// What comes from the builder.
enum Came {
    /// A line of its shell.
    Line(String),
    /// A frame of its program.
    Frame(Frame),
    /// No frame.
    Garbled(FrameError),
}

/// An open connection to a builder whose program is ours.
pub(super) struct Link<'a> {
    shell: RemoteShell,
    /// None: closed, which ends the program there.
    to: Option<Writer<ChildStdin>>,
    from: Receiver<Came>,
    received: Arc<AtomicU64>,
    supply: &'a Supply<'a>,
    tell: &'a mut dyn FnMut(Event),
    /// Lines of standard error that were seen, that the user was told of, and for how many ticks there was no other.
    seen: usize,
    told: usize,
    quiet: u32,
    /// Lines before those of our script.
    before: Vec<String>,
    address: String,
    pub(super) traffic: Traffic,
}

impl<'a> Link<'a> {
    /// Logs in, and brings the program there unless it is there.
    pub(super) fn open(
        builder: &Builder<'_>,
        program: &Program,
        supply: &'a Supply<'a>,
        tell: &'a mut dyn FnMut(Event),
    ) -> Result<Self, RemoteError> {
        let address = builder.address.to_string();
        let host = Host {
            destination: builder.address.destination.clone(),
            port: builder.address.port,
            options: builder.options.to_vec(),
        };
        let (digest, size) = (program.digest.hex(), program.needs.size.to_string());
        // Only words of ours: nothing that the user wrote is read by a shell there.
        let command = ["exec", "sh", "-s", "--", &digest, &size];
        let (shell, input, output) = RemoteShell::open(&host, &command)
            .map_err(|error| RemoteError::new(&address, Trouble::Ssh(error)))?;
        let to = Writer::new(input).map_err(|error| RemoteError::new(&address, Trouble::Send(error)))?;
        let received = Arc::default();
        let from = listen(Counted { inner: output, count: Arc::clone(&received) });
        let traffic = Traffic { builder: address.clone(), ..Traffic::default() };
        let to = Some(to);
        let (seen, told, quiet, before) = (0, 0, 0, Vec::new());
        let mut link =
            Self { shell, to, from, received, supply, tell, seen, told, quiet, before, address, traffic };
        link.prepare(program)?;
        Ok(link)
    }

    fn prepare(&mut self, program: &Program) -> Result<(), RemoteError> {
        // A login that failed says more than that nobody reads.
        self.writer().plain(probe::SCRIPT.as_bytes()).ok();
        let probe = self.probe()?;
        probe.check(&program.needs).map_err(|unfit| self.failed(Trouble::Unfit(unfit)))?;
        self.traffic.machine = probe.to_string();
        let before = self.writer().sent();
        if probe.has_program {
            self.send(|to| to.plain(b"run\n"))?;
        } else {
            self.note(format!("{}: copying this program there, once", self.address));
            self.copy(program, &probe)?;
            self.traffic.program = self.writer().sent() - before;
        }
        loop {
            let line = self.line(Phase::Program)?;
            if line == probe::BECOMING {
                break;
            }
            if let Some(reason) = line.strip_prefix(probe::FAILED) {
                return Err(self.failed(Trouble::Program(reason.trim().to_owned())));
            }
        }
        match self.message()? {
            Message::Hello { protocol: PROTOCOL, .. } => Ok(()),
            Message::Hello { protocol, pintle } => {
                Err(self.failed(Trouble::Protocol { theirs: format!("{protocol} (pintle {pintle})") }))
            }
            other => Err(self.failed(Garbled::turn(&other, "a greeting").into())),
        }
    }

    fn probe(&mut self) -> Result<Probe, RemoteError> {
        loop {
            match self.line(Phase::Login)? {
                line if line == probe::BEGIN => break,
                line if !line.is_empty() && self.before.len() < BEFORE_MAX => self.before.push(line),
                _ => {}
            }
        }
        let mut probe = Probe::default();
        loop {
            match self.line(Phase::Program)? {
                line if line == probe::END => return Ok(probe),
                line => probe.line(&line),
            }
        }
    }

    fn copy(&mut self, program: &Program, probe: &Probe) -> Result<(), RemoteError> {
        let packed = match probe.has_gzip {
            true => program.packed(self.supply.threads),
            false => Ok(program.bytes.clone()),
        };
        let packed = packed.map_err(|error| self.failed(Trouble::Send(error)))?;
        let how = if probe.has_gzip { "gzip" } else { "plain" };
        const NAME: &str = "pintle";
        self.supply.progress.started(NAME, packed.len() as u64);
        self.send(|to| to.plain(format!("{how} {}\n", packed.len()).as_bytes()))?;
        for piece in packed.chunks(256 << 10) {
            self.send(|to| to.plain(piece))?;
            self.supply.progress.advanced(NAME, piece.len() as u64);
        }
        self.supply.progress.finished(NAME);
        Ok(())
    }

    /// The next line of the shell.
    fn line(&mut self, phase: Phase) -> Result<String, RemoteError> {
        match self.came(phase)? {
            Came::Line(line) => Ok(line),
            Came::Frame(_) => Err(self.failed(Trouble::Program("it spoke too early".to_owned()))),
            Came::Garbled(error) => Err(self.failed(Garbled::from(error).into())),
        }
    }

    fn came(&mut self, phase: Phase) -> Result<Came, RemoteError> {
        loop {
            if self.supply.fetcher.cancelled() {
                return Err(self.failed(Trouble::Stopped));
            }
            match self.from.recv_timeout(TICK) {
                Ok(came) => return Ok(came),
                Err(RecvTimeoutError::Timeout) => self.pass_on(),
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended(phase)),
            }
        }
    }

    /// Why nothing comes any more.
    fn ended(&mut self, phase: Phase) -> RemoteError {
        self.to = None;
        let status = self.shell.end();
        // Ctrl-C in a terminal reaches ssh too.
        if self.supply.fetcher.cancelled() {
            return self.failed(Trouble::Stopped);
        }
        // 255 is ssh's own: an error of the connection, or a command that a signal ended.
        let own = status.and_then(|status| status.code()).is_none_or(|code| code == 255);
        let said = self.shell.said();
        self.failed(match phase {
            Phase::Login if own => Trouble::Login { said },
            // What comes in the place of a shell says so on either stream.
            Phase::Login => Trouble::NoShell { said: self.before.iter().cloned().chain(said).collect() },
            Phase::Program | Phase::Build if own && !said.is_empty() => Trouble::Lost { said },
            Phase::Program | Phase::Build => Trouble::Ended { said },
        })
    }

    /// `trouble` with this builder.
    pub(super) fn failed(&self, trouble: Trouble) -> RemoteError {
        RemoteError::new(&self.address, trouble)
    }

    /// Says something; where nobody listens any more, why.
    pub(super) fn send<T>(
        &mut self,
        say: impl FnOnce(&mut Writer<ChildStdin>) -> io::Result<T>,
    ) -> Result<T, RemoteError> {
        let Some(to) = &mut self.to else { return Err(self.ended(Phase::Build)) };
        match say(to) {
            Ok(done) => Ok(done),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(self.last_words()),
            Err(error) => Err(self.failed(Trouble::Send(error))),
        }
    }

    /// What came before the other side stopped to listen: it may say why.
    fn last_words(&mut self) -> RemoteError {
        loop {
            match self.came(Phase::Build) {
                Err(error) => return error,
                Ok(Came::Line(line)) => {
                    if let Some(reason) = line.strip_prefix(probe::FAILED) {
                        return self.failed(Trouble::Program(reason.trim().to_owned()));
                    }
                }
                Ok(Came::Frame(Frame::Message(json))) => {
                    if let Ok(Message::Failed(failed)) = serde_json::from_slice(&json) {
                        return self.failed(Trouble::Build(failed));
                    }
                }
                Ok(_) => {}
            }
        }
    }

    fn writer(&mut self) -> &mut Writer<ChildStdin> {
        self.to.as_mut().expect("invariant: open until the link ends")
    }

    /// Bytes sent so far.
    pub(super) fn sent(&mut self) -> u64 {
        self.writer().sent()
    }

    /// The next message that is more than news; news are passed on.
    pub(super) fn answer(&mut self) -> Result<Message, RemoteError> {
        loop {
            let message = self.message()?;
            let progress = self.supply.progress;
            match message {
                Message::Note(text) => self.note(text),
                Message::Fetch(Fetch::Started(name, bytes)) => progress.started(&name, bytes),
                Message::Fetch(Fetch::Advanced(name, bytes)) => progress.advanced(&name, bytes),
                Message::Fetch(Fetch::Lost(name, bytes)) => progress.lost(&name, bytes),
                Message::Fetch(Fetch::Finished(name)) => progress.finished(&name),
                Message::Fetch(Fetch::Note(name, text)) => {
                    progress.note(&name, &format!("{text} (on the builder)"));
                }
                Message::Failed(failed) => return Err(self.failed(Trouble::Build(failed))),
                other => return Ok(other),
            }
        }
    }

    /// Tells what ssh says while nothing else comes: a key that waits to be touched. What it says last is for the error.
    fn pass_on(&mut self) {
        let said = self.shell.said();
        self.quiet = if said.len() == self.seen { self.quiet + 1 } else { 0 };
        self.seen = said.len();
        if self.quiet >= QUIET {
            for line in &said[self.told.min(said.len())..] {
                (self.tell)(Event::Note(format!("{}: {line}", self.address)));
            }
            self.told = said.len();
        }
    }

    /// Something that the user may want to know.
    pub(super) fn note(&mut self, text: String) {
        (self.tell)(Event::Note(text));
    }

    /// Hangs up; what went over the line.
    pub(super) fn close(mut self) -> Traffic {
        self.to = None;
        self.shell.end();
        Traffic { received: self.received.load(Ordering::Relaxed), ..std::mem::take(&mut self.traffic) }
    }
}

impl Drop for Link<'_> {
    /// The end of its input is what ends the program there.
    fn drop(&mut self) {
        self.to = None;
    }
}

impl Frames for Link<'_> {
    type Error = RemoteError;

    fn garbled(&self, garbled: Garbled) -> RemoteError {
        self.failed(garbled.into())
    }

    fn frame(&mut self) -> Result<Frame, RemoteError> {
        match self.came(Phase::Build)? {
            Came::Frame(frame) => Ok(frame),
            Came::Line(_) => {
                Err(self.failed(Garbled::Turn { found: "a line", expected: "a message" }.into()))
            }
            Came::Garbled(error) => Err(self.failed(Garbled::from(error).into())),
        }
    }
}

/// What is under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing came yet.
    Login,
    /// The shell speaks.
    Program,
    /// The program speaks.
    Build,
}

/// Reads in a thread of its own, so that the wish to stop is heard meanwhile. It ends when ssh does.
fn listen(from: Counted) -> Receiver<Came> {
    let (sender, receiver) = sync_channel(AHEAD);
    std::thread::spawn(move || read_all(BufReader::new(from), &sender));
    receiver
}

/// Lines until the program takes over, then frames. Who no longer receives needs no more.
fn read_all(mut from: BufReader<Counted>, to: &SyncSender<Came>) -> Option<()> {
    loop {
        let mut line = Vec::new();
        if from.by_ref().take(LINE_MAX).read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let last = line == probe::BECOMING;
        to.send(Came::Line(line)).ok()?;
        if last {
            break;
        }
    }
    loop {
        match frame::read(&mut from) {
            Ok(frame) => to.send(Came::Frame(frame?)).ok()?,
            // Cut off: the end of ssh says why.
            Err(FrameError::Truncated | FrameError::Io(_)) => return None,
            Err(error) => return to.send(Came::Garbled(error)).ok(),
        }
    }
}

/// Counts what is read.
struct Counted {
    inner: ChildStdout,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(out)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}
