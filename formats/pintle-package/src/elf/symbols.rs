use super::format::{SHN_UNDEF, c_string, half, word};
use super::{Elf, ElfError, Section};
use std::ops::Range;

/// `.symtab` with its strings: gABI chapter 4, "Symbol Table".
pub(crate) struct SymbolTable {
    entries: Vec<u8>,
    pub(crate) strings: Vec<u8>,
    entry_len: usize,
    shndx_at: usize,
}

/// One entry of a symbol table.
pub(crate) struct Symbol {
    name: u32,
    /// `SHN_UNDEF`: someone else defines it.
    pub(crate) undefined: bool,
}

impl SymbolTable {
    /// `None` for a stripped file.
    pub(crate) fn read(elf: &Elf<'_>, sections: &[Section]) -> Result<Option<Self>, ElfError> {
        let Some(table) = sections.iter().find(|section| section.name == b".symtab") else { return Ok(None) };
        let strings = sections.get(table.link as usize);
        let strings =
            strings.ok_or(ElfError::Malformed { what: "the symbol table", why: "it has no strings" })?;
        let at = elf.class().layout();
        Ok(Some(Self {
            entries: elf.bytes_of(table)?,
            strings: elf.bytes_of(strings)?,
            entry_len: at.sym_len,
            shndx_at: at.st_shndx,
        }))
    }

    /// All but the first entry, which the format reserves.
    pub(crate) fn symbols(&self) -> impl Iterator<Item = Symbol> {
        let entries = self.entries.chunks_exact(self.entry_len).skip(1);
        entries
            .map(|entry| Symbol { name: word(entry, 0), undefined: half(entry, self.shndx_at) == SHN_UNDEF })
    }

    /// Where in `strings` the name of `symbol` is.
    pub(crate) fn name(&self, symbol: &Symbol) -> Result<Range<usize>, ElfError> {
        let start = symbol.name as usize;
        let why = "a name lies outside its strings";
        let name =
            c_string(&self.strings, start).ok_or(ElfError::Malformed { what: "the symbol table", why })?;
        Ok(start..start + name.len())
    }
}
