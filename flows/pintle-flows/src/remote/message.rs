//! What is said between the two sides, and how streams follow it.

use super::frame::{Frame, FrameError, Stream, Writer, hash};
use crate::build::Built;
use pintle_model::{Digest, DigestMismatch, Hashed, Hasher, OutputFormat, SbomFormat, System, Verified};
use pintle_world::sparse::Run;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};

/// Version of what follows. Both sides are the same file, so that another one means that something is broken.
pub(super) const PROTOCOL: u32 = 1;

/// One thing said. Streams are frames of bytes after some of them, up to [`Message::End`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Message {
    /// The builder's first words.
    Hello {
        /// [`PROTOCOL`].
        protocol: u32,
        /// Its version.
        pintle: String,
    },
    /// What to build; a stream follows for each copied file or folder.
    Order(Box<Order>),
    /// The end of a stream.
    End {
        /// What went through it.
        sha256: Digest,
    },
    /// Packages that the builder cannot get.
    Need {
        /// Their digests.
        packages: Vec<Digest>,
        /// Why not.
        reason: Option<String>,
    },
    /// One of them; a stream follows.
    Package {
        /// Its digest.
        sha256: Digest,
    },
    /// What may be worth knowing.
    Note(String),
    /// How downloads go.
    Fetch(Fetch),
    /// A file of the outputs; a stream follows.
    File {
        /// Path below the folder of the outputs.
        name: String,
        /// Its length.
        size: u64,
    },
    /// A file with the bytes of one that was sent.
    Same {
        /// Path below the folder of the outputs.
        name: String,
        /// The other's.
        like: String,
    },
    /// Everything was sent.
    Built(Box<Built>),
    /// There will be nothing.
    Failed(Failed),
}

/// All that a build reads.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    /// The evaluated definition.
    pub(super) system: System,
    /// Who asked for which package of the lock.
    pub(super) asked: BTreeMap<String, Vec<String>>,
    /// Text of the lock.
    pub(super) lock: String,
    /// The user's own recipes: names and texts.
    pub(super) recipes: BTreeMap<String, String>,
    /// What the definition copies, in the order of the streams.
    pub(super) copied: Vec<Listing>,
    /// The agent, whose stream comes after those: its size; none where the system has none.
    pub(super) agent: Option<u64>,
    /// Formats.
    pub(super) formats: Vec<OutputFormat>,
    /// Bills of materials; none: the definition's.
    pub(super) sbom: Option<Vec<SbomFormat>>,
    /// No page, whatever the definition says.
    pub(super) no_page: bool,
    /// Disks that are written as they are get a digest.
    pub(super) checksum: bool,
    /// Folder of the outputs as the user knows it.
    pub(super) shown: String,
    /// No mirror is to be asked.
    pub(super) push: bool,
}

/// Where the data of a file is: offset and length.
pub(super) type Runs = Vec<(u64, u64)>;

/// A copied file or folder: what its archive does not say.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Listing {
    /// As the definition writes it.
    pub(super) path: String,
    /// A folder.
    pub(super) is_folder: bool,
    /// Files with holes, by path.
    pub(super) sparse: Vec<(Vec<u8>, Runs)>,
}

/// How downloads go: what [`pintle_world::Progress`] is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fetch {
    /// A download begins.
    Started(String, u64),
    /// So many bytes more.
    Advanced(String, u64),
    /// So many bytes less.
    Lost(String, u64),
    /// A download is complete.
    Finished(String),
    /// A retry, another mirror.
    Note(String, String),
}

/// A failure as the other side would have reported it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Failed {
    /// The kind, which chooses the exit status.
    pub kind: String,
    /// From the outside in.
    pub messages: Vec<String>,
    /// What to do next.
    pub hints: Vec<String>,
    /// For machines.
    pub details: Option<serde_json::Value>,
}

