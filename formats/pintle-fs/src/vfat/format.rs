//! Wire constants and structures. Source: Microsoft, *FAT: General Overview of On-Disk Format* 1.03 ("fatgen103").

use pintle_model::Timestamp;

/// Bytes of a sector. Others are legal, but firmware exists that reads only this.
pub const SECTOR: u64 = 512;
/// Bytes of a directory entry.
pub const ENTRY: usize = 32;
/// UTF-16 units that one long-name entry holds.
pub const UNITS_PER_ENTRY: usize = 13;
/// Longest long name in UTF-16 units (page 28).
pub const LONG_NAME_MAX: usize = 255;
/// Fixed disk (`BPB_Media`, page 10).
pub const MEDIA: u8 = 0xF8;
/// Sector of FSInfo and of the copy of the boot sector (FAT32, page 12).
pub const FS_INFO_SECTOR: u16 = 1;
/// See [`FS_INFO_SECTOR`].
pub const BACKUP_SECTOR: u16 = 6;

/// A directory.
pub const ATTR_DIRECTORY: u8 = 0x10;
/// The volume label.
pub const ATTR_VOLUME_ID: u8 = 0x08;
/// Changed since the last backup: set on every new file.
pub const ATTR_ARCHIVE: u8 = 0x20;
/// Part of a long name: read-only, hidden, system and volume id together.
pub const ATTR_LONG_NAME: u8 = 0x0F;
/// The bits that tell a long-name entry.
pub const ATTR_LONG_NAME_MASK: u8 = 0x3F;
/// Bit of the ordinal in the entry that comes first and holds the name's end.
pub const LAST_LONG_ENTRY: u8 = 0x40;

/// First byte of an entry that is free.
pub const ENTRY_FREE: u8 = 0xE5;
/// Stands for a real first byte 0xE5.
pub const ENTRY_KANJI: u8 = 0x05;

/// A name of eight characters and an extension of three, padded with spaces, without the dot.
pub type ShortName = [u8; 11];

/// FSInfo's three signatures (page 21).
pub const FS_INFO_LEAD: u32 = 0x4161_5252;
/// See [`FS_INFO_LEAD`].
pub const FS_INFO_STRUCT: u32 = 0x6141_7272;
/// See [`FS_INFO_LEAD`].
pub const FS_INFO_TRAIL: u32 = 0xAA55_0000;
/// Ends every boot sector.
pub const BOOT_SIGNATURE: [u8; 2] = [0x55, 0xAA];

/// Checksum of the short name that ties long-name entries to it (page 28).
#[must_use]
pub fn short_name_checksum(name: &ShortName) -> u8 {
    name.iter().fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// A moment as FAT keeps it: local time by the book, UTC here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime {
    /// Bits 15-9 year since 1980, 8-5 month, 4-0 day.
    pub date: u16,
    /// Bits 15-11 hours, 10-5 minutes, 4-0 pairs of seconds.
    pub time: u16,
    /// Hundredths of a second to add to `time`, 0..=199; creation times only.
    pub hundredths: u8,
}

/// 1980-01-01T00:00:00Z, the first moment FAT knows.
pub const FIRST_SECOND: i64 = 315_532_800;
/// 2107-12-31T23:59:59Z, the last one.
pub const LAST_SECOND: i64 = 4_354_819_199;

impl DateTime {
    /// The nearest moment FAT can hold: earlier ones become 1980, later ones the end of 2107.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        let (secs, nanos) = match at.secs {
            secs if secs < FIRST_SECOND => (FIRST_SECOND, 0),
            secs if secs > LAST_SECOND => (LAST_SECOND, 999_999_999),
            secs => (secs, at.nanos.min(999_999_999)),
        };
        let (day, second) = (secs.div_euclid(86_400), secs.rem_euclid(86_400) as u32);
        let (year, month, day) = civil(day);
        Self {
            date: ((year - 1980) as u16) << 9 | month << 5 | day,
            time: (second / 3600) as u16 * 2048 + (second / 60 % 60) as u16 * 32 + (second % 60 / 2) as u16,
            hundredths: (second % 2) as u8 * 100 + (nanos / 10_000_000) as u8,
        }
    }

    /// Back to seconds since 1970 (`hundredths` left out); days and months of 0 or past the end are taken as they
    /// count on.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        let (year, month, day) =
            (1980 + i64::from(self.date >> 9), i64::from(self.date >> 5 & 15), i64::from(self.date & 31));
        let second = i64::from(self.time >> 11) * 3600
            + i64::from(self.time >> 5 & 63) * 60
            + i64::from(self.time & 31) * 2;
        Timestamp::from_secs(days(year, month.max(1), day.max(1)) * 86_400 + second)
    }
}

