use super::format::{self as f, BLOCK};
use super::pax::{BadPax, Pax};
use pintle_model::Limit;
use std::collections::BTreeMap;
use std::io::{self, Read};

/// What a reader accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of one member.
    pub size: Limit,
    /// Length of an extended header or long name, all of which is held in memory.
    pub extension: Limit,
    /// Extended headers in a row before a member.
    pub extensions: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            size: Limit::new(64 << 30, "bytes in one file"),
            extension: Limit::new(1 << 20, "bytes in an extended header"),
            extensions: Limit::new(16, "extended headers for one file"),
        }
    }
}

/// A tar is not what it should be. Offsets count unpacked bytes.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// No tar, or a damaged one.
    #[error("the header at byte {0} has a wrong checksum")]
    Checksum(u64),
    /// A field that is no number, or out of its range.
    #[error("the header at byte {at} has a bad {field} field")]
    Field {
        /// Offset of the header.
        at: u64,
        /// Which.
        field: &'static str,
    },
    /// A pax record that cannot be read.
    #[error("the pax record at byte {0} is damaged")]
    Pax(u64),
    /// Sparse files, multi-volume archives, unknown types.
    #[error("{path} at byte {at} is of a kind that is not understood (type `{kind}`)")]
    Unsupported {
        /// Offset of the header.
        at: u64,
        /// The member.
        path: String,
        /// Its type flag.
        kind: char,
    },
    /// Over a limit.
    #[error("{path} at byte {at}: {value} is over the limit of {} {}", .limit.max, .limit.what)]
    Limit {
        /// Offset of the header.
        at: u64,
        /// The member.
        path: String,
        /// What it claims.
        value: u64,
        /// The limit.
        limit: Limit,
    },
    /// The archive ends too early.
    #[error("the archive ends at byte {at}, {what}")]
    Truncated {
        /// Where.
        at: u64,
        /// Within what, or before what.
        what: String,
    },
    /// Of the reader below (usually the decompressor).
    #[error("reading failed at byte {at}")]
    Io {
        /// Where.
        at: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The kind of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryType {
    /// Regular file; its data is what the reader gives.
    File,
    /// Directory.
    Directory,
    /// Symbolic link to [`Entry::link`].
    Symlink,
    /// Another name for the earlier member [`Entry::link`].
    Hardlink,
    /// Character device.
    CharDevice,
    /// Block device.
    BlockDevice,
    /// Named pipe.
    Fifo,
}

/// A member's header, extended headers applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path as written: not checked.
    pub path: Vec<u8>,
    /// Target of a link as written.
    pub link: Vec<u8>,
    /// Kind.
    pub kind: EntryType,
    /// Permission bits, `& 0o7777`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Owner's name, may be empty.
    pub uname: String,
    /// Group's name, may be empty.
    pub gname: String,
    /// Seconds since 1970.
    pub mtime: i64,
    /// And nanoseconds.
    pub mtime_nanos: u32,
    /// Device number.
    pub major: u32,
    /// Device number.
    pub minor: u32,
    /// Length of the data (0 but for files).
    pub size: u64,
    /// Extended attributes.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Offset of the header.
    pub offset: u64,
}

/// Reads members one after another; as [`Read`], the data of the current one.
#[derive(Debug)]
pub struct Reader<R> {
    inner: R,
    limits: Limits,
    at: u64,
    /// Data bytes left of the current member.
    left: u64,
    /// Padding after it.
    pad: usize,
    global: Pax,
    name: String,
}

impl<R: Read> Reader<R> {
    /// Reads from `inner`, which gives plain tar.
    pub fn new(inner: R, limits: Limits) -> Self {
        Self { inner, limits, at: 0, left: 0, pad: 0, global: Pax::default(), name: String::new() }
    }

