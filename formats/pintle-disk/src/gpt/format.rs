//! Wire constants and structures of UEFI 2.10 section 5.3.

use super::Partition;
use uuid::Uuid;

/// Begins a header.
pub const SIGNATURE: &[u8; 8] = b"EFI PART";
/// Version 1.0.
pub const REVISION: u32 = 0x0001_0000;
/// Bytes of a header that count; the rest of its sector is zero.
pub const HEADER: u32 = 92;
/// Entries of a table we write.
pub const ENTRIES: u32 = 128;
/// Bytes of an entry we write.
pub const ENTRY: u32 = 128;
/// Units of a name.
pub const NAME_UNITS: usize = 36;

/// The header of one copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its own sector.
    pub here: u64,
    /// The other copy's.
    pub other: u64,
    /// First sector a partition may have.
    pub first_usable: u64,
    /// Last one, inclusive.
    pub last_usable: u64,
    /// Identity of the disk.
    pub disk: Uuid,
    /// First sector of this copy's entries.
    pub entries_at: u64,
    /// Number of entries.
    pub entries: u32,
    /// Bytes of an entry.
    pub entry_len: u32,
    /// CRC-32 of all entries.
    pub entries_crc: u32,
}

impl Header {
    /// Its sector, checksum set.
    #[must_use]
    pub fn bytes(&self) -> [u8; 512] {
        let mut out = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, SIGNATURE);
        put(8, &REVISION.to_le_bytes());
        put(12, &HEADER.to_le_bytes());
        put(24, &self.here.to_le_bytes());
        put(32, &self.other.to_le_bytes());
        put(40, &self.first_usable.to_le_bytes());
        put(48, &self.last_usable.to_le_bytes());
        put(56, &self.disk.to_bytes_le());
        put(72, &self.entries_at.to_le_bytes());
        put(80, &self.entries.to_le_bytes());
        put(84, &self.entry_len.to_le_bytes());
        put(88, &self.entries_crc.to_le_bytes());
        let crc = crc32fast::hash(&out[..HEADER as usize]);
        out[16..20].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// From its sector; says why not when signature, revision, length or checksum are wrong.
    ///
    /// # Errors
    /// A phrase.
    pub fn parse(sector: &[u8; 512]) -> Result<Self, &'static str> {
        let u32_at =
            |at: usize| u32::from_le_bytes([sector[at], sector[at + 1], sector[at + 2], sector[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        if &sector[..8] != SIGNATURE {
            return Err("no signature");
        }
        if u32_at(8) != REVISION {
            return Err("unknown revision");
        }
        let len = u32_at(12);
        if !(HEADER..=512).contains(&len) {
            return Err("bad header length");
        }
        let mut zeroed = *sector;
        zeroed[16..20].fill(0);
        if crc32fast::hash(&zeroed[..len as usize]) != u32_at(16) {
            return Err("bad header checksum");
        }
        let mut disk = [0; 16];
        disk.copy_from_slice(&sector[56..72]);
        Ok(Self {
            here: u64_at(24),
            other: u64_at(32),
            first_usable: u64_at(40),
            last_usable: u64_at(48),
            disk: Uuid::from_bytes_le(disk),
            entries_at: u64_at(72),
            entries: u32_at(80),
            entry_len: u32_at(84),
            entries_crc: u32_at(88),
        })
    }
}

/// A partition as its 128 bytes. The name was checked for its length.
#[must_use]
pub fn entry(partition: &Partition) -> [u8; ENTRY as usize] {
    let mut out = [0; ENTRY as usize];
    out[..16].copy_from_slice(&partition.type_guid.to_bytes_le());
    out[16..32].copy_from_slice(&partition.guid.to_bytes_le());
    out[32..40].copy_from_slice(&partition.first.to_le_bytes());
    out[40..48].copy_from_slice(&partition.last.to_le_bytes());
    out[48..56].copy_from_slice(&partition.attributes.to_le_bytes());
    for (slot, unit) in out[56..].chunks_exact_mut(2).zip(partition.name.encode_utf16()) {
        slot.copy_from_slice(&unit.to_le_bytes());
    }
    out
}

/// The partition of an entry of at least 128 bytes; `None` for an unused one. Broken UTF-16 in a name is replaced.
#[must_use]
pub fn parse_entry(bytes: &[u8]) -> Option<Partition> {
    let array = |at: usize| {
        let mut out = [0; 16];
        out.copy_from_slice(&bytes[at..at + 16]);
        out
    };
    let u64_at =
        |at: usize| bytes[at..at + 8].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
    let type_guid = Uuid::from_bytes_le(array(0));
    let units = bytes[56..128].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let name = char::decode_utf16(units.take_while(|unit| *unit != 0));
    (!type_guid.is_nil()).then(|| Partition {
        type_guid,
        guid: Uuid::from_bytes_le(array(16)),
        name: name.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
        first: u64_at(32),
        last: u64_at(40),
        attributes: u64_at(48),
    })
}
