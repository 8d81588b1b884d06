//! A reader that trusts nothing: both copies are checked, the backup stands in for a damaged primary.

use super::Partition;
use super::format::{Header, parse_entry};
use super::write::pair;
use crate::mbr;
use pintle_model::Limit;
use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use uuid::Uuid;

/// Entries of a table; every tool writes 128.
const ENTRIES: Limit = Limit::new(1024, "entries in a partition table");
/// Bytes of an entry; every tool writes 128.
const ENTRY: Limit = Limit::new(4096, "bytes in a partition entry");

/// What a disk says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Identity of the disk.
    pub disk: Uuid,
    /// Partitions by number, from 1.
    pub partitions: BTreeMap<u32, Partition>,
    /// First and last sector a partition may have.
    pub usable: (u64, u64),
    /// Where the backup is said to be. Not the end of a disk that has grown since.
    pub backup_at: u64,
    /// Which copies are good.
    pub health: Health,
    /// True when LBA 0 is a protective MBR.
    pub protective_mbr: bool,
}

/// Which copies of the table are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Both, and they say the same.
    Good,
    /// The primary is good; the reason is why the backup is not.
    NoBackup(Damage),
    /// The backup is good; the reason is why the primary is not.
    NoPrimary(Damage),
    /// Both are good and differ: the primary counts.
    Differ,
}

/// What is wrong with one copy.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Damage {
    /// The header.
    #[error("{0}")]
    Header(&'static str),
    /// A limit.
    #[error("more than {} {}", .0.max, .0.what)]
    Limit(Limit),
    /// A partition outside of the usable sectors, or ending before it starts.
    #[error("partition {0} is outside of the usable sectors")]
    Outside(u32),
    /// Two partitions share sectors.
    #[error("partitions {0} and {1} overlap")]
    Overlap(u32, u32),
    /// The disk ends before it.
    #[error("it lies past the end of the disk")]
    PastEnd,
}

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Neither copy is good.
    #[error("no GUID partition table: primary: {primary}; backup: {backup}")]
    NoTable {
        /// What is wrong with the first.
        primary: Damage,
        /// What is wrong with the second.
        backup: Damage,
    },
    /// The disk cannot be read.
    #[error("reading the partition table failed")]
    Io(#[from] io::Error),
}

/// Reads the table of a disk with 512-byte sectors.
///
/// # Errors
/// [`ReadError`].
pub fn read<R: Read + Seek>(disk: &mut R) -> Result<Found, ReadError> {
    let sectors = disk.seek(SeekFrom::End(0))? / 512;
    let primary = copy(disk, 1, sectors)?;
    // A good primary knows where the backup is; without one it should be at the end.
    let end = sectors.saturating_sub(1);
    let backup_at = primary.as_ref().map_or(end, |found| found.backup_at);
    let backup = copy(disk, backup_at, sectors)?;
    let mut found = match (primary, backup) {
        (Ok(primary), Ok(backup)) => {
            let same = primary.disk == backup.disk && primary.partitions == backup.partitions;
            Found { health: if same { Health::Good } else { Health::Differ }, ..primary }
        }
        (Ok(primary), Err(damage)) => Found { health: Health::NoBackup(damage), ..primary },
        (Err(damage), Ok(backup)) => Found { health: Health::NoPrimary(damage), backup_at, ..backup },
        (Err(primary), Err(backup)) => return Err(ReadError::NoTable { primary, backup }),
    };
    found.protective_mbr = sector(disk, 0)?.is_some_and(|sector| mbr::is_protective(&sector));
    Ok(found)
}

/// One copy, or what is wrong with it.
fn copy<R: Read + Seek>(disk: &mut R, at: u64, sectors: u64) -> io::Result<Result<Found, Damage>> {
    if at == 0 || at >= sectors {
        return Ok(Err(Damage::PastEnd));
    }
    let Some(bytes) = sector(disk, at)? else { return Ok(Err(Damage::PastEnd)) };
    let header = match check(&bytes, at, sectors) {
        Ok(header) => header,
        Err(damage) => return Ok(Err(damage)),
    };
    // At most 1024 entries of 4096 bytes.
    let mut entries = vec![0; header.entries as usize * header.entry_len as usize];
    disk.seek(SeekFrom::Start(header.entries_at * 512))?;
    match disk.read_exact(&mut entries) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Err(Damage::PastEnd)),
        other => other?,
    }
    Ok(parse(&header, &entries))
}

fn check(bytes: &[u8; 512], at: u64, sectors: u64) -> Result<Header, Damage> {
    let header = Header::parse(bytes).map_err(Damage::Header)?;
    if header.here != at {
        return Err(Damage::Header("it belongs elsewhere"));
    }
    if !ENTRIES.allows(header.entries.into()) {
        return Err(Damage::Limit(ENTRIES));
    }
    if !ENTRY.allows(header.entry_len.into()) {
        return Err(Damage::Limit(ENTRY));
    }
    if header.entry_len < 128 || !header.entry_len.is_power_of_two() {
        return Err(Damage::Header("bad entry length"));
    }
    if header.first_usable > header.last_usable || header.last_usable >= sectors {
        return Err(Damage::Header("bad usable sectors"));
    }
    if header.entries_at >= sectors {
        return Err(Damage::PastEnd);
    }
    Ok(header)
}

fn parse(header: &Header, entries: &[u8]) -> Result<Found, Damage> {
    if crc32fast::hash(entries) != header.entries_crc {
        return Err(Damage::Header("bad checksum of the entries"));
    }
    let slots = (1u32..).zip(entries.chunks_exact(header.entry_len as usize));
    let partitions: BTreeMap<u32, Partition> =
        slots.filter_map(|(number, bytes)| Some((number, parse_entry(bytes)?))).collect();
    for (number, partition) in &partitions {
        let Partition { first, last, .. } = *partition;
        if first < header.first_usable || last < first || last > header.last_usable {
            return Err(Damage::Outside(*number));
        }
    }
    let list: Vec<Partition> = partitions.values().cloned().collect();
    if let Some((one, other)) = pair(&list, |p| p.first, |a, b| b.first <= a.last) {
        let number = |index: usize| partitions.keys().nth(index - 1).copied().unwrap_or_default();
        return Err(Damage::Overlap(number(one), number(other)));
    }
    Ok(Found {
        disk: header.disk,
        partitions,
        usable: (header.first_usable, header.last_usable),
        backup_at: header.other,
        health: Health::Good,
        protective_mbr: false,
    })
}

/// A sector; `None` past the end.
fn sector<R: Read + Seek>(disk: &mut R, at: u64) -> io::Result<Option<[u8; 512]>> {
    let mut out = [0; 512];
    disk.seek(SeekFrom::Start(at * 512))?;
    match disk.read_exact(&mut out) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        other => other.map(|()| Some(out)),
    }
}
