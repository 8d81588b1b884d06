use super::format::{LITTLE_ENDIAN, MAGIC, PT_INTERP, PT_LOAD, SHT_NOBITS, c_string, half, number, word};
use super::{Class, ElfError, Limits, ObjectKind};
use pintle_model::{Blob, Contents};
use std::io;

/// Bytes at random places: anything in memory, or a [`BlobSource`].
pub trait Source {
    /// Length in bytes.
    fn size(&self) -> u64;

    /// Fills `out` from byte `from` on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`], or of the source.
    fn read_at(&self, from: u64, out: &mut [u8]) -> io::Result<()>;
}

impl<T: AsRef<[u8]>> Source for T {
    fn size(&self) -> u64 {
        self.as_ref().len() as u64
    }

    fn read_at(&self, from: u64, out: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(from).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let bytes = self.as_ref().get(from..).and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A file of a tree as a [`Source`].
#[derive(Clone, Copy)]
pub struct BlobSource<'a> {
    /// The file.
    pub blob: &'a Blob,
    /// Where its bytes are.
    pub contents: &'a dyn Contents,
}

impl Source for BlobSource<'_> {
    fn size(&self) -> u64 {
        self.blob.len()
    }

    fn read_at(&self, from: u64, out: &mut [u8]) -> io::Result<()> {
        self.blob.read_at(self.contents, from, out)
    }
}

/// A section header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name, such as `.modinfo`.
    pub name: Vec<u8>,
    /// Byte offset in the file.
    pub offset: u64,
    /// Length in bytes.
    pub size: u64,
    /// `sh_link`: for a symbol table the index of its string table.
    pub link: u32,
    /// `sh_addralign`.
    pub align: u64,
    no_bits: bool,
}

/// A program header.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    pub(super) kind: u32,
    pub(super) offset: u64,
    pub(super) address: u64,
    pub(super) size: u64,
}

/// An opened ELF file: its header, and its tables on demand.
pub struct Elf<'s> {
    source: &'s dyn Source,
    pub(super) limits: Limits,
    class: Class,
    kind: ObjectKind,
    machine: u16,
    sections: Place,
    segments: Place,
    names_index: u16,
}

/// A table of records in the file.
#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    count: u64,
    record: u64,
}

impl<'s> Elf<'s> {
    /// Reads the file header.
    ///
    /// # Errors
    /// [`ElfError::NotElf`] for other files (shorter ones too), else what is wrong with this one.
    pub fn open(source: &'s dyn Source, limits: Limits) -> Result<Self, ElfError> {
        let mut ident = [0; 16];
        if source.size() < 16 {
            return Err(ElfError::NotElf);
        }
        source.read_at(0, &mut ident).map_err(ElfError::Read)?;
        if ident[..4] != MAGIC {
            return Err(ElfError::NotElf);
        }
        let class = match ident[4] {
            1 => Class::Elf32,
            2 => Class::Elf64,
            value => return Err(ElfError::Unknown { what: "class", value }),
        };
        if ident[5] != LITTLE_ENDIAN {
            return Err(ElfError::Unknown { what: "byte order", value: ident[5] });
        }
        let at = class.layout();
        let header = read_table(source, &limits, "the file header", 0, at.header_len as u64)?;
        let table = |offset, count, size| Place {
            offset: number(&header, offset, at.word),
            count: u64::from(half(&header, count)),
            record: u64::from(half(&header, size)),
        };
        let mut elf = Self {
            source,
            limits,
            class,
            kind: ObjectKind::from_type(half(&header, 16)),
            machine: half(&header, 18),
            sections: table(at.e_shoff, at.e_shnum, at.e_shentsize),
            segments: table(at.e_phoff, at.e_phnum, at.e_phentsize),
            names_index: half(&header, at.e_shstrndx),
        };
        // gABI: with 0xff00 sections or more, e_shnum is 0 and section 0's sh_size holds the number.
        if elf.sections.count == 0 && elf.sections.offset != 0 {
            let first = elf.table("the section headers", elf.sections.offset, at.sh_len as u64)?;
            elf.sections.count = number(&first, at.sh_size, at.word);
        }
        Ok(elf)
    }

    /// 32 or 64 bits.
    #[must_use]
    pub fn class(&self) -> Class {
        self.class
    }

    /// Object, program or library.
    #[must_use]
    pub fn kind(&self) -> ObjectKind {
        self.kind
    }

    /// `e_machine`, comparable with [`pintle_model::Arch::elf_machine`].
    #[must_use]
    pub fn machine(&self) -> u16 {
        self.machine
    }

    fn table(&self, what: &'static str, offset: u64, len: u64) -> Result<Vec<u8>, ElfError> {
        read_table(self.source, &self.limits, what, offset, len)
    }

    fn records(&self, what: &'static str, place: Place, least: usize) -> Result<Vec<u8>, ElfError> {
        if place.count > 0 && place.record < least as u64 {
            return Err(ElfError::Malformed { what, why: "records are too short" });
        }
        // Both factors are bounded: count by the limits, record by its 16-bit field.
        self.table(what, place.offset, place.count * place.record)
    }

