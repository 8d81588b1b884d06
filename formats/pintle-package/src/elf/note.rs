use super::format::word;
use super::{Elf, ElfError};
use serde::Deserialize;

/// One note: gABI chapter 5, "Note Section".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// The owner, without its NUL: `GNU`, `FDO`.
    pub owner: &'a [u8],
    /// What it means to the owner.
    pub kind: u32,
    /// Its content.
    pub content: &'a [u8],
}

/// The notes of a note section; ends at the first malformed one. `align` is the section's alignment (4 or 8).
pub fn notes(bytes: &[u8], align: u64) -> impl Iterator<Item = Note<'_>> {
    let align = if align == 8 { 8 } else { 4 };
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let header = rest.get(..12)?;
        let owner_len = word(header, 0) as usize;
        let content_len = word(header, 4) as usize;
        let owner = rest.get(12..12_usize.checked_add(owner_len)?)?;
        let start = (12 + owner_len).checked_next_multiple_of(align)?;
        let content = rest.get(start..start.checked_add(content_len)?)?;
        let kind = word(header, 8);
        let next = (start + content_len).checked_next_multiple_of(align)?;
        rest = rest.get(next..).unwrap_or_default();
        Some(Note { owner: owner.strip_suffix(b"\0").unwrap_or(owner), kind, content })
    })
}

/// How much a program misses a library it opens at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DlopenPriority {
    /// A rarely used feature.
    #[default]
    Suggested,
    /// A feature most installations want.
    Recommended,
    /// Its core function.
    Required,
}

/// A library opened with `dlopen`: one object of the JSON array in a `.note.dlopen` note (UAPI.12, "dlopen() Metadata
/// for ELF Files": owner `FDO`, type 0x407c0c0a).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DlopenEntry {
    /// Names to try, in order.
    pub soname: Vec<String>,
    /// What it is for, in a word.
    #[serde(default)]
    pub feature: String,
    /// How much it is missed.
    #[serde(default)]
    pub priority: DlopenPriority,
}

const DLOPEN_NOTE: u32 = 0x407c_0c0a;

/// The entries in the bytes of a `.note.dlopen` section. Notes that are not such JSON are skipped: they are advice.
#[must_use]
pub fn dlopen_entries(bytes: &[u8], align: u64) -> Vec<DlopenEntry> {
    notes(bytes, align)
        .filter(|note| note.owner == b"FDO" && note.kind == DLOPEN_NOTE)
        .filter_map(|note| {
            let end = note.content.iter().position(|byte| *byte == 0).unwrap_or(note.content.len());
            serde_json::from_slice::<Vec<DlopenEntry>>(&note.content[..end]).ok()
        })
        .flatten()
        .collect()
}

impl Elf<'_> {
    /// What the file says it opens with `dlopen`; empty where it says nothing.
    ///
    /// # Errors
    /// [`ElfError`] for sections outside the file.
    pub fn dlopens(&self) -> Result<Vec<DlopenEntry>, ElfError> {
        let sections = self.sections()?;
        let Some(section) = sections.iter().find(|section| section.name == b".note.dlopen") else {
            return Ok(Vec::new());
        };
        Ok(dlopen_entries(&self.bytes_of(section)?, section.align))
    }
}
