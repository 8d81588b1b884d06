use super::error::{Inside, NameFault, NarError};
use super::format::{MAGIC, TOKEN_MAX, padding};
use super::limits::Limits;
use pintle_model::Limit;
use std::io::{self, BufReader, Read};

/// One file, link or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Path inside, without leading slash; empty for the root. A directory comes right before what is in it.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: NodeKind,
}

/// What a [`Node`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Whether it is a program.
        executable: bool,
        /// Length in bytes.
        len: u64,
        /// Where its bytes start in the archive (`narOffset` of listings).
        offset: u64,
    },
    /// A symbolic link and its target as written.
    Symlink(Vec<u8>),
}

/// Reads an archive from front to back, node by node; as [`Read`], the bytes of the current file.
///
/// Memory is bounded by depth and name lengths, whatever the archive claims.
#[derive(Debug)]
pub struct Reader<R> {
    inner: BufReader<R>,
    limits: Limits,
    at: u64,
    state: State,
    /// Path of the current node.
    path: Vec<u8>,
    /// The directories around the current node.
    open: Vec<Open>,
    nodes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was read.
    Start,
    /// So many bytes of the current file are left.
    Data(u64),
    /// A node ended, or a directory began.
    Between,
    /// The root's end was read, and the archive's.
    Ended,
}

/// A directory whose end was not read yet.
#[derive(Debug)]
struct Open {
    /// Length of its path.
    path_len: usize,
    /// The name read last in it.
    last: Option<Vec<u8>>,
}

/// Packed bytes fetched at once.
const INPUT: usize = 64 << 10;

impl<R: Read> Reader<R> {
    /// Reads from `inner`, which gives a plain archive and nothing behind it.
    pub fn new(inner: R, limits: Limits) -> Self {
        Self {
            inner: BufReader::with_capacity(INPUT, inner),
            limits,
            at: 0,
            state: State::Start,
            path: Vec::new(),
            open: Vec::new(),
            nodes: 0,
        }
    }

    /// Bytes of the archive read so far.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// The reader below; after [`Reader::next_node`] gave `None` it was read to its end.
    pub fn into_inner(self) -> R {
        self.inner.into_inner()
    }

    /// The next node, after skipping what is left of the current one; `None` at the end of a whole archive that
    /// nothing follows.
    ///
    /// # Errors
    /// [`NarError`]. Reading on after one gives nothing of use.
    pub fn next_node(&mut self) -> Result<Option<Node>, NarError> {
        match self.state {
            State::Ended => return Ok(None),
            State::Start => {
                self.magic()?;
                return self.object().map(Some);
            }
            State::Data(_) => self.skip_rest()?,
            State::Between => {}
        }
        while let Some(open) = self.open.last() {
            let path_len = open.path_len;
            self.path.truncate(path_len);
            if self.one_of(["entry", ")"], "`entry` or `)`")? == 0 {
                self.entry()?;
                return self.object().map(Some);
            }
            self.open.pop();
            self.end_of_entry()?;
        }
        self.end_of_archive()?;
        Ok(None)
    }

    fn magic(&mut self) -> Result<(), NarError> {
        let text = self.token("`nix-archive-1`");
        match text {
            Ok(text) if text == MAGIC.as_bytes() => Ok(()),
            Ok(_) | Err(NarError::Token { .. }) => Err(NarError::NotNar),
            Err(error) => Err(error),
        }
    }

    /// Reads a node up to its bytes, target, or first entry.
    fn object(&mut self) -> Result<Node, NarError> {
        self.nodes += 1;
        self.check(self.nodes, self.limits.entries)?;
        self.expect("(", "`(`")?;
        self.expect("type", "`type`")?;
        let kinds = ["regular", "symlink", "directory"];
        let kind = match self.one_of(kinds, "`regular`, `symlink` or `directory`")? {
            0 => self.file()?,
            1 => {
                self.expect("target", "`target`")?;
                let at = self.at;
                let target = self.string(self.limits.target)?;
                if target.is_empty() || target.contains(&0) {
                    return Err(NarError::Target { at, path: self.inside() });
                }
                self.expect(")", "`)`")?;
                self.end_of_entry()?;
                NodeKind::Symlink(target)
            }
            _ => {
                self.check(self.open.len() as u64 + 1, self.limits.depth)?;
                self.open.push(Open { path_len: self.path.len(), last: None });
                self.state = State::Between;
                NodeKind::Directory
            }
        };
        Ok(Node { path: self.path.clone(), kind })
    }

    fn file(&mut self) -> Result<NodeKind, NarError> {
        let executable = self.one_of(["executable", "contents"], "`executable` or `contents`")? == 0;
        if executable {
            self.expect("", "an empty string")?;
            self.expect("contents", "`contents`")?;
        }
        let len = self.number()?;
        let offset = self.at;
        let end = len.saturating_add(offset);
        self.check(end, self.limits.size)?;
        self.state = State::Data(len);
        Ok(NodeKind::File { executable, len, offset })
    }

    /// What stands before the object of an entry.
    fn entry(&mut self) -> Result<(), NarError> {
        self.expect("(", "`(`")?;
        self.expect("name", "`name`")?;
        let at = self.at;
        let name = self.string(self.limits.name)?;
        self.check_name(at, &name)?;
        self.expect("node", "`node`")?;
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(&name);
        if let Some(open) = self.open.last_mut() {
            open.last = Some(name);
        }
        self.check(self.path.len() as u64, self.limits.path)
    }

