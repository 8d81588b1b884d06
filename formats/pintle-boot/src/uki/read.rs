use super::format::{
    CERTIFICATE_DIRECTORY, DIRECTORY_COUNT_AT, DLL_CHARACTERISTICS_AT, DOS_MAGIC, FILE_ALIGN_AT,
    HEADERS_LEN_AT, IMAGE_LEN_AT, INITIALIZED_LEN_AT, LFANEW_AT, MACHINE_AT, MAGIC_PE32, MAGIC_PE32_PLUS,
    OPTIONAL_AT, OPTIONAL_LEN_AT, PE_MAGIC, SECTION_ALIGN_AT, SECTION_COUNT_AT, SECTION_LEN, SUBSYSTEM_AT,
};
use pintle_model::Limit;

/// All headers of an image that [`Pe::parse`] accepts lie within this many bytes from its beginning.
pub const HEAD_LEN: u64 = 64 << 10;

/// Bounds on PE images.
#[derive(Clone, Copy, Debug)]
pub struct PeLimits {
    /// Number of sections.
    pub sections: Limit,
}

impl Default for PeLimits {
    fn default() -> Self {
        // The Windows loader's own limit; a UKI with several profiles has a few dozen.
        Self { sections: Limit::new(96, "sections in one PE image") }
    }
}

/// The headers of a PE image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pe {
    /// `Machine`: 0x8664 is x86-64, 0xaa64 AArch64.
    pub machine: u16,
    /// `Subsystem`: 10 is an EFI application.
    pub subsystem: u16,
    /// `DllCharacteristics`.
    pub dll_characteristics: u16,
    /// Alignment of sections in memory, a power of two.
    pub section_alignment: u32,
    /// Alignment of sections in the file, a power of two.
    pub file_alignment: u32,
    /// `SizeOfInitializedData`.
    pub initialized_len: u32,
    /// `SizeOfImage`.
    pub image_len: u32,
    /// `SizeOfHeaders`.
    pub headers_len: u32,
    /// The certificate table is not empty.
    pub signed: bool,
    /// Offset of the PE signature.
    pub header_at: usize,
    /// Offset of the section table.
    pub sections_at: usize,
    /// Sections, as the table has them; each lies within the file.
    pub sections: Vec<PeSection>,
}

/// One section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeSection {
    /// Name, without the NULs that fill it up.
    pub name: String,
    /// Length in memory.
    pub virtual_len: u32,
    /// Address in memory, relative to the image.
    pub virtual_at: u32,
    /// Length in the file.
    pub raw_len: u32,
    /// Offset in the file.
    pub raw_at: u32,
    /// `Characteristics`.
    pub characteristics: u32,
}

/// Why bytes are no PE image that can be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PeError {
    /// Not a PE image at all.
    #[error("not a PE image: {0}")]
    NotPe(&'static str),
    /// A header reaches beyond what was given.
    #[error("the PE {what} ends at byte {end}, beyond the {available} bytes there are")]
    Truncated {
        /// Which header.
        what: &'static str,
        /// Its end.
        end: u64,
        /// What is there.
        available: u64,
    },
    /// Over a limit.
    #[error("{count} {what}, over the limit of {max}")]
    Limit {
        /// How many.
        count: u64,
        /// Of what.
        what: &'static str,
        /// The limit.
        max: u64,
    },
    /// An alignment that no loader accepts.
    #[error("PE {what} alignment {value:#x} is not a power of two from 0x20 to 0x100000")]
    Alignment {
        /// Section or file.
        what: &'static str,
        /// As found.
        value: u32,
    },
    /// A section that is not in the file.
    #[error("PE section `{name}` lies at bytes {from} to {to} of a file of {len} bytes")]
    SectionOutside {
        /// Its name.
        name: String,
        /// First byte.
        from: u64,
        /// Byte after the last.
        to: u64,
        /// Length of the file.
        len: u64,
    },
}

