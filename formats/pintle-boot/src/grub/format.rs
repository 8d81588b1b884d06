//! Offsets, sizes and numbers that GRUB's parts agree on. Little-endian throughout.
//! Source: GNU GRUB 2.12, the header named at each group.

// include/grub/kernel.h
/// `grub_module_info32.magic`, "gmim".
pub const MODULE_MAGIC: u32 = 0x676d_696d;
/// `struct grub_module_info32`: magic, offset of the first object, size of everything.
pub const MODULE_INFO_LEN: usize = 12;
/// `struct grub_module_header`: type, size with this header.
pub const MODULE_HEADER_LEN: usize = 8;
/// Objects follow one another at multiples of a 32-bit word.
pub const OBJECT_ALIGN: usize = 4;
/// A module (ELF relocatable file).
pub const OBJ_ELF: u32 = 0;
/// A RAM disk.
pub const OBJ_MEMDISK: u32 = 1;
/// Commands run before anything is read from disk; NUL-terminated.
pub const OBJ_CONFIG: u32 = 2;
/// `$prefix`; NUL-terminated.
pub const OBJ_PREFIX: u32 = 3;

// include/grub/offsets.h
/// Where the uncompressed kernel is linked to run.
pub const KERNEL_LINK_ADDRESS: u32 = 0x9000;
/// Where the decompressor is linked to run; the core's second sector is loaded there.
pub const DECOMPRESSOR_ADDRESS: u32 = 0x8200;
/// In the decompressor: u32, length of the compressed data.
pub const COMPRESSED_SIZE_AT: usize = 0x08;
/// In the decompressor: u32, length of the decompressed data.
pub const UNCOMPRESSED_SIZE_AT: usize = 0x0c;
/// In the decompressor: u32, bytes of Reed-Solomon redundancy after the data; 0 is none.
pub const REDUNDANCY_AT: usize = 0x10;

// util/mkimage.c: bounds of the low memory that loading and running may touch
/// The loaded core must end below this (the disk buffer and BIOS data lie above).
pub const CORE_END_MAX: u64 = 0x7_8000;
/// The running kernel with its .bss must end below this.
pub const KERNEL_END_MAX: u64 = 0x6_8000;

// util/mkimage.c and grub-core/boot/i386/pc/lzma_decode.S (`FIXED_PROPS`)
/// LZMA: literal context bits.
pub const LZMA_LC: u32 = 3;
/// LZMA: literal position bits.
pub const LZMA_LP: u32 = 0;
/// LZMA: position bits.
pub const LZMA_PB: u32 = 2;

// include/grub/i386/pc/boot.h
/// A disk sector; GRUB's BIOS code knows no other.
pub const SECTOR: usize = 512;
/// `boot.img` up to the disk signature and partition table.
pub const BOOT_CODE_LEN: usize = 440;
/// In `boot.img`: u64, sector of the core's first sector.
pub const BOOT_KERNEL_SECTOR_AT: usize = 0x5c;
/// In `boot.img`: u8, drive to load from.
pub const BOOT_DRIVE_AT: usize = 0x64;
/// Value of the boot drive that means "the one the BIOS booted".
pub const BOOT_DRIVE_FROM_BIOS: u8 = 0xff;
/// In `boot.img`: a two-byte jump over the check that corrects a wrong drive number.
pub const BOOT_DRIVE_CHECK_AT: usize = 0x66;
/// `jmp` short, the first byte of that jump.
pub const JMP_SHORT: u8 = 0xeb;
/// `nop`, which makes the check happen.
pub const NOP: u8 = 0x90;
/// In `diskboot.img`: the last and only entry of the block list: u64 sector, u16 count, u16 segment.
pub const BLOCK_LIST_AT: usize = SECTOR - 12;
/// Segment the core's second sector is loaded to.
pub const BLOCK_LIST_SEGMENT: u16 = (DECOMPRESSOR_ADDRESS >> 4) as u16;
