//! A reader of FAT12, FAT16 and FAT32 volumes that trusts nothing it reads: for the self-check of images and for
//! config drives. Paths are UTF-8 with `/`; names match without regard to case, as FAT's do.

mod boot;
mod chain;
mod directory;

use self::boot::{Root, Shape};
use self::chain::Chain;
use self::directory::Slot;
use super::format::{ENTRY, FS_INFO_SECTOR};
use super::names::folded;
use pintle_model::{Limit, Timestamp};
use std::collections::BTreeSet;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

/// What a [`Volume`] accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// 32-byte entries in one directory: fatgen103 page 25.
    pub directory_entries: Limit,
    /// Names visited by one [`Volume::walk`], so that a small volume cannot keep a reader busy for hours.
    pub names: Limit,
    /// Nesting of directories visited by one [`Volume::walk`].
    pub depth: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            directory_entries: Limit::new(65_536, "entries in one directory"),
            names: Limit::new(1_000_000, "names in one volume"),
            depth: Limit::new(128, "nested directories"),
        }
    }
}

/// Why a volume cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The boot sector does not describe a FAT volume.
    #[error("not a FAT volume: {0}")]
    NotFat(&'static str),
    /// No such file or directory.
    #[error("`{0}` is not on the FAT volume")]
    NotFound(String),
    /// A file where a directory was asked for, or the reverse.
    #[error("`{path}` on the FAT volume is not a {wanted}")]
    Kind {
        /// The path.
        path: String,
        /// `file` or `directory`.
        wanted: &'static str,
    },
    /// A chain of clusters leaves the volume, is shorter than its file, or runs in a circle.
    #[error("damaged FAT volume: the chain of clusters from {first} {why}")]
    Chain {
        /// Its first cluster.
        first: u32,
        /// What is wrong with it.
        why: &'static str,
    },
    /// More than a limit allows.
    #[error("FAT volume refused: more than {} {}", .0.max, .0.what)]
    Limit(Limit),
    /// A file larger than the caller is ready for.
    #[error("a file of {len} bytes on the FAT volume is over the limit of {max}")]
    FileTooLarge {
        /// Its length.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// The bytes could not be read (a volume cut short ends here too) or passed on.
    #[error("reading the FAT volume at byte {at} failed")]
    Io {
        /// Byte offset in the volume.
        at: u64,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The long name where there is a good one, else the short one.
    pub name: String,
    /// The short name with its dot.
    pub short: String,
    /// True for a directory.
    pub is_directory: bool,
    /// Length in bytes; 0 for directories.
    pub len: u32,
    /// Modification time, to two seconds.
    pub mtime: Timestamp,
    pub(super) cluster: u32,
}

/// An opened volume.
#[derive(Debug)]
pub struct Volume<R> {
    reader: R,
    limits: Limits,
    shape: Shape,
    /// A piece of the table: byte offset, bytes.
    window: (u64, Vec<u8>),
}

impl<R: Read + Seek> Volume<R> {
    /// Reads the boot sector, which stands at the reader's first byte.
    ///
    /// # Errors
    /// [`ReadError::NotFat`], [`ReadError::Io`].
    pub fn open(mut reader: R, limits: Limits) -> Result<Self, ReadError> {
        let mut boot = [0; 512];
        fill(&mut reader, 0, &mut boot)?;
        let shape = Shape::parse(&boot).map_err(ReadError::NotFat)?;
        Ok(Self { reader, limits, shape, window: (0, Vec::new()) })
    }

    /// 12, 16 or 32.
    pub fn bits(&self) -> u8 {
        self.shape.bits
    }

    /// The serial number, 0 for none.
    pub fn serial(&self) -> u32 {
        self.shape.serial
    }

    /// The label: the root directory's entry, else the boot sector's; `None` for neither.
    ///
    /// # Errors
    /// As [`Volume::list`].
    pub fn label(&mut self) -> Result<Option<String>, ReadError> {
        let raw = self.directory_bytes(None)?;
        let found = directory::slots(&raw).find_map(|slot| match slot {
            Slot::Label(name) => Some(name),
            Slot::Entry(_) => None,
        });
        let text = directory::text(&found.unwrap_or(self.shape.label));
        Ok(Some(text).filter(|text| !text.is_empty() && text != "NO NAME"))
    }

    /// The entry at `path`; `None` for the root, which has none.
    ///
    /// # Errors
    /// [`ReadError::NotFound`] and those of damaged volumes.
    pub fn lookup(&mut self, path: &str) -> Result<Option<Entry>, ReadError> {
        let mut at: Option<Entry> = None;
        for name in path.split('/').filter(|name| !name.is_empty() && *name != ".") {
            let wanted = folded(name);
            let fits = |entry: &Entry| folded(&entry.name) == wanted || entry.short == wanted;
            at = match &at {
                Some(entry) if !entry.is_directory => None,
                _ => self.entries(at.as_ref())?.into_iter().find(fits),
            };
            if at.is_none() {
                return Err(ReadError::NotFound(path.to_owned()));
            }
        }
        Ok(at)
    }

    /// What is in the directory at `path`, in the order on disk, without `.` and `..`.
    ///
    /// # Errors
    /// As [`Volume::lookup`]; [`ReadError::Kind`] for a file.
    pub fn list(&mut self, path: &str) -> Result<Vec<Entry>, ReadError> {
        let entry = self.lookup(path)?;
        if entry.as_ref().is_some_and(|entry| !entry.is_directory) {
            return Err(ReadError::Kind { path: path.to_owned(), wanted: "directory" });
        }
        self.entries(entry.as_ref())
    }

    /// The bytes of the file at `path`, if it has `max` at most.
    ///
    /// # Errors
    /// As [`Volume::lookup`]; [`ReadError::Kind`] for a directory, [`ReadError::FileTooLarge`].
    pub fn read(&mut self, path: &str, max: u64) -> Result<Vec<u8>, ReadError> {
        let file = self.lookup(path)?.filter(|entry| !entry.is_directory);
        let file = file.ok_or_else(|| ReadError::Kind { path: path.to_owned(), wanted: "file" })?;
        if u64::from(file.len) > max {
            return Err(ReadError::FileTooLarge { len: file.len.into(), max });
        }
        let mut out = Vec::new();
        self.copy(&file, &mut out)?;
        Ok(out)
    }

    /// Streams the content of a file's entry into `out`.
    ///
    /// # Errors
    /// Those of damaged volumes, and of `out`.
    pub fn copy(&mut self, file: &Entry, out: &mut dyn Write) -> Result<(), ReadError> {
        let unit = self.shape.sector * self.shape.per_cluster;
        let mut left = u64::from(file.len);
        let mut buffer = vec![0; unit.min(left) as usize];
        let mut chain = Chain::new(file.cluster);
        while left > 0 {
            let short = ReadError::Chain { first: file.cluster, why: "is shorter than its file" };
            let at = chain.next(self)?.ok_or(short)?;
            let n = left.min(unit) as usize;
            fill(&mut self.reader, at, &mut buffer[..n])?;
            out.write_all(&buffer[..n]).map_err(|source| ReadError::Io { at, source })?;
            left -= n as u64;
        }
        Ok(())
    }

    /// Visits every name with its path, directories before what is in them.
    ///
    /// # Errors
    /// Those of damaged volumes; a directory met twice counts as one.
    pub fn walk(&mut self, visit: &mut dyn FnMut(&str, &Entry)) -> Result<(), ReadError> {
        let mut seen = BTreeSet::new();
        let mut names = 0;
        let root = self.entries(None)?;
        let mut todo: Vec<(String, u64, Entry)> =
            root.into_iter().rev().map(|entry| (entry.name.clone(), 1, entry)).collect();
        while let Some((path, depth, entry)) = todo.pop() {
            names += 1;
            self.within(self.limits.names, names)?;
            self.within(self.limits.depth, depth)?;
            visit(&path, &entry);
            if !entry.is_directory {
                continue;
            }
            if !seen.insert(entry.cluster) {
                return Err(ReadError::Chain { first: entry.cluster, why: "is two directories" });
            }
            let below = self.entries(Some(&entry))?;
            self.within(self.limits.names, names + (todo.len() + below.len()) as u64)?;
            todo.extend(below.into_iter().rev().map(|e| (format!("{path}/{}", e.name), depth + 1, e)));
        }
        Ok(())
    }

    /// Number of free clusters as FSInfo has it; FAT32 only.
    ///
    /// # Errors
    /// [`ReadError::Io`].
    pub fn free_clusters(&mut self) -> Result<Option<u32>, ReadError> {
        if self.shape.bits != 32 {
            return Ok(None);
        }
        let mut free = [0; 4];
        fill(&mut self.reader, u64::from(FS_INFO_SECTOR) * self.shape.sector + 488, &mut free)?;
        Ok(Some(u32::from_le_bytes(free)))
    }

    /// Names in the directory of `entry` (`None`: the root).
    pub(super) fn entries(&mut self, entry: Option<&Entry>) -> Result<Vec<Entry>, ReadError> {
        let raw = self.directory_bytes(entry)?;
        Ok(directory::slots(&raw)
            .filter_map(|slot| match slot {
                Slot::Entry(entry) => Some(entry),
                Slot::Label(_) => None,
            })
            .collect())
    }

    fn directory_bytes(&mut self, entry: Option<&Entry>) -> Result<Vec<u8>, ReadError> {
        let first = match (entry, self.shape.root) {
            (None, Root::At { offset, len }) => {
                let mut raw = vec![0; len as usize];
                fill(&mut self.reader, offset, &mut raw)?;
                return Ok(raw);
            }
            (None, Root::Cluster(cluster)) => cluster,
            (Some(entry), _) => entry.cluster,
        };
        let unit = (self.shape.sector * self.shape.per_cluster) as usize;
        let mut raw: Vec<u8> = Vec::new();
        let mut chain = Chain::new(first);
        while let Some(at) = chain.next(self)? {
            let from = raw.len();
            raw.resize(from + unit, 0);
            fill(&mut self.reader, at, &mut raw[from..])?;
            if let Some(end) = directory::end(&raw[from..]) {
                raw.truncate(from + end);
                break;
            }
            self.within(self.limits.directory_entries, (raw.len() / ENTRY) as u64)?;
        }
        Ok(raw)
    }

    fn within(&self, limit: Limit, value: u64) -> Result<(), ReadError> {
        if limit.allows(value) { Ok(()) } else { Err(ReadError::Limit(limit)) }
    }
}

fn fill<R: Read + Seek>(reader: &mut R, at: u64, out: &mut [u8]) -> Result<(), ReadError> {
    let result = reader.seek(SeekFrom::Start(at)).and_then(|_| reader.read_exact(out));
    result.map_err(|source| ReadError::Io { at, source })
}

/// Reads everything there is to read in `bytes`; what a fuzzer calls. Returns the number of names and of bytes.
///
/// # Errors
/// [`ReadError`].
pub fn explore(bytes: &[u8], limits: Limits) -> Result<(u64, u64), ReadError> {
    let mut volume = Volume::open(Cursor::new(bytes), limits)?;
    volume.label()?;
    volume.free_clusters()?;
    let mut files = Vec::new();
    volume.walk(&mut |_, entry| files.push(entry.clone()))?;
    let mut total = 0;
    for file in files.iter().filter(|file| !file.is_directory) {
        let mut data = Vec::new();
        // Files may share clusters on a damaged volume: stop when more was read than the volume holds.
        if total <= bytes.len() as u64 {
            volume.copy(file, &mut data)?;
        }
        total += data.len() as u64;
    }
    Ok((files.len() as u64, total))
}