impl Pe {
    /// Reads the headers from `head`, the first [`HEAD_LEN`] bytes (or all) of a file of `file_len` bytes.
    ///
    /// # Errors
    /// [`PeError`].
    pub fn parse(head: &[u8], file_len: u64, limits: &PeLimits) -> Result<Self, PeError> {
        if !head.starts_with(&DOS_MAGIC) {
            return Err(PeError::NotPe("it does not begin with `MZ`"));
        }
        let header_at = get_u32(field(head, LFANEW_AT, 4, "DOS header")?, 0) as usize;
        let file_header = field(head, header_at, OPTIONAL_AT, "file header")?;
        if !file_header.starts_with(&PE_MAGIC) {
            return Err(PeError::NotPe("its header does not begin with `PE`"));
        }
        let count = get_u16(file_header, SECTION_COUNT_AT);
        if !limits.sections.allows(count.into()) {
            let Limit { max, what } = limits.sections;
            return Err(PeError::Limit { count: count.into(), what, max });
        }
        let optional_len = usize::from(get_u16(file_header, OPTIONAL_LEN_AT));
        let optional = field(head, header_at + OPTIONAL_AT, optional_len, "optional header")?;
        if optional_len < 96 || !matches!(get_u16(optional, 0), MAGIC_PE32 | MAGIC_PE32_PLUS) {
            return Err(PeError::NotPe("its optional header is neither PE32 nor PE32+"));
        }
        let sections_at = header_at + OPTIONAL_AT + optional_len;
        let table = field(head, sections_at, usize::from(count) * SECTION_LEN, "section table")?;
        let sections = table.chunks_exact(SECTION_LEN).map(|entry| PeSection::parse(entry, file_len));
        Ok(Self {
            machine: get_u16(file_header, MACHINE_AT),
            subsystem: get_u16(optional, SUBSYSTEM_AT),
            dll_characteristics: get_u16(optional, DLL_CHARACTERISTICS_AT),
            section_alignment: alignment(optional, SECTION_ALIGN_AT, "section")?,
            file_alignment: alignment(optional, FILE_ALIGN_AT, "file")?,
            initialized_len: get_u32(optional, INITIALIZED_LEN_AT),
            image_len: get_u32(optional, IMAGE_LEN_AT),
            headers_len: get_u32(optional, HEADERS_LEN_AT),
            signed: is_signed(optional),
            header_at,
            sections_at,
            sections: sections.collect::<Result<_, _>>()?,
        })
    }

    /// The text in the first section of that name of `image`, the whole file, without what fills it up.
    #[must_use]
    pub fn text(&self, image: &[u8], name: &str) -> Option<String> {
        let section = self.section(name)?;
        let from = usize::try_from(section.raw_at).ok()?;
        let bytes = image.get(from..from.checked_add(usize::try_from(section.data_len()).ok()?)?)?;
        Some(String::from_utf8_lossy(bytes).trim_end_matches(['\0', '\n', ' ']).to_owned())
    }

    /// The first section of that name.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&PeSection> {
        self.sections.iter().find(|section| section.name == name)
    }
}

impl PeSection {
    fn parse(entry: &[u8], file_len: u64) -> Result<Self, PeError> {
        let name = entry[..8].split(|b| *b == 0).next().unwrap_or_default();
        let [virtual_len, virtual_at, raw_len, raw_at, characteristics] =
            [8, 12, 16, 20, 36].map(|at| get_u32(entry, at));
        let name = String::from_utf8_lossy(name).into_owned();
        let (from, to) = (u64::from(raw_at), u64::from(raw_at) + u64::from(raw_len));
        if to > file_len && raw_len > 0 {
            return Err(PeError::SectionOutside { name, from, to, len: file_len });
        }
        Ok(Self { name, virtual_len, virtual_at, raw_len, raw_at, characteristics })
    }

    /// How many bytes of it are content: the raw length without padding.
    #[must_use]
    pub fn data_len(&self) -> u32 {
        self.virtual_len.min(self.raw_len)
    }
}

fn is_signed(optional: &[u8]) -> bool {
    // PE32 has 32-bit addresses where PE32+ has 64: its directories begin 16 bytes earlier.
    let shift = if get_u16(optional, 0) == MAGIC_PE32 { 16 } else { 0 };
    let at = DIRECTORY_COUNT_AT - shift;
    let entry = at + 4 + CERTIFICATE_DIRECTORY * 8;
    if optional.len() < entry + 8 || (get_u32(optional, at) as usize) <= CERTIFICATE_DIRECTORY {
        return false;
    }
    get_u32(optional, entry) != 0
}

fn alignment(optional: &[u8], at: usize, what: &'static str) -> Result<u32, PeError> {
    let value = get_u32(optional, at);
    if value.is_power_of_two() && (0x20..=0x10_0000).contains(&value) {
        Ok(value)
    } else {
        Err(PeError::Alignment { what, value })
    }
}

fn field<'a>(head: &'a [u8], at: usize, len: usize, what: &'static str) -> Result<&'a [u8], PeError> {
    let end = at.saturating_add(len);
    head.get(at..end).ok_or(PeError::Truncated { what, end: end as u64, available: head.len() as u64 })
}

pub(super) fn get_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn get_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
