use crate::elf::{Elf, ElfError, Section, SymbolTable, c_string};
use std::ops::Range;

/// The names that link a module to others.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Symbols {
    strings: Vec<u8>,
    exports: Vec<Range<usize>>,
    imports: Vec<Range<usize>>,
}

/// With `CONFIG_MODVERSIONS`, each exported `x` has a symbol `__crc_x`.
const CRC: &[u8] = b"__crc_";

impl Symbols {
    /// Reads them from an opened module. Exported are the symbols with a `__crc_` companion; in kernels without symbol
    /// versions, the names in `__ksymtab_strings`. Needed are the undefined symbols, in the order of the symbol table.
    ///
    /// # Errors
    /// [`ElfError`] for tables outside the file, names outside the string table.
    pub fn read(elf: &Elf<'_>, sections: &[Section]) -> Result<Self, ElfError> {
        let Some(table) = SymbolTable::read(elf, sections)? else { return Ok(Self::default()) };
        let mut symbols = Self::default();
        // Most strings of a table name what is nobody else's business, and there are a thousand modules.
        for symbol in table.symbols() {
            let name = &table.strings[table.name(&symbol)?];
            if symbol.undefined && !name.is_empty() {
                let range = symbols.keep(name);
                symbols.imports.push(range);
            } else if let Some(name) = name.strip_prefix(CRC) {
                let range = symbols.keep(name);
                symbols.exports.push(range);
            }
        }
        if symbols.exports.is_empty() {
            symbols.add_unversioned(elf, sections)?;
        }
        Ok(symbols)
    }

    fn keep(&mut self, name: &[u8]) -> Range<usize> {
        let start = self.strings.len();
        self.strings.extend_from_slice(name);
        start..self.strings.len()
    }

    fn add_unversioned(&mut self, elf: &Elf<'_>, sections: &[Section]) -> Result<(), ElfError> {
        let Some(section) = sections.iter().find(|section| section.name == b"__ksymtab_strings") else {
            return Ok(());
        };
        let names = elf.bytes_of(section)?;
        let base = self.strings.len();
        let mut start = 0;
        while let Some(name) = c_string(&names, start) {
            let end = start + name.len();
            if !name.is_empty() {
                self.exports.push(base + start..base + end);
            }
            start = end + 1;
        }
        self.strings.extend_from_slice(&names);
        Ok(())
    }

    /// Symbols the module exports to others.
    pub fn exports(&self) -> impl Iterator<Item = &[u8]> {
        self.exports.iter().map(|range| &self.strings[range.clone()])
    }

    /// Symbols the module needs from the kernel or from other modules.
    pub fn imports(&self) -> impl Iterator<Item = &[u8]> {
        self.imports.iter().map(|range| &self.strings[range.clone()])
    }
}
