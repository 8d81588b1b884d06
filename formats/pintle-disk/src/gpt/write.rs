use super::format::{ENTRIES, ENTRY, Header, NAME_UNITS, entry};
use super::{BACKUP_SECTORS, FIRST_USABLE, Partition, SECTORS_MAX};
use crate::mbr;
use uuid::Uuid;

/// A checked table of a disk with 512-byte sectors: every partition lies in the usable sectors, none overlap, no
/// identity is used twice. The n-th partition of the list is partition number n + 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    disk: Uuid,
    sectors: u64,
    partitions: Vec<Partition>,
    boot_code: [u8; mbr::BOOT_CODE],
}

/// Why a table is refused. Partitions are named by number, from 1.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TableError {
    /// The disk has no room for the tables.
    #[error("a disk of {0} sectors is too small for a GPT (68 at least)")]
    SmallDisk(u64),
    /// Its end cannot be said in bytes.
    #[error("a disk of {0} sectors is too large: its end has no byte offset")]
    LargeDisk(u64),
    /// More than 128.
    #[error("{0} partitions are too many for a GPT (128 at most)")]
    TooMany(usize),
    /// A name over 36 UTF-16 units, or with a NUL.
    #[error("partition {number} has the name `{name}`: 36 UTF-16 units without NUL are the most")]
    Name {
        /// Which.
        number: usize,
        /// Its name.
        name: String,
    },
    /// It has no type, which would mean an unused entry.
    #[error("partition {0} has no type")]
    NoType(usize),
    /// It ends before it starts, or uses sectors of the tables.
    #[error("partition {number} has sectors {first} to {last}, outside of 34 to {usable}")]
    Outside {
        /// Which.
        number: usize,
        /// First sector.
        first: u64,
        /// Last sector.
        last: u64,
        /// Last sector a partition may have.
        usable: u64,
    },
    /// Two share sectors.
    #[error("partitions {0} and {1} overlap")]
    Overlap(usize, usize),
    /// Two have one identity.
    #[error("partitions {0} and {1} have the same GUID")]
    SameGuid(usize, usize),
}

impl Table {
    /// A table for a disk of `sectors` sectors.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn new(disk: Uuid, sectors: u64, partitions: Vec<Partition>) -> Result<Self, TableError> {
        if sectors < 2 * FIRST_USABLE {
            return Err(TableError::SmallDisk(sectors));
        }
        if sectors > SECTORS_MAX {
            return Err(TableError::LargeDisk(sectors));
        }
        if partitions.len() > ENTRIES as usize {
            return Err(TableError::TooMany(partitions.len()));
        }
        let usable = sectors - BACKUP_SECTORS - 1;
        for (number, partition) in (1..).zip(&partitions) {
            let Partition { first, last, ref name, .. } = *partition;
            if name.encode_utf16().count() > NAME_UNITS || name.contains('\0') {
                return Err(TableError::Name { number, name: name.clone() });
            }
            if partition.type_guid.is_nil() {
                return Err(TableError::NoType(number));
            }
            if first < FIRST_USABLE || last < first || last > usable {
                return Err(TableError::Outside { number, first, last, usable });
            }
        }
        if let Some((one, other)) = pair(&partitions, |p| (p.first, 0), |a, b| b.first <= a.last) {
            return Err(TableError::Overlap(one, other));
        }
        if let Some((one, other)) = pair(&partitions, |p| p.guid.as_u64_pair(), |a, b| a.guid == b.guid) {
            return Err(TableError::SameGuid(one, other));
        }
        Ok(Self { disk, sectors, partitions, boot_code: [0; mbr::BOOT_CODE] })
    }

    /// The same with boot code for LBA 0, which legacy BIOS runs.
    #[must_use]
    pub fn with_boot_code(mut self, code: [u8; mbr::BOOT_CODE]) -> Self {
        self.boot_code = code;
        self
    }

    /// Identity of the disk.
    #[must_use]
    pub fn disk(&self) -> Uuid {
        self.disk
    }

    /// Sectors of the disk.
    #[must_use]
    pub fn sectors(&self) -> u64 {
        self.sectors
    }

    /// Partitions by number.
    #[must_use]
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// LBA 0 to 33: protective MBR, header, entries. Goes to byte 0 of the disk.
    #[must_use]
    pub fn primary(&self) -> Vec<u8> {
        let entries = self.entries();
        let mut out = mbr::protective(self.sectors, &self.boot_code).to_vec();
        out.extend(self.header(&entries, 1, self.sectors - 1, 2).bytes());
        out.extend(entries);
        out
    }

    /// The last 33 sectors: entries, header. Goes to [`Table::backup_offset`].
    #[must_use]
    pub fn backup(&self) -> Vec<u8> {
        let mut out = self.entries();
        let header = self.header(&out, self.sectors - 1, 1, self.sectors - BACKUP_SECTORS);
        out.extend(header.bytes());
        out
    }

    /// Byte offset of [`Table::backup`].
    #[must_use]
    pub fn backup_offset(&self) -> u64 {
        (self.sectors - BACKUP_SECTORS) * 512
    }

    fn entries(&self) -> Vec<u8> {
        let mut out: Vec<u8> = self.partitions.iter().flat_map(entry).collect();
        out.resize((ENTRIES * ENTRY) as usize, 0);
        out
    }

    fn header(&self, entries: &[u8], here: u64, other: u64, entries_at: u64) -> Header {
        Header {
            here,
            other,
            first_usable: FIRST_USABLE,
            last_usable: self.sectors - BACKUP_SECTORS - 1,
            disk: self.disk,
            entries_at,
            entries: ENTRIES,
            entry_len: ENTRY,
            entries_crc: crc32fast::hash(entries),
        }
    }
}

/// Numbers of two partitions that stand side by side when sorted by `key` and about which `bad` is true.
pub(super) fn pair<K: Ord>(
    partitions: &[Partition],
    key: impl Fn(&Partition) -> K,
    bad: impl Fn(&Partition, &Partition) -> bool,
) -> Option<(usize, usize)> {
    let mut sorted: Vec<(usize, &Partition)> = (1..).zip(partitions).collect();
    sorted.sort_by_key(|(number, partition)| (key(partition), *number));
    let found = sorted.windows(2).find(|two| bad(two[0].1, two[1].1))?;
    Some((found[0].0, found[1].0))
}