/// Year, month and day of a day since 1970-01-01, for years after 0. Counts in eras of 400 years whose years begin
/// in March, so that the leap day comes last.
fn civil(day: i64) -> (i64, u16, u16) {
    let day = day + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month as u16, day_of_month as u16)
}

/// The inverse of [`civil`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year / 400, year % 400);
    let month = (month + 9) % 12;
    era * 146_097 + year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// A short directory entry (page 23).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortEntry {
    /// Name.
    pub name: ShortName,
    /// `ATTR_*`.
    pub attributes: u8,
    /// Modified, created and accessed.
    pub at: DateTime,
    /// First cluster, 0 for empty files.
    pub cluster: u32,
    /// Length in bytes, 0 for directories.
    pub len: u32,
}

impl ShortEntry {
    /// Its 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; ENTRY] {
        let mut out = [0; ENTRY];
        out[..11].copy_from_slice(&self.name);
        out[11] = self.attributes;
        out[13] = self.at.hundredths;
        out[14..16].copy_from_slice(&self.at.time.to_le_bytes());
        out[16..18].copy_from_slice(&self.at.date.to_le_bytes());
        out[18..20].copy_from_slice(&self.at.date.to_le_bytes());
        out[20..22].copy_from_slice(&((self.cluster >> 16) as u16).to_le_bytes());
        out[22..24].copy_from_slice(&self.at.time.to_le_bytes());
        out[24..26].copy_from_slice(&self.at.date.to_le_bytes());
        out[26..28].copy_from_slice(&(self.cluster as u16).to_le_bytes());
        out[28..32].copy_from_slice(&self.len.to_le_bytes());
        out
    }
}

/// Where the 13 units stand in a long-name entry (page 27).
pub const UNIT_OFFSETS: [usize; UNITS_PER_ENTRY] = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

/// The long-name entries of `units` in the order they stand on disk (the end of the name first). `checksum` is that
/// of the short entry that follows.
pub fn long_entries(units: &[u16], checksum: u8) -> impl Iterator<Item = [u8; ENTRY]> {
    let count = units.len().div_ceil(UNITS_PER_ENTRY);
    (0..count).rev().map(move |index| {
        let mut out = [0; ENTRY];
        out[0] = (index + 1) as u8 | if index + 1 == count { LAST_LONG_ENTRY } else { 0 };
        out[11] = ATTR_LONG_NAME;
        out[13] = checksum;
        for (slot, offset) in UNIT_OFFSETS.iter().enumerate() {
            // A name that does not fill its last entry ends with one NUL; the rest is 0xFFFF.
            let at = index * UNITS_PER_ENTRY + slot;
            let unit = units.get(at).copied().unwrap_or(if at == units.len() { 0 } else { 0xFFFF });
            out[*offset..offset + 2].copy_from_slice(&unit.to_le_bytes());
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_clamped_and_come_back() {
        for (secs, shown) in [
            (0, (1980, 1, 1, 0, 0, 0)),
            (FIRST_SECOND, (1980, 1, 1, 0, 0, 0)),
            (951_782_399, (2000, 2, 28, 23, 59, 58)),
            (951_868_800 - 86_400, (2000, 2, 29, 0, 0, 0)),
            (1_767_225_599, (2025, 12, 31, 23, 59, 58)),
            (LAST_SECOND, (2107, 12, 31, 23, 59, 58)),
            (i64::MAX, (2107, 12, 31, 23, 59, 58)),
            (i64::MIN, (1980, 1, 1, 0, 0, 0)),
        ] {
            let at = DateTime::of(Timestamp::from_secs(secs));
            let parts = (
                1980 + (at.date >> 9),
                at.date >> 5 & 15,
                at.date & 31,
                at.time >> 11,
                at.time >> 5 & 63,
                (at.time & 31) * 2,
            );
            assert_eq!(parts, shown, "{secs}");
            let back = secs.clamp(FIRST_SECOND, LAST_SECOND) / 2 * 2;
            assert_eq!(at.timestamp(), Timestamp::from_secs(back), "{secs}");
        }
    }

    #[test]
    fn every_day_comes_back() {
        for day in FIRST_SECOND / 86_400..=LAST_SECOND / 86_400 {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, i64::from(month), i64::from(date)), day);
        }
    }
}
