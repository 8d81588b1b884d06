use super::format::{
    CHECKSUM_AT, DLL_CHARACTERISTICS_AT, HEADERS_LEN_AT, IMAGE_LEN_AT, INITIALIZED_LEN_AT, NX_COMPAT,
    OPTIONAL_AT, SCN_CODE, SCN_INITIALIZED_DATA, SCN_READ, SECTION_COUNT_AT, SECTION_LEN,
    SUBSYSTEM_EFI_APPLICATION, SYMBOLS_AT,
};
use super::read::{HEAD_LEN, Pe, PeError, PeLimits};
use super::sbat;
use pintle_model::{Blob, Bytes, Contents, Limit, Segment};
use std::io;

/// What becomes part of a unified kernel image beside the stub. Empty parts are left out.
#[derive(Clone, Debug)]
pub struct Sections<'a> {
    /// `.osrel`: os-release of the system inside.
    pub os_release: &'a [u8],
    /// `.cmdline`: the kernel command line.
    pub cmdline: &'a str,
    /// `.dtb`: the device tree that replaces the firmware's.
    pub device_tree: Option<&'a Blob>,
    /// `.uname`: `uname -r` of the kernel.
    pub uname: &'a str,
    /// `.pcrpkey`: public key, in PEM, of who signs PCR policies; systemd finds it in `/.extra` of the initrd.
    pub pcr_key: &'a str,
    /// `.pcrsig`: signed policies about all other sections ([`crate::measure`]), for which the image is made without it
    /// first.
    pub pcr_signature: &'a str,
    /// `.linux`: the kernel, an EFI program itself.
    pub linux: &'a Blob,
    /// `.initrd`.
    pub initrd: Option<&'a Blob>,
}

