//! A reader of FAT12, FAT16 and FAT32 volumes that trusts nothing it reads: for the self-check of images and for
//! config drives. Paths are UTF-8 with `/`; names match without regard to case, as FAT's do.

use super::directory::{self, Slot};
use super::format::{self, ENTRY, FS_INFO_SECTOR};
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
    sector: u64,
    per_cluster: u64,
    /// Byte offset of the first table.
    table: u64,
    bits: u8,
    root: Root,
    /// Byte offset of cluster 2.
    data: u64,
    clusters: u32,
    serial: u32,
    label: [u8; 11],
    /// A piece of the table: byte offset, bytes.
    window: (u64, Vec<u8>),
}

/// Where the root directory stands.
#[derive(Clone, Copy, Debug)]
enum Root {
    At { offset: u64, len: u64 },
    Cluster(u32),
}

impl<R: Read + Seek> Volume<R> {
    /// Reads the boot sector, which stands at the reader's first byte.
    ///
    /// # Errors
    /// [`ReadError::NotFat`], [`ReadError::Io`].
    pub fn open(mut reader: R, limits: Limits) -> Result<Self, ReadError> {
        let mut boot = [0; 512];
        fill(&mut reader, 0, &mut boot)?;
        let u16_at = |at: usize| u64::from(u16::from_le_bytes([boot[at], boot[at + 1]]));
        let u32_at = |at: usize| u32::from_le_bytes([boot[at], boot[at + 1], boot[at + 2], boot[at + 3]]);
        let either = |small: u64, large: u32| if small == 0 { u64::from(large) } else { small };
        check(boot[510..] == format::BOOT_SIGNATURE, "no boot signature")?;
        check(matches!(boot[0], 0xEB | 0xE9), "no jump instruction")?;
        let (sector, per_cluster) = (u16_at(11), u64::from(boot[13]));
        check(matches!(sector, 512 | 1024 | 2048 | 4096), "bad sector size")?;
        check(per_cluster.is_power_of_two(), "bad cluster size")?;
        let (reserved, tables, root_entries) = (u16_at(14), u64::from(boot[16]), u16_at(17));
        check(reserved > 0 && (1..=4).contains(&tables), "bad number of tables")?;
        let table_len = either(u16_at(22), u32_at(36));
        let root_len = (root_entries * ENTRY as u64).next_multiple_of(sector);
        // At most 2^16 + 2^34 sectors of 2^12 bytes: none of this overflows.
        let data = (reserved + tables * table_len) * sector + root_len;
        let room = (either(u16_at(19), u32_at(32)) * sector).checked_sub(data);
        let clusters = room.ok_or(ReadError::NotFat("no room for data"))? / (sector * per_cluster);
        check((1..=0x0FFF_FFF4).contains(&clusters), "bad number of clusters")?;
        let bits = match clusters {
            ..4085 => 12,
            4085..65_525 => 16,
            _ => 32,
        };
        check((clusters + 2) * u64::from(bits) <= table_len * sector * 8, "the table is too short")?;
        let tail = if bits == 32 { 64 } else { 36 };
        let signed = boot[tail + 2] == 0x29;
        let mut label = [b' '; 11];
        if signed {
            label.copy_from_slice(&boot[tail + 7..tail + 18]);
        }
        let root = match bits {
            32 => Root::Cluster(u32_at(44)),
            _ => Root::At { offset: data - root_len, len: root_entries * ENTRY as u64 },
        };
        Ok(Self {
            reader,
            limits,
            sector,
            per_cluster,
            table: reserved * sector,
            bits,
            root,
            data,
            clusters: clusters as u32,
            serial: if signed { u32_at(tail + 3) } else { 0 },
            label,
            window: (0, Vec::new()),
        })
    }

    /// 12, 16 or 32.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// The serial number, 0 for none.
    pub fn serial(&self) -> u32 {
        self.serial
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
        let text = directory::text(&found.unwrap_or(self.label));
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
        let unit = self.sector * self.per_cluster;
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
        if self.bits != 32 {
            return Ok(None);
        }
        let mut free = [0; 4];
        fill(&mut self.reader, u64::from(FS_INFO_SECTOR) * self.sector + 488, &mut free)?;
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
        let first = match (entry, self.root) {
            (None, Root::At { offset, len }) => {
                let mut raw = vec![0; len as usize];
                fill(&mut self.reader, offset, &mut raw)?;
                return Ok(raw);
            }
            (None, Root::Cluster(cluster)) => cluster,
            (Some(entry), _) => entry.cluster,
        };
        let unit = (self.sector * self.per_cluster) as usize;
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

    /// The table's entry for `cluster`, which must be one of the volume.
    fn table_entry(&mut self, cluster: u32) -> Result<u32, ReadError> {
        /// FAT12 entries cross any even boundary, so a window holds one byte more than its step.
        const STEP: u64 = 4096;
        let offset = u64::from(cluster) * u64::from(self.bits) / 8;
        let from = offset / STEP * STEP;
        if self.window.1.is_empty() || self.window.0 != from {
            let len = (u64::from(self.clusters + 2) * u64::from(self.bits)).div_ceil(8);
            let mut bytes = vec![0; (len - from).min(STEP + 1) as usize];
            fill(&mut self.reader, self.table + from, &mut bytes)?;
            self.window = (from, bytes);
        }
        let byte = |n: u64| u32::from(self.window.1.get((offset - from + n) as usize).copied().unwrap_or(0));
        let low = byte(0) | byte(1) << 8;
        Ok(match self.bits {
            12 if cluster % 2 == 1 => low >> 4,
            12 => low & 0xFFF,
            16 => low,
            _ => (low | byte(2) << 16 | byte(3) << 24) & 0x0FFF_FFFF,
        })
    }
}

/// A walk along a chain; counts its steps, so it ends.
struct Chain {
    first: u32,
    next: Option<u32>,
    steps: u32,
}

impl Chain {
    fn new(first: u32) -> Self {
        Self { first, next: Some(first), steps: 0 }
    }

    /// Byte offset of the next cluster; `None` at the end of the chain.
    fn next<R: Read + Seek>(&mut self, volume: &mut Volume<R>) -> Result<Option<u64>, ReadError> {
        let bad = |why| Err(ReadError::Chain { first: self.first, why });
        let Some(cluster) = self.next else { return Ok(None) };
        if cluster < 2 || cluster - 2 >= volume.clusters {
            return bad("leaves the volume");
        }
        if self.steps >= volume.clusters {
            return bad("runs in a circle");
        }
        self.steps += 1;
        // The last eight values of each width mean "end"; the one below them is a bad cluster.
        let end = (0x0FFF_FFF8u32) & (u32::MAX >> (32 - u32::from(volume.bits)));
        let next = volume.table_entry(cluster)?;
        self.next = (next < end).then_some(next);
        Ok(Some(volume.data + u64::from(cluster - 2) * volume.per_cluster * volume.sector))
    }
}

fn check(good: bool, why: &'static str) -> Result<(), ReadError> {
    if good { Ok(()) } else { Err(ReadError::NotFat(why)) }
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
