//! Constants and record layouts: System V gABI 4.1 chapters 4 and 5 (ELF-32 and ELF-64).

/// `\x7fELF`.
pub(super) const MAGIC: [u8; 4] = *b"\x7fELF";
/// `ELFDATA2LSB`.
pub(super) const LITTLE_ENDIAN: u8 = 1;

pub(super) const PT_LOAD: u32 = 1;
pub(super) const PT_DYNAMIC: u32 = 2;
pub(super) const PT_INTERP: u32 = 3;

pub(super) const SHT_NOBITS: u32 = 8;

pub(super) const DT_NULL: u64 = 0;
pub(super) const DT_NEEDED: u64 = 1;
pub(super) const DT_STRTAB: u64 = 5;
pub(super) const DT_STRSZ: u64 = 10;
pub(super) const DT_SONAME: u64 = 14;
pub(super) const DT_RPATH: u64 = 15;
pub(super) const DT_RUNPATH: u64 = 29;

/// `SHN_UNDEF`.
pub(crate) const SHN_UNDEF: u16 = 0;

/// `EI_CLASS`: how wide addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 32-bit.
    Elf32,
    /// 64-bit.
    Elf64,
}

/// `e_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// `ET_REL`: object files, kernel modules.
    Relocatable,
    /// `ET_EXEC`: programs at a fixed address.
    Executable,
    /// `ET_DYN`: libraries and position-independent programs.
    Shared,
    /// `ET_CORE` and what an operating system may add.
    Other(u16),
}

impl ObjectKind {
    pub(super) fn from_type(e_type: u16) -> Self {
        match e_type {
            1 => Self::Relocatable,
            2 => Self::Executable,
            3 => Self::Shared,
            other => Self::Other(other),
        }
    }
}

/// Byte offsets of the fields of one class' records.
pub(crate) struct Layout {
    pub(super) header_len: usize,
    pub(super) e_phoff: usize,
    pub(super) e_shoff: usize,
    pub(super) e_phentsize: usize,
    pub(super) e_phnum: usize,
    pub(super) e_shentsize: usize,
    pub(super) e_shnum: usize,
    pub(super) e_shstrndx: usize,
    pub(super) ph_len: usize,
    pub(super) p_offset: usize,
    pub(super) p_vaddr: usize,
    pub(super) p_filesz: usize,
    pub(super) sh_len: usize,
    pub(super) sh_offset: usize,
    pub(super) sh_size: usize,
    pub(super) sh_link: usize,
    pub(super) sh_addralign: usize,
    pub(super) dyn_len: usize,
    /// Length of a symbol table entry.
    pub(crate) sym_len: usize,
    /// `st_shndx` in it; `st_name` is at 0.
    pub(crate) st_shndx: usize,
    /// Bytes of an address or offset.
    pub(super) word: usize,
}

const LAYOUT_32: Layout = Layout {
    header_len: 52,
    e_phoff: 28,
    e_shoff: 32,
    e_phentsize: 42,
    e_phnum: 44,
    e_shentsize: 46,
    e_shnum: 48,
    e_shstrndx: 50,
    ph_len: 32,
    p_offset: 4,
    p_vaddr: 8,
    p_filesz: 16,
    sh_len: 40,
    sh_offset: 16,
    sh_size: 20,
    sh_link: 24,
    sh_addralign: 32,
    dyn_len: 8,
    sym_len: 16,
    st_shndx: 14,
    word: 4,
};

const LAYOUT_64: Layout = Layout {
    header_len: 64,
    e_phoff: 32,
    e_shoff: 40,
    e_phentsize: 54,
    e_phnum: 56,
    e_shentsize: 58,
    e_shnum: 60,
    e_shstrndx: 62,
    ph_len: 56,
    p_offset: 8,
    p_vaddr: 16,
    p_filesz: 32,
    sh_len: 64,
    sh_offset: 24,
    sh_size: 32,
    sh_link: 40,
    sh_addralign: 48,
    dyn_len: 16,
    sym_len: 24,
    st_shndx: 6,
    word: 8,
};

impl Class {
    /// The record layout of this class.
    pub(crate) fn layout(self) -> &'static Layout {
        match self {
            Self::Elf32 => &LAYOUT_32,
            Self::Elf64 => &LAYOUT_64,
        }
    }
}

/// The little-endian number of 1 to 8 bytes at `at`; 0 where the record is too short (callers check lengths first).
pub(crate) fn number(record: &[u8], at: usize, bytes: usize) -> u64 {
    let field = record.get(at..at.saturating_add(bytes)).unwrap_or_default();
    field.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// The `u16` at `at`.
pub(crate) fn half(record: &[u8], at: usize) -> u16 {
    number(record, at, 2) as u16
}

/// The `u32` at `at`.
pub(crate) fn word(record: &[u8], at: usize) -> u32 {
    number(record, at, 4) as u32
}

/// The bytes of `table` from `at` up to the next NUL; `None` when `at` is outside or no NUL follows.
pub(crate) fn c_string(table: &[u8], at: usize) -> Option<&[u8]> {
    let rest = table.get(at..)?;
    rest.iter().position(|byte| *byte == 0).map(|end| &rest[..end])
}