    /// All section headers, in file order. Empty for a file that was stripped of them.
    ///
    /// # Errors
    /// [`ElfError`] for headers or names outside the file.
    pub fn sections(&self) -> Result<Vec<Section>, ElfError> {
        let at = self.class.layout();
        let place = self.sections;
        self.within(self.limits.sections, place.count)?;
        let bytes = self.records("the section headers", place, at.sh_len)?;
        let mut names = Vec::new();
        let mut sections = Vec::with_capacity(place.count as usize);
        for record in bytes.chunks_exact(place.record.max(1) as usize) {
            sections.push((
                word(record, 0) as usize,
                Section {
                    name: Vec::new(),
                    offset: number(record, at.sh_offset, at.word),
                    size: number(record, at.sh_size, at.word),
                    link: word(record, at.sh_link),
                    align: number(record, at.sh_addralign, at.word),
                    no_bits: word(record, 4) == SHT_NOBITS,
                },
            ));
        }
        // gABI: SHN_XINDEX in e_shstrndx moves the index to section 0's sh_link.
        let index = match (self.names_index, sections.first()) {
            (0xffff, Some((_, first))) => first.link as usize,
            (index, _) => usize::from(index),
        };
        if let Some((_, section)) = sections.get(index).filter(|_| index != 0) {
            names = self.bytes_of(section)?;
        }
        Ok(sections
            .into_iter()
            .map(|(name, section)| Section {
                name: c_string(&names, name).unwrap_or_default().to_vec(),
                ..section
            })
            .collect())
    }

    /// The content of a section of this file; empty for `SHT_NOBITS`.
    ///
    /// # Errors
    /// [`ElfError::Outside`], [`ElfError::Limit`], [`ElfError::Read`].
    pub fn bytes_of(&self, section: &Section) -> Result<Vec<u8>, ElfError> {
        if section.no_bits {
            return Ok(Vec::new());
        }
        self.table("a section's bytes", section.offset, section.size)
    }

    /// All program headers, in file order.
    pub(super) fn segments(&self) -> Result<Vec<Segment>, ElfError> {
        let at = self.class.layout();
        self.within(self.limits.segments, self.segments.count)?;
        let bytes = self.records("the program headers", self.segments, at.ph_len)?;
        let records = bytes.chunks_exact(self.segments.record.max(1) as usize);
        let segment = |record: &[u8]| Segment {
            kind: word(record, 0),
            offset: number(record, at.p_offset, at.word),
            address: number(record, at.p_vaddr, at.word),
            size: number(record, at.p_filesz, at.word),
        };
        Ok(records.map(segment).collect())
    }

    /// `PT_INTERP`: the dynamic loader's path, for dynamically linked programs.
    ///
    /// # Errors
    /// [`ElfError`] for headers or the name outside the file.
    pub fn interpreter(&self) -> Result<Option<Vec<u8>>, ElfError> {
        let segments = self.segments()?;
        let Some(segment) = segments.iter().find(|segment| segment.kind == PT_INTERP) else {
            return Ok(None);
        };
        self.within(self.limits.string, segment.size)?;
        let mut name = self.table("the interpreter's name", segment.offset, segment.size)?;
        name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
        Ok(Some(name))
    }

    pub(super) fn segment_bytes(&self, what: &'static str, segment: &Segment) -> Result<Vec<u8>, ElfError> {
        self.table(what, segment.offset, segment.size)
    }

    /// The `len` bytes that are loaded at `address`.
    pub(super) fn loaded(
        &self,
        segments: &[Segment],
        what: &'static str,
        address: u64,
        len: u64,
    ) -> Result<Vec<u8>, ElfError> {
        let holds =
            |s: &&Segment| s.kind == PT_LOAD && address.checked_sub(s.address).is_some_and(|at| at < s.size);
        let segment = segments.iter().find(holds);
        let segment = segment.ok_or(ElfError::Malformed { what, why: "no segment loads their address" })?;
        let offset = segment.offset.checked_add(address - segment.address);
        let offset = offset.ok_or(ElfError::Malformed { what, why: "their offset overflows" })?;
        self.table(what, offset, len)
    }

    pub(super) fn within(&self, limit: pintle_model::Limit, value: u64) -> Result<(), ElfError> {
        if limit.allows(value) { Ok(()) } else { Err(ElfError::Limit { limit, value }) }
    }
}

/// Reads `len` bytes at `offset`; nothing is allocated that the file does not hold and the limit does not allow.
fn read_table(
    source: &dyn Source,
    limits: &Limits,
    what: &'static str,
    offset: u64,
    len: u64,
) -> Result<Vec<u8>, ElfError> {
    if offset.checked_add(len).is_none_or(|end| end > source.size()) {
        return Err(ElfError::Outside { what, offset, len: source.size() });
    }
    if !limits.table.allows(len) {
        return Err(ElfError::Limit { limit: limits.table, value: len });
    }
    let mut bytes = vec![0; len as usize];
    source.read_at(offset, &mut bytes).map_err(ElfError::Read)?;
    Ok(bytes)
}