/// Why no unified kernel image could be made.
#[derive(Debug, thiserror::Error)]
pub enum UkiError {
    /// The stub is no PE image.
    #[error("systemd's EFI stub cannot be used")]
    Stub(#[source] PeError),
    /// The stub is larger than any stub.
    #[error("systemd's EFI stub has {len} bytes, over the limit of {max} bytes")]
    StubTooLarge {
        /// Its length.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// The stub is a PE image, but not one to build on.
    #[error("systemd's EFI stub cannot be used: {0}")]
    NotAStub(&'static str),
    /// The stub's headers have no room for all sections.
    #[error("systemd's EFI stub has room for {room} sections in its headers, {needed} are needed")]
    NoHeaderRoom {
        /// How many fit.
        room: usize,
        /// How many there are to add.
        needed: usize,
    },
    /// The kernel is no PE image, so the stub could not start it.
    #[error("the kernel is no EFI program (built without CONFIG_EFI_STUB?)")]
    Kernel(#[source] PeError),
    /// The kernel is for another machine than the stub.
    #[error("the kernel is for machine {kernel:#06x}, systemd's EFI stub for {stub:#06x}")]
    Machine {
        /// Of the kernel.
        kernel: u16,
        /// Of the stub.
        stub: u16,
    },
    /// The SBAT lines of stub and kernel together need more room than the stub has.
    #[error(
        "the SBAT lines of stub and kernel do not fit in the {room} bytes that systemd's EFI stub has for them"
    )]
    SbatTooLong {
        /// The room.
        room: u32,
    },
    /// PE images end at 4 GiB.
    #[error("the unified kernel image would be larger than 4 GiB at section `{0}`")]
    TooLarge(&'static str),
    /// Reading kernel or initrd failed.
    #[error("reading the parts of the unified kernel image failed")]
    Read(#[source] io::Error),
}

/// systemd 257's stub has 92 kB.
const STUB_MAX: Limit = Limit::new(4 << 20, "bytes in systemd's EFI stub");
/// SBAT data of a kernel that is read at most.
const SBAT_MAX: u32 = 64 << 10;

/// Builds a unified kernel image on `stub` (systemd's `linux*.efi.stub`), with the sections in the order of systemd
/// 257's `ukify`: `.osrel`, `.cmdline`, `.dtb`, `.uname`, `.pcrpkey`, `.linux`, `.initrd`, `.pcrsig`; the kernel's SBAT lines
/// join the stub's own.
///
/// The result points at the bytes of kernel and initrd; they are read once, for the checksum, and not kept.
///
/// # Errors
/// [`UkiError`].
pub fn assemble(stub: &[u8], sections: &Sections<'_>, contents: &dyn Contents) -> Result<Blob, UkiError> {
    let len = stub.len() as u64;
    if !STUB_MAX.allows(len) {
        return Err(UkiError::StubTooLarge { len, max: STUB_MAX.max });
    }
    let pe = check_stub(stub)?;
    let head = read(sections.linux, 0, HEAD_LEN.min(sections.linux.len()), contents)?;
    let kernel = Pe::parse(&head, sections.linux.len(), &PeLimits::default()).map_err(UkiError::Kernel)?;
    if kernel.machine != pe.machine {
        return Err(UkiError::Machine { kernel: kernel.machine, stub: pe.machine });
    }

    let mut image = Image::new(without_symbols(stub, &pe), pe);
    image.sbat(&kernel, sections.linux, contents)?;
    if kernel.dll_characteristics & NX_COMPAT == 0 {
        // Firmware that enforces W^X trusts the flag for the whole image, and the kernel runs inside of it.
        image.set_u16(DLL_CHARACTERISTICS_AT, image.pe.dll_characteristics & !NX_COMPAT);
    }
    let parts = [
        (".osrel", Some(Blob::inline(sections.os_release)), SCN_INITIALIZED_DATA),
        (".cmdline", Some(Blob::inline(sections.cmdline.as_bytes())), SCN_INITIALIZED_DATA),
        (".dtb", sections.device_tree.cloned(), SCN_INITIALIZED_DATA),
        (".uname", Some(Blob::inline(sections.uname.as_bytes())), SCN_INITIALIZED_DATA),
        (".pcrpkey", Some(Blob::inline(sections.pcr_key.as_bytes())), SCN_INITIALIZED_DATA),
        (".linux", Some(sections.linux.clone()), SCN_CODE),
        (".initrd", sections.initrd.cloned(), SCN_INITIALIZED_DATA),
        (".pcrsig", Some(Blob::inline(sections.pcr_signature.as_bytes())), SCN_INITIALIZED_DATA),
    ];
    let parts = parts.into_iter().filter_map(|(name, blob, kind)| Some((name, blob?, kind)));
    let parts: Vec<_> = parts.filter(|(_, blob, _)| !blob.is_empty()).collect();
    image.reserve(parts.len())?;
    for (name, blob, kind) in &parts {
        image.add(name, blob, *kind)?;
    }
    image.finish(contents)
}

fn check_stub(stub: &[u8]) -> Result<Pe, UkiError> {
    let pe = Pe::parse(stub, stub.len() as u64, &PeLimits::default()).map_err(UkiError::Stub)?;
    if pe.subsystem != SUBSYSTEM_EFI_APPLICATION {
        return Err(UkiError::NotAStub("it is no EFI application"));
    }
    if pe.signed {
        return Err(UkiError::NotAStub(
            "it is signed, and the signature would not hold for what is built on it",
        ));
    }
    if pe.section(".linux").is_some() {
        return Err(UkiError::NotAStub("it holds a kernel already"));
    }
    if pe.sections.is_empty() {
        return Err(UkiError::NotAStub("it has no sections"));
    }
    let table_end = (pe.sections_at + pe.sections.len() * SECTION_LEN) as u64;
    if pe.sections.iter().any(|section| section.raw_len > 0 && u64::from(section.raw_at) < table_end) {
        return Err(UkiError::NotAStub("one of its sections lies in its headers"));
    }
    Ok(pe)
}

/// The stub up to the end of its last section. Some are built with a symbol table behind it, which nobody reads at boot:
/// between sections it would be a gap, and tools disagree about what a signature covers then.
fn without_symbols(stub: &[u8], pe: &Pe) -> Vec<u8> {
    let used = pe.sections.iter().map(|section| u64::from(section.raw_at) + u64::from(section.raw_len)).max();
    let end =
        used.unwrap_or_default().max((pe.sections_at + pe.sections.len() * SECTION_LEN) as u64) as usize;
    let mut stub = stub.to_vec();
    if end < stub.len() {
        stub.truncate(end);
        let at = pe.header_at + SYMBOLS_AT;
        stub[at..at + 8].fill(0);
    }
    stub
}

/// The image while it grows: `stub` holds the stub with its headers, changed in place; what is added lies behind it.
struct Image {
    stub: Vec<u8>,
    pe: Pe,
    added: Vec<Segment>,
    file_end: u64,
    memory_end: u64,
    sections: usize,
    initialized: u64,
}

impl Image {
    fn new(stub: Vec<u8>, pe: Pe) -> Self {
        let memory_end = pe.sections.iter().map(|s| u64::from(s.virtual_at) + u64::from(s.virtual_len)).max();
        let file_end = stub.len() as u64;
        let (sections, initialized) = (pe.sections.len(), u64::from(pe.initialized_len));
        let memory_end = memory_end.unwrap_or_default();
        Self { stub, added: Vec::new(), file_end, memory_end, sections, initialized, pe }
    }

    /// Makes room in the headers: up to the file alignment, which the loader copies anyway, but not into a section.
    fn reserve(&mut self, needed: usize) -> Result<(), UkiError> {
        let headers = u64::from(self.pe.headers_len).next_multiple_of(u64::from(self.pe.file_alignment));
        let used = self.pe.sections.iter().filter(|s| s.raw_len > 0).map(|s| u64::from(s.raw_at));
        let mapped = self.pe.sections.iter().map(|s| u64::from(s.virtual_at));
        let end = used.chain(mapped).min().unwrap_or(headers).min(headers).min(self.stub.len() as u64);
        let table = self.pe.sections_at + self.sections * SECTION_LEN;
        let room = (end as usize).saturating_sub(table) / SECTION_LEN;
        if room < needed {
            return Err(UkiError::NoHeaderRoom { room, needed });
        }
        self.set_u32(HEADERS_LEN_AT, (headers.min(end) as u32).max(self.pe.headers_len));
        Ok(())
    }

    fn add(&mut self, name: &'static str, blob: &Blob, kind: u32) -> Result<(), UkiError> {
        let fits = |value: u64| u32::try_from(value).map_err(|_| UkiError::TooLarge(name));
        let align = u64::from(self.pe.file_alignment);
        let raw_at = self.file_end.next_multiple_of(align);
        let raw_len = blob.len().checked_next_multiple_of(align).ok_or(UkiError::TooLarge(name))?;
        let virtual_at = self.memory_end.next_multiple_of(u64::from(self.pe.section_alignment));
        let file_end = raw_at.checked_add(raw_len).ok_or(UkiError::TooLarge(name))?;
        fits(file_end)?;
        fits((virtual_at + blob.len()).next_multiple_of(u64::from(self.pe.section_alignment)))?;

        let at = self.pe.sections_at + self.sections * SECTION_LEN;
        let entry = &mut self.stub[at..at + SECTION_LEN];
        entry.fill(0);
        entry[..name.len()].copy_from_slice(name.as_bytes());
        let values = [
            (8, fits(blob.len())?),
            (12, fits(virtual_at)?),
            (16, fits(raw_len)?),
            (20, fits(raw_at)?),
            (36, kind | SCN_READ),
        ];
        for (at, value) in values {
            entry[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        self.added.extend(blob.segments().iter().map(|s| Segment { at: raw_at + s.at, ..s.clone() }));
        (self.file_end, self.memory_end) = (file_end, virtual_at + blob.len());
        self.sections += 1;
        self.initialized += blob.len();
        Ok(())
    }

    /// Puts the merged SBAT lines in the place of the stub's.
    fn sbat(&mut self, kernel: &Pe, linux: &Blob, contents: &dyn Contents) -> Result<(), UkiError> {
        let Some(index) = self.pe.sections.iter().position(|section| section.name == ".sbat") else {
            return Ok(());
        };
        let section = &self.pe.sections[index];
        let (from, room) = (section.raw_at as usize, section.raw_len);
        let own = &self.stub[from..from + section.data_len() as usize];
        let theirs = match kernel.section(".sbat") {
            Some(s) => Some(read(linux, s.raw_at.into(), s.data_len().min(SBAT_MAX).into(), contents)?),
            None => None,
        };
        // Grown in memory it must not reach into the next section.
        let next = self.pe.sections.iter().map(|s| s.virtual_at).filter(|at| *at > section.virtual_at).min();
        let room = next.map_or(room, |next| room.min(next - section.virtual_at));
        let lines =
            sbat::merge(own, theirs.as_deref(), room as usize).ok_or(UkiError::SbatTooLong { room })?;
        self.stub[from..from + room as usize].fill(0);
        self.stub[from..from + lines.len()].copy_from_slice(&lines);
        let virtual_len_at = self.pe.sections_at + index * SECTION_LEN + 8;
        self.stub[virtual_len_at..virtual_len_at + 4].copy_from_slice(&(lines.len() as u32).to_le_bytes());
        Ok(())
    }

    fn finish(mut self, contents: &dyn Contents) -> Result<Blob, UkiError> {
        let too_large = |_| UkiError::TooLarge("the last");
        let image_len = self.memory_end.next_multiple_of(u64::from(self.pe.section_alignment));
        self.set_u32(IMAGE_LEN_AT, u32::try_from(image_len).map_err(too_large)?);
        self.set_u32(INITIALIZED_LEN_AT, u32::try_from(self.initialized).map_err(too_large)?);
        self.set_u32(CHECKSUM_AT, 0);
        let at = self.pe.header_at + SECTION_COUNT_AT;
        self.stub[at..at + 2].copy_from_slice(&(self.sections as u16).to_le_bytes());
        let sum = checksum(&self.blob(), contents).map_err(UkiError::Read)?;
        self.set_u32(CHECKSUM_AT, sum);
        Ok(self.blob())
    }

    fn blob(&self) -> Blob {
        let len = self.stub.len() as u64;
        let mut segments = vec![Segment { at: 0, len, bytes: Bytes::Inline(self.stub.clone().into()) }];
        segments.extend(self.added.iter().cloned());
        Blob::sparse(self.file_end, segments).expect("invariant: sections follow one another behind the stub")
    }

    fn set_u32(&mut self, at: usize, value: u32) {
        let at = self.pe.header_at + OPTIONAL_AT + at;
        self.stub[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    fn set_u16(&mut self, at: usize, value: u16) {
        let at = self.pe.header_at + OPTIONAL_AT + at;
        self.stub[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
}

fn read(blob: &Blob, from: u64, len: u64, contents: &dyn Contents) -> Result<Vec<u8>, UkiError> {
    let mut out = vec![0; len as usize];
    blob.read_at(contents, from, &mut out).map_err(UkiError::Read)?;
    Ok(out)
}

/// The image checksum with the field itself taken as 0, as it is now: a sum of 16-bit words with the carry added back,
/// plus the length (`ImageHlp` of Windows; no firmware checks it, signing tools and linters do).
pub(crate) fn checksum(image: &Blob, contents: &dyn Contents) -> io::Result<u32> {
    let mut buffer = vec![0; 1 << 17];
    let (mut sum, mut at) = (0u64, 0);
    while at < image.len() {
        let n = (image.len() - at).min(buffer.len() as u64) as usize;
        image.read_at(contents, at, &mut buffer[..n])?;
        // The chunk is even but for the last; 2^16 words of 16 bits cannot overflow.
        let (words, odd) = buffer[..n].as_chunks::<2>();
        sum += words.iter().map(|word| u64::from(u16::from_le_bytes(*word))).sum::<u64>();
        sum += odd.first().map_or(0, |last| u64::from(*last));
        at += n as u64;
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // Images end at 4 GiB, so the length is a u32; the format's own sum wraps likewise.
    Ok((sum as u32).wrapping_add(image.len() as u32))
}