    /// Unpacked bytes read so far.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// The next member, after skipping what is left of the current one; `None` at the archive's end.
    /// After that, everything below was read to its end, so its checksums were checked.
    ///
    /// # Errors
    /// [`TarError`].
    pub fn next_entry(&mut self) -> Result<Option<Entry>, TarError> {
        self.skip_rest()?;
        let mut pax = self.global.clone();
        let (mut name, mut link) = (None, None);
        for _ in 0..=self.limits.extensions.max {
            let start = self.at;
            let Some(block) = self.header()? else { return Ok(None) };
            match block[f::TYPE] {
                b'x' => {
                    let data = self.extension(&block, start, "a pax header")?;
                    add(&mut pax, &data, start)?;
                }
                b'g' => {
                    let data = self.extension(&block, start, "a global pax header")?;
                    add(&mut self.global, &data, start)?;
                    add(&mut pax, &data, start)?;
                }
                b'L' => name = Some(self.extension(&block, start, "a long name")?),
                b'K' => link = Some(self.extension(&block, start, "a long link target")?),
                _ => {
                    pax.path = pax.path.or(name.map(cut_at_nul));
                    pax.link = pax.link.or(link.map(cut_at_nul));
                    return self.entry(&block, pax, start).map(Some);
                }
            }
        }
        let limit = self.limits.extensions;
        Err(TarError::Limit { at: self.at, path: "the next file".to_owned(), value: limit.max + 1, limit })
    }

    fn entry(&mut self, block: &[u8; BLOCK], pax: Pax, at: u64) -> Result<Entry, TarError> {
        let bad = |field| TarError::Field { at, field };
        let path = pax.path.unwrap_or_else(|| header_path(block));
        self.name = String::from_utf8_lossy(&path[..path.len().min(300)]).into_owned();
        let field = |range: std::ops::Range<usize>, name| f::number(&block[range]).ok_or_else(|| bad(name));
        let id = |value: Option<u64>, range, name| match value {
            Some(value) => u32::try_from(value).map_err(|_| bad(name)),
            None => u32::try_from(field(range, name)?).map_err(|_| bad(name)),
        };
        let kind = self.kind_of(block[f::TYPE], &path, pax.sparse, at)?;
        let stored = match pax.size {
            Some(size) => size,
            None => u64::try_from(field(f::SIZE, "size")?).map_err(|_| bad("size"))?,
        };
        // Hard links in pax archives may carry data; for other kinds the field has no meaning (tar(5)).
        let size = if matches!(kind, EntryType::File | EntryType::Hardlink) { stored } else { 0 };
        self.allow(size, self.limits.size, at)?;
        let is_device = matches!(kind, EntryType::CharDevice | EntryType::BlockDevice);
        let device = |range, name| if is_device { id(None, range, name) } else { Ok(0) };
        let text = |given: Option<Vec<u8>>, range| {
            let bytes = given.unwrap_or_else(|| f::text(&block[range]).to_vec());
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (mtime, mtime_nanos) = match pax.mtime {
            Some(time) => time,
            None => (field(f::MTIME, "time")?, 0),
        };
        let entry = Entry {
            link: pax.link.unwrap_or_else(|| f::text(&block[f::LINK]).to_vec()),
            kind,
            mode: (field(f::MODE, "mode")? & 0o7777) as u16,
            uid: id(pax.uid, f::UID, "owner")?,
            gid: id(pax.gid, f::GID, "group")?,
            uname: text(pax.uname, f::UNAME),
            gname: text(pax.gname, f::GNAME),
            mtime,
            mtime_nanos,
            major: device(f::MAJOR, "device")?,
            minor: device(f::MINOR, "device")?,
            size: if kind == EntryType::File { size } else { 0 },
            xattrs: pax.xattrs,
            offset: at,
            path,
        };
        self.left = size;
        self.pad = (size.next_multiple_of(BLOCK as u64) - size) as usize;
        Ok(entry)
    }

    fn kind_of(&self, flag: u8, path: &[u8], sparse: bool, at: u64) -> Result<EntryType, TarError> {
        Ok(match flag {
            _ if sparse => return Err(self.unsupported(b'S', at)),
            // The seventh edition had no type for directories.
            b'0' | 0 | b'7' if path.ends_with(b"/") => EntryType::Directory,
            b'0' | 0 | b'7' => EntryType::File,
            b'1' => EntryType::Hardlink,
            b'2' => EntryType::Symlink,
            b'3' => EntryType::CharDevice,
            b'4' => EntryType::BlockDevice,
            b'5' => EntryType::Directory,
            b'6' => EntryType::Fifo,
            other => return Err(self.unsupported(other, at)),
        })
    }

    fn unsupported(&self, kind: u8, at: u64) -> TarError {
        TarError::Unsupported { at, path: self.name.clone(), kind: char::from(kind) }
    }

    fn allow(&self, value: u64, limit: Limit, at: u64) -> Result<(), TarError> {
        if limit.allows(value) {
            return Ok(());
        }
        Err(TarError::Limit { at, path: self.name.clone(), value, limit })
    }

    /// The next header block; `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        let start = self.at;
        let mut block = [0; BLOCK];
        self.fill(&mut block, || "before its end mark".to_owned())?;
        if block.iter().all(|b| *b == 0) {
            self.drain()?;
            return Ok(None);
        }
        if f::checksum_is_right(&block) { Ok(Some(block)) } else { Err(TarError::Checksum(start)) }
    }

