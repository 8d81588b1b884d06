use super::format::{SHN_UNDEF, c_string, half, word};
use super::{Class, Elf, ElfError, Section};
use std::collections::BTreeMap;

/// A symbol that a program or library takes from a library it names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// `DT_NEEDED` name of the library.
    pub library: Vec<u8>,
    /// Name.
    pub name: Vec<u8>,
    /// Version (`OPENSSL_3.0.0`).
    pub version: Vec<u8>,
    /// A function, not data or thread-local storage.
    pub function: bool,
}

/// Library and version by version index.
type Needs = BTreeMap<u16, (Vec<u8>, Vec<u8>)>;

const WHAT: &str = "the dynamic symbols";
const STT_FUNC: u8 = 2;

impl Elf<'_> {
    /// Undefined symbols with the library that must have them, as symbol versions tell (LSB Core 5.0, 10.7). Symbols
    /// without a version are not listed: which library has them is only known when they are loaded.
    ///
    /// # Errors
    /// [`ElfError`] for tables outside the file.
    pub fn imports(&self) -> Result<Vec<Import>, ElfError> {
        let sections = self.sections()?;
        let find = |name: &[u8]| sections.iter().find(|section| section.name == name);
        let (Some(symbols), Some(versions), Some(needs)) =
            (find(b".dynsym"), find(b".gnu.version"), find(b".gnu.version_r"))
        else {
            return Ok(Vec::new());
        };
        let why = "they have no strings";
        let strings = sections.get(symbols.link as usize).ok_or(ElfError::Malformed { what: WHAT, why })?;
        let strings = self.bytes_of(strings)?;
        let needs = self.needs(needs, &strings)?;
        let at = self.class().layout();
        let info_at = if self.class() == Class::Elf64 { 4 } else { 12 };
        let (symbols, versions) = (self.bytes_of(symbols)?, self.bytes_of(versions)?);
        let mut imports = Vec::new();
        for (symbol, version) in symbols.chunks_exact(at.sym_len).zip(versions.chunks_exact(2)) {
            // The highest bit says "hidden", which matters to definitions only.
            let need = needs.get(&(half(version, 0) & 0x7fff));
            let (SHN_UNDEF, Some((library, version))) = (half(symbol, at.st_shndx), need) else { continue };
            imports.push(Import {
                library: library.clone(),
                name: self.text(&strings, word(symbol, 0))?,
                version: version.clone(),
                function: symbol[info_at] & 0xf == STT_FUNC,
            });
        }
        Ok(imports)
    }

    fn text(&self, strings: &[u8], at: u32) -> Result<Vec<u8>, ElfError> {
        let why = "a name lies outside its strings";
        let text = c_string(strings, at as usize).ok_or(ElfError::Malformed { what: WHAT, why })?;
        self.within(self.limits.string, text.len() as u64)?;
        Ok(text.to_vec())
    }

    /// `Elfxx_Verneed` with its `Elfxx_Vernaux`, which both classes share.
    fn needs(&self, section: &Section, strings: &[u8]) -> Result<Needs, ElfError> {
        let bytes = self.bytes_of(section)?;
        let record = |at: usize| {
            let why = "a version lies outside its section";
            bytes.get(at..).and_then(|rest| rest.get(..16)).ok_or(ElfError::Malformed { what: WHAT, why })
        };
        let mut found = BTreeMap::new();
        let mut need = 0;
        // Both chains only lead forward, so they end.
        loop {
            let library = self.text(strings, word(record(need)?, 4))?;
            let mut version = need.saturating_add(word(record(need)?, 8) as usize);
            loop {
                let aux = record(version)?;
                let name = self.text(strings, word(aux, 8))?;
                found.insert(half(aux, 6), (library.clone(), name));
                match word(aux, 12) as usize {
                    0 => break,
                    next => version = version.saturating_add(next),
                }
            }
            match word(record(need)?, 12) as usize {
                0 => return Ok(found),
                next => need = need.saturating_add(next),
            }
        }
    }
}