    fn check_name(&self, at: u64, name: &[u8]) -> Result<(), NarError> {
        let why = match name {
            b"" => Some(NameFault::Empty),
            b"." | b".." => Some(NameFault::Dots),
            _ if name.contains(&b'/') => Some(NameFault::Slash),
            _ if name.contains(&0) => Some(NameFault::Nul),
            _ => None,
        };
        let shown = |name: &[u8]| name.escape_ascii().to_string();
        if let Some(why) = why {
            return Err(NarError::Name { at, path: self.inside(), name: shown(name), why });
        }
        match self.open.last().and_then(|open| open.last.as_deref()) {
            Some(before) if before == name => {
                Err(NarError::Twice { at, path: self.inside(), name: shown(name) })
            }
            Some(before) if before > name => {
                let before = shown(before);
                Err(NarError::Order { at, path: self.inside(), name: shown(name), before })
            }
            _ => Ok(()),
        }
    }

    /// The `)` of the entry that an object was in; the root is in none.
    fn end_of_entry(&mut self) -> Result<(), NarError> {
        self.state = State::Between;
        if self.open.is_empty() { Ok(()) } else { self.expect(")", "`)`") }
    }

    fn end_of_archive(&mut self) -> Result<(), NarError> {
        self.path.clear();
        let end = self.at;
        let mut more = [0];
        match self.some(&mut more)? {
            0 => self.state = State::Ended,
            _ => return Err(NarError::Trailing(end)),
        }
        Ok(())
    }

    fn skip_rest(&mut self) -> Result<(), NarError> {
        let mut waste = [0; 16 << 10];
        while self.state != State::Between {
            match self.read(&mut waste) {
                Ok(0) => self.end_of_data()?,
                Ok(_) => {}
                Err(source) => return Err(self.sort(source)),
            }
        }
        Ok(())
    }

    fn end_of_data(&mut self) -> Result<(), NarError> {
        let State::Data(0) = self.state else { return Ok(()) };
        // Every string starts at a multiple of 8, so the offset has the remainder of the length.
        self.pad(self.at)?;
        self.expect(")", "`)`")?;
        self.end_of_entry()
    }

    /// Reads one of the grammar's words and says which.
    fn one_of<const N: usize>(
        &mut self,
        words: [&str; N],
        expected: &'static str,
    ) -> Result<usize, NarError> {
        let at = self.at;
        let text = self.token(expected)?;
        let found = words.iter().position(|word| word.as_bytes() == text);
        let wrong = || NarError::Token { at, path: self.inside(), expected, found: quoted(&text) };
        found.ok_or_else(wrong)
    }

    fn expect(&mut self, word: &str, expected: &'static str) -> Result<(), NarError> {
        self.one_of([word], expected).map(drop)
    }

    fn token(&mut self, expected: &'static str) -> Result<Vec<u8>, NarError> {
        let at = self.at;
        let len = self.number()?;
        if len > TOKEN_MAX as u64 {
            let found = format!("a string of {len} bytes");
            return Err(NarError::Token { at, path: self.inside(), expected, found });
        }
        self.bytes(len)
    }

    fn string(&mut self, limit: Limit) -> Result<Vec<u8>, NarError> {
        let len = self.number()?;
        self.check(len, limit)?;
        self.bytes(len)
    }

    fn number(&mut self) -> Result<u64, NarError> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// The bytes of a string, then its padding. `len` was checked.
    fn bytes(&mut self, len: u64) -> Result<Vec<u8>, NarError> {
        let mut bytes = vec![0; len as usize];
        self.fill(&mut bytes)?;
        self.pad(len)?;
        Ok(bytes)
    }

    fn pad(&mut self, len: u64) -> Result<(), NarError> {
        let at = self.at;
        let mut zeros = [0; 8];
        let zeros = &mut zeros[..padding(len) as usize];
        self.fill(zeros)?;
        let good = zeros.iter().all(|byte| *byte == 0);
        if good { Ok(()) } else { Err(NarError::Padding { at, path: self.inside() }) }
    }

    fn fill(&mut self, mut out: &mut [u8]) -> Result<(), NarError> {
        while !out.is_empty() {
            match self.some(out)? {
                0 => return Err(NarError::Truncated { at: self.at, path: self.inside() }),
                n => out = &mut out[n..],
            }
        }
        self.check(self.at, self.limits.size)
    }

    /// One read of the inner reader, interruptions apart.
    fn some(&mut self, out: &mut [u8]) -> Result<usize, NarError> {
        loop {
            match self.inner.read(out) {
                Ok(n) => {
                    self.at += n as u64;
                    return Ok(n);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(NarError::Io { at: self.at, path: self.inside(), source }),
            }
        }
    }

    fn check(&self, value: u64, limit: Limit) -> Result<(), NarError> {
        if limit.allows(value) {
            return Ok(());
        }
        Err(NarError::Limit { at: self.at, path: self.inside(), value, limit })
    }

    fn inside(&self) -> Inside {
        Inside::new(&self.path)
    }

    /// An error of reading the current file's bytes, as a [`NarError`].
    #[must_use]
    pub fn sort(&self, source: io::Error) -> NarError {
        match source.downcast::<Wrapped>() {
            Ok(Wrapped(error)) => error,
            Err(source) => NarError::Io { at: self.at, path: self.inside(), source },
        }
    }
}

/// A string of the archive in a message: short, and on one line.
fn quoted(text: &[u8]) -> String {
    format!("`{}`", text.escape_ascii())
}

/// Carries our own error through [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Wrapped(NarError);

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let State::Data(left) = self.state else { return Ok(0) };
        let want = out.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if want == 0 {
            return Ok(0);
        }
        let wrapped = |error| io::Error::other(Wrapped(error));
        let n = self.some(&mut out[..want]).map_err(wrapped)?;
        if n == 0 {
            let path = self.inside();
            return Err(wrapped(NarError::Truncated { at: self.at, path }));
        }
        self.state = State::Data(left - n as u64);
        Ok(n)
    }
}
