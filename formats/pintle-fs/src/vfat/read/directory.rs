//! Directory entries back to names.

use super::Entry;
use crate::vfat::format::{
    ATTR_DIRECTORY, ATTR_LONG_NAME, ATTR_LONG_NAME_MASK, ATTR_VOLUME_ID, DateTime, ENTRY, ENTRY_FREE,
    ENTRY_KANJI, LAST_LONG_ENTRY, LONG_NAME_MAX, ShortName, UNIT_OFFSETS, UNITS_PER_ENTRY,
    short_name_checksum,
};

/// One short entry with what belongs to it.
pub(super) enum Slot {
    Label(ShortName),
    Entry(Entry),
}

/// Byte offset of the entry that ends a directory, if it is in `raw`.
pub(super) fn end(raw: &[u8]) -> Option<usize> {
    raw.chunks_exact(ENTRY).position(|entry| entry[0] == 0).map(|index| index * ENTRY)
}

/// The names of a directory, `.`, `..` and free slots left out; long names that do not fit their short entry count
/// as absent.
pub(super) fn slots(raw: &[u8]) -> impl Iterator<Item = Slot> {
    let mut long = Long::default();
    raw.chunks_exact(ENTRY).take_while(|entry| entry[0] != 0).filter_map(move |entry| {
        if entry[0] == ENTRY_FREE {
            long = Long::default();
            return None;
        }
        if entry[11] & ATTR_LONG_NAME_MASK == ATTR_LONG_NAME {
            long.add(entry);
            return None;
        }
        let found = std::mem::take(&mut long);
        let mut name: ShortName = [0; 11];
        name.copy_from_slice(&entry[..11]);
        if entry[11] & ATTR_VOLUME_ID != 0 {
            return Some(Slot::Label(name));
        }
        if matches!(&name, b".          " | b"..         ") {
            return None;
        }
        let short = short_text(&name, 0);
        let long = found.finish(short_name_checksum(&name));
        Some(Slot::Entry(parse(entry, long.unwrap_or_else(|| short_text(&name, entry[12])), short)))
    })
}

fn parse(entry: &[u8], name: String, short: String) -> Entry {
    let u16_at = |at: usize| u16::from_le_bytes([entry[at], entry[at + 1]]);
    let is_directory = entry[11] & ATTR_DIRECTORY != 0;
    let len = u32::from(u16_at(28)) | u32::from(u16_at(30)) << 16;
    Entry {
        name,
        short,
        is_directory,
        len: if is_directory { 0 } else { len },
        mtime: DateTime { date: u16_at(24), time: u16_at(22), hundredths: 0 }.timestamp(),
        cluster: u32::from(u16_at(20)) << 16 | u32::from(u16_at(26)),
    }
}

/// A padded name as text; bytes of a code page we do not know become U+FFFD.
pub(super) fn text(bytes: &[u8]) -> String {
    let letter = |b: &u8| if b.is_ascii() { *b as char } else { char::REPLACEMENT_CHARACTER };
    bytes.iter().map(letter).collect::<String>().trim_end().to_owned()
}

/// With its dot. `case` is byte 12 as Windows NT uses it: 0x08 for a lower-case stem, 0x10 for the extension.
fn short_text(name: &ShortName, case: u8) -> String {
    let mut name = *name;
    if name[0] == ENTRY_KANJI {
        name[0] = 0xE5;
    }
    let lower = |text: String, bit: u8| if case & bit != 0 { text.to_ascii_lowercase() } else { text };
    let (stem, extension) = (lower(text(&name[..8]), 0x08), lower(text(&name[8..]), 0x10));
    if extension.is_empty() { stem } else { format!("{stem}.{extension}") }
}

/// A long name as its entries come by, the last part first.
#[derive(Default)]
struct Long {
    parts: Vec<[u16; UNITS_PER_ENTRY]>,
    /// Ordinal of the entry that came last; 0 for none, or for a name given up.
    ordinal: u8,
    checksum: u8,
}

impl Long {
    fn add(&mut self, entry: &[u8]) {
        let ordinal = entry[0] & !LAST_LONG_ENTRY;
        if entry[0] & LAST_LONG_ENTRY != 0 {
            *self = Self { parts: Vec::new(), ordinal, checksum: entry[13] };
        } else if self.ordinal < 2 || ordinal != self.ordinal - 1 || entry[13] != self.checksum {
            *self = Self::default();
            return;
        }
        self.ordinal = ordinal;
        self.parts.push(UNIT_OFFSETS.map(|at| u16::from_le_bytes([entry[at], entry[at + 1]])));
    }

    /// The name, when it is complete, belongs to a short name of this checksum, and is one that could be a file's.
    fn finish(self, checksum: u8) -> Option<String> {
        if self.ordinal != 1 || self.checksum != checksum {
            return None;
        }
        let units: Vec<u16> = self
            .parts
            .into_iter()
            .rev()
            .flatten()
            .take_while(|unit| *unit != 0)
            .take(LONG_NAME_MAX + 1)
            .collect();
        let name = String::from_utf16(&units).ok()?;
        let bad = name.is_empty() || units.len() > LONG_NAME_MAX || matches!(name.as_str(), "." | "..");
        (!bad && !name.contains('/')).then_some(name)
    }
}
