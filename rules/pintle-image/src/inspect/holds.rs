//! What stands at the beginning of a partition.

use serde::Serialize;

/// Bytes that [`holds`] wants to see.
pub const SNIFF: usize = 68 << 10;

/// What a partition holds, by its magic number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Holds {
    /// A file system, EROFS.
    Erofs,
    /// A file system, ext2 to ext4.
    Ext4,
    /// A file system, FAT.
    Vfat,
    /// A file system, XFS.
    Xfs,
    /// A file system, Btrfs.
    Btrfs,
    /// Encrypted data: LUKS.
    Luks,
    /// Hashes of dm-verity.
    Verity,
    /// Something else.
    Other,
    /// Nothing: zeros.
    Nothing,
}

/// Magic numbers, and where they stand.
const MAGIC: [(Holds, usize, &[u8]); 9] = [
    (Holds::Luks, 0, b"LUKS\xba\xbe"),
    (Holds::Verity, 0, b"verity\0\0"),
    (Holds::Xfs, 0, b"XFSB"),
    (Holds::Erofs, 1024, &[0xe2, 0xe1, 0xf5, 0xe0]),
    (Holds::Ext4, 1024 + 56, &[0x53, 0xef]),
    (Holds::Btrfs, (64 << 10) + 64, b"_BHRfS_M"),
    (Holds::Vfat, 82, b"FAT32   "),
    (Holds::Vfat, 54, b"FAT16   "),
    (Holds::Vfat, 54, b"FAT12   "),
];

/// What begins with these bytes, [`SNIFF`] of them where there are so many.
#[must_use]
pub fn holds(first: &[u8]) -> Holds {
    let is = |at: usize, magic: &[u8]| first.get(at..).is_some_and(|rest| rest.starts_with(magic));
    let found = MAGIC.iter().find(|(_, at, magic)| is(*at, magic)).map(|(holds, ..)| *holds);
    found.unwrap_or(if first.iter().all(|byte| *byte == 0) { Holds::Nothing } else { Holds::Other })
}

impl Holds {
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Erofs => "EROFS",
            Self::Ext4 => "ext4",
            Self::Vfat => "FAT",
            Self::Xfs => "XFS",
            Self::Btrfs => "Btrfs",
            Self::Luks => "LUKS",
            Self::Verity => "dm-verity hashes",
            Self::Other => "data",
            Self::Nothing => "nothing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_known_by_its_magic_number() {
        let mut bytes = vec![0; SNIFF];
        assert_eq!(holds(&bytes), Holds::Nothing);
        for (what, at, magic) in MAGIC {
            let mut bytes = bytes.clone();
            bytes[at..at + magic.len()].copy_from_slice(magic);
            assert_eq!(holds(&bytes), what);
        }
        bytes[7] = 1;
        assert_eq!(holds(&bytes), Holds::Other);
        assert_eq!(holds(b"LUKS"), Holds::Other, "cut off");
        assert_eq!(holds(b""), Holds::Nothing);
    }
}