/// What came is not what should come.
#[derive(Debug, thiserror::Error)]
pub enum Garbled {
    /// No frame.
    #[error("what came is not what was to come")]
    Frame(#[from] FrameError),
    /// Not JSON, or not of ours.
    #[error("a message cannot be read")]
    Message(#[source] serde_json::Error),
    /// Out of turn.
    #[error("{found} came where {expected} was to come")]
    Turn {
        /// What came.
        found: &'static str,
        /// What was to come.
        expected: &'static str,
    },
    /// A file that was not asked for.
    #[error("a file called `{0}` came, which nobody asked for")]
    Name(String),
    /// Other bytes.
    #[error("{what} did not arrive as it was sent")]
    Bytes {
        /// The file.
        what: String,
        /// Both digests.
        #[source]
        source: DigestMismatch,
    },
}

impl Garbled {
    /// `message` came out of turn.
    pub(super) fn turn(message: &Message, expected: &'static str) -> Self {
        let found = match message {
            Message::Hello { .. } => "a greeting",
            Message::Order(_) => "an order",
            Message::End { .. } => "the end of a file",
            Message::Need { .. } => "a list of packages",
            Message::Package { .. } => "a package",
            Message::Note(_) | Message::Fetch(_) => "news",
            Message::File { .. } | Message::Same { .. } => "a file",
            Message::Built(_) => "a report",
            Message::Failed(_) => "a failure",
        };
        Self::Turn { found, expected }
    }
}

/// Where frames come from.
pub(super) trait Frames {
    /// What goes wrong there.
    type Error;

    /// What came as an error of this side.
    fn garbled(&self, garbled: Garbled) -> Self::Error;

    /// The next one.
    fn frame(&mut self) -> Result<Frame, Self::Error>;

    /// The next one, which must be a message.
    fn message(&mut self) -> Result<Message, Self::Error> {
        match self.frame()? {
            Frame::Message(json) => self.parse(&json),
            _ => Err(self.garbled(Garbled::Turn { found: "a file", expected: "a message" })),
        }
    }

    /// A message.
    fn parse(&self, json: &[u8]) -> Result<Message, Self::Error> {
        serde_json::from_slice(json).map_err(|error| self.garbled(Garbled::Message(error)))
    }

    /// The digest of a stream called `what`, after which `json` came, is what was said.
    fn compare(&self, what: &str, hashed: Hashed, json: &[u8]) -> Result<(), Self::Error> {
        match self.parse(json)? {
            Message::End { sha256 } => Verified::new((), hashed, sha256)
                .map(Verified::into_inner)
                .map_err(|source| self.garbled(Garbled::Bytes { what: what.to_owned(), source })),
            other => Err(self.garbled(Garbled::turn(&other, "the end of a file"))),
        }
    }

    /// Gives a stream called `what`, of `len` bytes, to `each`, and compares its digest.
    fn stream(
        &mut self,
        what: &str,
        len: u64,
        each: &mut dyn FnMut(Run<'_>) -> Result<(), Self::Error>,
    ) -> Result<(), Self::Error> {
        let mut hasher = Hasher::new();
        let mut left = len;
        loop {
            let frame = self.frame()?;
            let run = match &frame {
                Frame::Data(bytes) => Run::Data(bytes),
                Frame::Zeros(len) => Run::Zeros(*len),
                Frame::Message(json) => return self.compare(what, hasher.finish(), json),
            };
            left = left.checked_sub(run.len()).ok_or_else(|| {
                self.garbled(Garbled::Turn { found: "more of a file", expected: "its end" })
            })?;
            hash(&mut hasher, run);
            each(run)?;
        }
    }
}

/// A stream as something that can be read. What goes wrong is kept, as reading only knows errors of I/O.
pub(super) struct Incoming<'a, F: Frames> {
    from: &'a mut F,
    what: &'a str,
    hasher: Hasher,
    at: Vec<u8>,
    used: usize,
    zeros: u64,
    done: bool,
    failed: Option<F::Error>,
}

impl<'a, F: Frames> Incoming<'a, F> {
    /// The stream called `what` that comes next.
    pub(super) fn new(from: &'a mut F, what: &'a str) -> Self {
        Self {
            from,
            what,
            hasher: Hasher::new(),
            at: Vec::new(),
            used: 0,
            zeros: 0,
            done: false,
            failed: None,
        }
    }

    fn next(&mut self) -> Result<(), F::Error> {
        match self.from.frame()? {
            Frame::Data(bytes) => (self.at, self.used) = (bytes, 0),
            Frame::Zeros(len) => self.zeros = len,
            Frame::Message(json) => {
                self.done = true;
                self.from.compare(self.what, std::mem::take(&mut self.hasher).finish(), &json)?;
            }
        }
        Ok(())
    }

    /// Reads up to the end; why it could not be read.
    pub(super) fn finish(mut self) -> Result<(), F::Error> {
        // What fails is in `failed`.
        let rest = io::copy(&mut self, &mut io::sink());
        match (self.failed, rest) {
            (Some(error), _) => Err(error),
            (None, Ok(_)) => Ok(()),
            (None, Err(error)) => Err(self.from.garbled(FrameError::Io(error).into())),
        }
    }
}

impl<F: Frames> Read for Incoming<'_, F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.used == self.at.len() && self.zeros == 0 && !self.done && self.failed.is_none() {
            if let Err(error) = self.next() {
                self.failed = Some(error);
            }
        }
        if self.failed.is_some() {
            return Err(io::Error::other("the stream ended"));
        }
        let n = if self.zeros > 0 {
            let n = self.zeros.min(out.len() as u64) as usize;
            out[..n].fill(0);
            self.zeros -= n as u64;
            n
        } else {
            let n = (self.at.len() - self.used).min(out.len());
            out[..n].copy_from_slice(&self.at[self.used..self.used + n]);
            self.used += n;
            n
        };
        self.hasher.update(&out[..n]);
        Ok(n)
    }
}

/// Says `message`.
pub(super) fn say<W: Write>(to: &mut Writer<W>, message: &Message) -> io::Result<()> {
    to.message(&serde_json::to_vec(message).map_err(io::Error::other)?)
}

/// Sends a stream that `write` fills, and its end.
pub(super) fn stream<W: Write, E: From<io::Error>>(
    to: &mut Writer<W>,
    write: impl FnOnce(&mut Stream<'_, W>) -> Result<(), E>,
) -> Result<Hashed, E> {
    let mut stream = Stream::new(to);
    write(&mut stream)?;
    let hashed = stream.finish()?;
    say(to, &Message::End { sha256: hashed.digest() })?;
    Ok(hashed)
}
