use super::GrubError;
use super::format::{
    BLOCK_LIST_AT, BLOCK_LIST_SEGMENT, BOOT_CODE_LEN, BOOT_DRIVE_AT, BOOT_DRIVE_CHECK_AT,
    BOOT_DRIVE_FROM_BIOS, BOOT_KERNEL_SECTOR_AT, JMP_SHORT, NOP, SECTOR,
};

/// A core image that knows its place.
#[derive(Clone, PartialEq, Eq)]
pub struct Embedded {
    /// First 440 bytes of the disk.
    pub boot_code: [u8; BOOT_CODE_LEN],
    /// What the BIOS boot partition begins with; whole sectors.
    pub core: Vec<u8>,
}

/// Fits `core` (of [`super::core_image`]) to a BIOS boot partition that begins at sector `start` (of 512 bytes), as
/// `grub-bios-setup --no-rs-codes` does for a hard disk.
///
/// # Errors
/// [`GrubError::Malformed`] for a `boot_img` or `core` that is none, [`GrubError::BadStart`].
pub fn embed(boot_img: &[u8], mut core: Vec<u8>, start: u64) -> Result<Embedded, GrubError> {
    if boot_img.len() != SECTOR || boot_img[SECTOR - 2..] != [0x55, 0xaa] {
        return Err(GrubError::malformed("boot.img", "it is not a boot sector of 512 bytes"));
    }
    if boot_img[BOOT_DRIVE_CHECK_AT] != JMP_SHORT {
        return Err(GrubError::malformed(
            "boot.img",
            "the jump over its drive check is not where it should be",
        ));
    }
    core.resize(core.len().next_multiple_of(SECTOR), 0);
    let rest =
        u16::try_from(core.len() / SECTOR).ok().and_then(|all| all.checked_sub(1)).filter(|rest| *rest > 0);
    let rest = rest.ok_or_else(|| GrubError::malformed("core.img", "it must have 2 to 65535 sectors"))?;
    // Sector 0 is the boot sector itself, and the end must be a sector number too.
    if start == 0 || start.checked_add(u64::from(rest)).is_none() {
        return Err(GrubError::BadStart(start));
    }

    let mut boot_code = [0; BOOT_CODE_LEN];
    boot_code.copy_from_slice(&boot_img[..BOOT_CODE_LEN]);
    boot_code[BOOT_KERNEL_SECTOR_AT..BOOT_KERNEL_SECTOR_AT + 8].copy_from_slice(&start.to_le_bytes());
    boot_code[BOOT_DRIVE_AT] = BOOT_DRIVE_FROM_BIOS;
    // Some BIOSes hand over 0 or 1 for the first hard disk: let the boot code correct it.
    boot_code[BOOT_DRIVE_CHECK_AT..BOOT_DRIVE_CHECK_AT + 2].copy_from_slice(&[NOP, NOP]);

    // One run: the partition is contiguous. The entry below it stays the terminator that diskboot.img has.
    let list = &mut core[BLOCK_LIST_AT..SECTOR];
    list[..8].copy_from_slice(&(start + 1).to_le_bytes());
    list[8..10].copy_from_slice(&rest.to_le_bytes());
    list[10..].copy_from_slice(&BLOCK_LIST_SEGMENT.to_le_bytes());
    Ok(Embedded { boot_code, core })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot() -> Vec<u8> {
        let mut boot = vec![0; 512];
        boot[BOOT_DRIVE_CHECK_AT] = JMP_SHORT;
        boot[510..].copy_from_slice(&[0x55, 0xaa]);
        boot
    }

    #[test]
    fn the_core_learns_its_place() {
        let made = embed(&boot(), vec![7; 1500], 2048).unwrap();
        assert_eq!(made.core.len(), 1536);
        assert_eq!(made.core[500..512], [1, 8, 0, 0, 0, 0, 0, 0, 2, 0, 0x20, 8]);
        assert_eq!(made.boot_code[0x5c..0x68], [0, 8, 0, 0, 0, 0, 0, 0, 0xff, 0, 0x90, 0x90]);
    }

    #[test]
    fn impossible_places_are_refused() {
        let error = |boot: &[u8], core: usize, at| embed(boot, vec![0; core], at).err().unwrap().to_string();
        insta::assert_snapshot!(error(&[0; 512], 2048, 34), @"GRUB's file `boot.img` cannot be used: it is not a boot sector of 512 bytes");
        insta::assert_snapshot!(error(&boot(), 512, 34), @"GRUB's file `core.img` cannot be used: it must have 2 to 65535 sectors");
        insta::assert_snapshot!(error(&boot(), 2048, 0), @"a BIOS boot partition cannot begin at sector 0");
        assert!(embed(&boot(), vec![0; 2048], u64::MAX).is_err());
    }
}
