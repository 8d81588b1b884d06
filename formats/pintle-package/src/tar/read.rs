use super::entry::{Entry, EntryType, Limits, TarError};
use super::format::{self as f, BLOCK};
use super::pax::{BadPax, Pax};
use super::sparse::{self, Sparse};
use pintle_model::Limit;
use std::io::{self, Read};

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
                // Solaris wrote its own letter before POSIX had one.
                b'x' | b'X' => {
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
                // The label of the archive.
                b'V' => {}
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
        let kind = self.kind_of(block[f::TYPE], &path, at)?;
        let stored = match pax.size {
            Some(size) => size,
            None => u64::try_from(field(f::SIZE, "size")?).map_err(|_| bad("size"))?,
        };
        // Hard links in pax archives may carry data, and GNU's directories a list of names; for other kinds the
        // field has no meaning (tar(5)).
        let has_data = matches!(kind, EntryType::File | EntryType::Hardlink) || block[f::TYPE] == b'D';
        let size = if has_data { stored } else { 0 };
        self.allow(size, self.limits.size, at)?;
        let old = block[f::TYPE] == sparse::TYPE;
        if (old || pax.sparse.is_some()) && self.limits.runs.max == 0 {
            return Err(self.unsupported(sparse::TYPE, at));
        }
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
        let mut entry = Entry {
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
            runs: None,
            xattrs: pax.xattrs,
            offset: at,
            path,
        };
        let map = if old { Some(self.old_map(block)?) } else { pax.sparse };
        self.left = size;
        self.pad = (size.next_multiple_of(BLOCK as u64) - size) as usize;
        if let (Some(map), EntryType::File) = (map, kind) {
            self.sparse(map, &mut entry)?;
        }
        Ok(entry)
    }

    /// The runs of a file in GNU's old format: in the header, and in blocks behind it.
    fn old_map(&mut self, header: &[u8; BLOCK]) -> Result<Sparse, TarError> {
        let at = self.at;
        let bad = || TarError::Field { at, field: "sparse" };
        let (mut map, mut more) = Sparse::of_header(header).ok_or_else(bad)?;
        while more {
            let mut block = [0; BLOCK];
            self.fill(&mut block, || "within a list of holes".to_owned())?;
            more = map.add_block(&block).ok_or_else(bad)?;
            self.allow(map.runs(), self.limits.runs, at)?;
        }
        Ok(map)
    }

    /// Reads the runs that stand before the data (version 1.0), checks them, and says so in `entry`.
    fn sparse(&mut self, mut map: Sparse, entry: &mut Entry) -> Result<(), TarError> {
        let damaged = |path: &str| TarError::Sparse { at: entry.offset, path: path.to_owned() };
        if map.is_before_data() {
            let max = self.limits.runs.max;
            match map.read(&mut *self, max) {
                Ok(Some(())) => {}
                Err(source) if self.left > 0 => return Err(self.sort(source)),
                _ => return Err(damaged(&self.name)),
            }
        }
        self.allow(map.runs(), self.limits.runs, entry.offset)?;
        self.allow(map.size(), self.limits.sparse, entry.offset)?;
        entry.size = map.size();
        entry.runs = Some(map.checked(self.left).ok_or_else(|| damaged(&self.name))?);
        if let Some(name) = map.name {
            entry.path = name;
        }
        Ok(())
    }

    fn kind_of(&self, flag: u8, path: &[u8], at: u64) -> Result<EntryType, TarError> {
        Ok(match flag {
            // The seventh edition had no type for directories.
            b'0' | 0 | b'7' if path.ends_with(b"/") => EntryType::Directory,
            b'0' | 0 | b'7' | sparse::TYPE => EntryType::File,
            b'1' => EntryType::Hardlink,
            b'2' => EntryType::Symlink,
            b'3' => EntryType::CharDevice,
            b'4' => EntryType::BlockDevice,
            b'5' | b'D' => EntryType::Directory,
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