    /// The data of an extended header.
    fn extension(&mut self, block: &[u8; BLOCK], at: u64, what: &'static str) -> Result<Vec<u8>, TarError> {
        let bad = TarError::Field { at, field: "size" };
        let Some(size) = f::number(&block[f::SIZE]).and_then(|size| u64::try_from(size).ok()) else {
            return Err(bad);
        };
        what.clone_into(&mut self.name);
        self.allow(size, self.limits.extension, at)?;
        let mut data = vec![0; size.next_multiple_of(BLOCK as u64) as usize];
        self.fill(&mut data, || format!("within {what}"))?;
        data.truncate(size as usize);
        Ok(data)
    }

    fn skip_rest(&mut self) -> Result<(), TarError> {
        let mut waste = [0; 16 << 10];
        while self.left > 0 {
            self.read(&mut waste).map_err(|source| self.sort(source))?;
        }
        let pad = std::mem::take(&mut self.pad);
        let name = format!("within {}", self.name);
        self.fill(&mut waste[..pad], || name)
    }

    /// Reads what follows the end mark: more zeros, in whole records.
    fn drain(&mut self) -> Result<(), TarError> {
        let mut waste = [0; 16 << 10];
        loop {
            match self.inner.read(&mut waste) {
                Ok(0) => return Ok(()),
                Ok(n) => self.at += n as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(TarError::Io { at: self.at, source }),
            }
        }
    }

    fn fill(&mut self, mut out: &mut [u8], what: impl FnOnce() -> String) -> Result<(), TarError> {
        while !out.is_empty() {
            match self.inner.read(out) {
                Ok(0) => return Err(TarError::Truncated { at: self.at, what: what() }),
                Ok(n) => {
                    self.at += n as u64;
                    out = &mut out[n..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(TarError::Io { at: self.at, source }),
            }
        }
        Ok(())
    }

    /// An error of reading the current member's data, as a [`TarError`].
    #[must_use]
    pub fn sort(&self, source: io::Error) -> TarError {
        let at = self.at;
        match source.get_ref() {
            Some(inner) if inner.is::<EndsWithin>() => {
                TarError::Truncated { at, what: format!("within {}", self.name) }
            }
            _ => TarError::Io { at, source },
        }
    }
}

/// Marks the end of input within a member, apart from the same error of the decompressor.
#[derive(Debug, thiserror::Error)]
#[error("the archive ends within a file")]
struct EndsWithin;

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let want = out.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if want == 0 {
            return Ok(0);
        }
        let n = loop {
            match self.inner.read(&mut out[..want]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if n == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, EndsWithin));
        }
        self.at += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}

fn add(pax: &mut Pax, data: &[u8], header_at: u64) -> Result<(), TarError> {
    pax.add(data).map_err(|BadPax(at)| TarError::Pax(header_at + BLOCK as u64 + at as u64))
}

fn cut_at_nul(mut name: Vec<u8>) -> Vec<u8> {
    name.truncate(f::text(&name).len());
    name
}

fn header_path(block: &[u8; BLOCK]) -> Vec<u8> {
    let name = f::text(&block[f::NAME]);
    let prefix = f::text(&block[f::PREFIX]);
    if &block[f::MAGIC] == f::USTAR && !prefix.is_empty() {
        [prefix, b"/", name].concat()
    } else {
        name.to_vec()
    }
}
