use super::GrubError;
use super::format::{KERNEL_END_MAX, KERNEL_LINK_ADDRESS};

const FILE: &str = "kernel.img";
// ELF gABI chapter 4: offsets in the 32-bit file header and section header.
const HEADER_LEN: usize = 52;
const SECTION_LEN: usize = 40;
const SECTIONS_MAX: u16 = 256;
const SHT_PROGBITS: u32 = 1;
const SHT_NOBITS: u32 = 8;
const SHF_ALLOC: u32 = 2;
const SHF_EXECINSTR: u32 = 4;

/// Turns `kernel.img` (an ELF file linked to run at [`KERNEL_LINK_ADDRESS`]) into the bytes that stand there, up to
/// `_edata`: the modules follow right behind, where GRUB looks for them. What comes after (.bss) is cleared by GRUB itself.
pub(super) fn flatten(elf: &[u8]) -> Result<Vec<u8>, GrubError> {
    let bad = |why| GrubError::malformed(FILE, why);
    let header = elf.get(..HEADER_LEN).ok_or_else(|| bad("it is shorter than an ELF header"))?;
    if !header.starts_with(b"\x7fELF\x01\x01") || u16_at(header, 18) != 3 {
        return Err(bad("it is not a 32-bit little-endian ELF file for i386"));
    }
    let (at, entry, count) = (u32_at(header, 32) as usize, u16_at(header, 46), u16_at(header, 48));
    if usize::from(entry) < SECTION_LEN || count > SECTIONS_MAX {
        return Err(bad("its section table has an impossible form"));
    }
    let table_len = usize::from(entry) * usize::from(count);
    let table = at.checked_add(table_len).and_then(|end| elf.get(at..end));
    let table = table.ok_or_else(|| bad("its section table lies outside of the file"))?;
    let mut out = Vec::new();
    for section in table.chunks_exact(usize::from(entry)) {
        let [kind, flags, address, offset, size] = [4, 8, 12, 16, 20].map(|at| u32_at(section, at));
        if flags & SHF_ALLOC == 0 || !matches!(kind, SHT_PROGBITS | SHT_NOBITS) || size == 0 {
            continue;
        }
        if flags & SHF_EXECINSTR != 0 && kind == SHT_PROGBITS && address != KERNEL_LINK_ADDRESS {
            return Err(bad("its code is not linked for address 0x9000"));
        }
        let start =
            address.checked_sub(KERNEL_LINK_ADDRESS).ok_or_else(|| bad("a section lies below its code"))?;
        let end = u64::from(address) + u64::from(size);
        if end > KERNEL_END_MAX {
            return Err(GrubError::CoreTooBig { what: "the kernel in memory", end, max: KERNEL_END_MAX });
        }
        if kind == SHT_NOBITS {
            continue;
        }
        let (offset, size, start) = (offset as usize, size as usize, start as usize);
        let bytes = offset.checked_add(size).and_then(|end| elf.get(offset..end));
        let bytes = bytes.ok_or_else(|| bad("a section lies outside of the file"))?;
        out.resize(out.len().max(start + size), 0);
        out[start..start + size].copy_from_slice(bytes);
    }
    if out.is_empty() { Err(bad("it has no code")) } else { Ok(out) }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
