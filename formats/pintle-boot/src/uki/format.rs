//! Offsets and numbers of PE images and of the Linux x86 boot protocol; little-endian.

// PE Format (Microsoft), "MS-DOS Stub" and "Signature"
/// Begins every image.
pub const DOS_MAGIC: [u8; 2] = *b"MZ";
/// u32, offset of the signature.
pub const LFANEW_AT: usize = 0x3c;
/// Begins the file header.
pub const PE_MAGIC: [u8; 4] = *b"PE\0\0";

// "COFF File Header", offsets from the signature
/// u16, machine.
pub const MACHINE_AT: usize = 4;
/// u16, number of sections.
pub const SECTION_COUNT_AT: usize = 6;
/// Two u32, where the symbol table is and how many symbols it has; deprecated for images.
pub const SYMBOLS_AT: usize = 12;
/// u16, length of the optional header.
pub const OPTIONAL_LEN_AT: usize = 20;
/// Where the optional header begins.
pub const OPTIONAL_AT: usize = 24;

// "Optional Header", offsets from its beginning; the same in PE32 and PE32+ but for the directories
/// `Magic` of PE32.
pub const MAGIC_PE32: u16 = 0x10b;
/// `Magic` of PE32+.
pub const MAGIC_PE32_PLUS: u16 = 0x20b;
/// u32, sum of the lengths of all sections of initialised data.
pub const INITIALIZED_LEN_AT: usize = 8;
/// u32, alignment of sections in memory.
pub const SECTION_ALIGN_AT: usize = 32;
/// u32, alignment of sections in the file.
pub const FILE_ALIGN_AT: usize = 36;
/// u32, length of the image in memory.
pub const IMAGE_LEN_AT: usize = 56;
/// u32, length of all headers, a multiple of the file alignment.
pub const HEADERS_LEN_AT: usize = 60;
/// u32, checksum of the file.
pub const CHECKSUM_AT: usize = 64;
/// u16, subsystem.
pub const SUBSYSTEM_AT: usize = 68;
/// u16, characteristics of the image.
pub const DLL_CHARACTERISTICS_AT: usize = 70;
/// u32 in PE32+, number of data directories; they follow.
pub const DIRECTORY_COUNT_AT: usize = 108;
/// The directory of certificates (signatures), an offset and a length of u32 each.
pub const CERTIFICATE_DIRECTORY: usize = 4;
/// `IMAGE_SUBSYSTEM_EFI_APPLICATION`.
pub const SUBSYSTEM_EFI_APPLICATION: u16 = 10;
/// `IMAGE_DLLCHARACTERISTICS_NX_COMPAT`.
pub const NX_COMPAT: u16 = 0x100;

// "Section Table (Section Headers)"
/// Length of an entry.
pub const SECTION_LEN: usize = 40;
/// `IMAGE_SCN_CNT_CODE`.
pub const SCN_CODE: u32 = 0x20;
/// `IMAGE_SCN_CNT_INITIALIZED_DATA`.
pub const SCN_INITIALIZED_DATA: u32 = 0x40;
/// `IMAGE_SCN_MEM_READ`.
pub const SCN_READ: u32 = 0x4000_0000;

// Linux Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header": offsets from the beginning of the file
/// u8, sectors of the setup code, less the first.
pub const SETUP_SECTORS_AT: usize = 0x1f1;
/// u16, [`BOOT_FLAG`].
pub const BOOT_FLAG_AT: usize = 0x1fe;
/// Boot sector signature.
pub const BOOT_FLAG: u16 = 0xaa55;
/// u32, [`HDRS_MAGIC`].
pub const HDRS_AT: usize = 0x202;
/// Begins the header.
pub const HDRS_MAGIC: [u8; 4] = *b"HdrS";
/// u16, boot protocol version, major and minor byte.
pub const PROTOCOL_AT: usize = 0x206;
/// u16, offset of the version text less 0x200; 0 is none.
pub const VERSION_POINTER_AT: usize = 0x20e;
/// u8, load flags; bit 0: the kernel proper is loaded at 1 MiB (bzImage).
pub const LOAD_FLAGS_AT: usize = 0x211;
/// u32, longest command line without its NUL (protocol 2.06 and later).
pub const CMDLINE_MAX_AT: usize = 0x238;
/// Longest command line before protocol 2.06.
pub const CMDLINE_MAX_OLD: u32 = 255;
