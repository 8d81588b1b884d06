//! The protective MBR that stands before a GPT. Source: UEFI specification 2.10, section 5.2.3, table 5.4.

/// Bytes of a sector.
pub const SECTOR: usize = 512;
/// Bytes of boot code that precede the disk's signature.
pub const BOOT_CODE: usize = 440;
/// Type of the partition that covers a GPT disk.
pub const PROTECTIVE: u8 = 0xEE;
/// Ends the sector.
pub const SIGNATURE: [u8; 2] = [0x55, 0xAA];

/// LBA 0 of a GPT disk of `sectors` sectors: `boot_code` (all zero for none), no disk signature, and one partition
/// that covers the disk as far as 32 bits reach.
#[must_use]
pub fn protective(sectors: u64, boot_code: &[u8; BOOT_CODE]) -> [u8; SECTOR] {
    let len = u32::try_from(sectors.saturating_sub(1)).unwrap_or(u32::MAX);
    let mut out = [0; SECTOR];
    out[..BOOT_CODE].copy_from_slice(boot_code);
    let entry = &mut out[446..462];
    // Not bootable; from cylinder 0, head 0, sector 2, which is LBA 1.
    entry[..5].copy_from_slice(&[0, 0, 2, 0, PROTECTIVE]);
    entry[5..8].copy_from_slice(&last_chs(u64::from(len)));
    entry[8..12].copy_from_slice(&1u32.to_le_bytes());
    entry[12..].copy_from_slice(&len.to_le_bytes());
    out[510..].copy_from_slice(&SIGNATURE);
    out
}

/// The address of a sector as cylinder, head and sector on 255 heads and 63 sectors, or `FF FF FF` past what three
/// bytes can say.
fn last_chs(lba: u64) -> [u8; 3] {
    let (cylinder, head, sector) = (lba / (255 * 63), lba / 63 % 255, lba % 63 + 1);
    if cylinder > 1023 {
        return [0xFF; 3];
    }
    [head as u8, sector as u8 | (cylinder >> 2) as u8 & 0xC0, cylinder as u8]
}

/// True when `sector` (LBA 0) has a protective entry, in whichever of the four places.
#[must_use]
pub fn is_protective(sector: &[u8; SECTOR]) -> bool {
    sector[510..] == SIGNATURE && sector[446..510].chunks_exact(16).any(|entry| entry[4] == PROTECTIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_covers_the_disk() {
        let mbr = protective(204_800, &[0xAB; BOOT_CODE]);
        assert!(is_protective(&mbr) && mbr[..BOOT_CODE] == [0xAB; BOOT_CODE]);
        assert_eq!(mbr[446..462], [0, 0, 2, 0, 0xEE, 190, 50, 12, 1, 0, 0, 0, 0xFF, 0x1F, 3, 0]);
        let large = protective(1 << 40, &[0; BOOT_CODE]);
        assert_eq!(large[450..462], [0xEE, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        assert!(!is_protective(&[0; SECTOR]));
    }
}
