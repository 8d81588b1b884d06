use super::Error;
use super::format::SECTOR;
use std::fmt;

/// FAT16 or FAT32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FatType {
    /// 4085 to 65524 clusters.
    Fat16,
    /// 65525 clusters and more.
    Fat32,
}

impl FatType {
    /// Bytes of one entry of the table.
    pub(super) fn entry(self) -> u64 {
        match self {
            Self::Fat16 => 2,
            Self::Fat32 => 4,
        }
    }

    /// The numbers of clusters that make a volume this type to every reader (fatgen103 pages 14-15: much software is
    /// off by a few, "stay at least 16 clusters away from the cut-off").
    fn counts(self) -> std::ops::RangeInclusive<u64> {
        match self {
            Self::Fat16 => 4085 + 16..=65_524 - 16,
            Self::Fat32 => 65_525 + 16..=0x0FFF_FFF4,
        }
    }
}

impl fmt::Display for FatType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fat16 => "FAT16",
            Self::Fat32 => "FAT32",
        })
    }
}

/// No volume is smaller than this many bytes: 4101 clusters of one sector with their tables.
pub const TOO_SMALL: u64 = 2_136_576;
/// From here on every volume is FAT32.
pub(super) const FAT32_FROM: u64 = 34 << 20;
/// The file data starts at multiples of this, so that extents of a store can be shared with the image.
const ALIGN: u64 = 4096 / SECTOR;
/// Directory entries of a FAT16 root that needs no more; as every formatter makes it.
const ROOT_ENTRIES: u64 = 512;
/// Most that the field holds with whole blocks of 4096 bytes.
pub(super) const ROOT_ENTRIES_MAX: u64 = 65_408;

/// Where everything stands, in sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) fat: FatType,
    pub(super) sectors: u32,
    pub(super) per_cluster: u8,
    pub(super) reserved: u16,
    /// Length of one table.
    pub(super) fat_sectors: u32,
    /// Entries of the fixed root directory; 0 for FAT32.
    pub(super) root_entries: u16,
    /// First sector of cluster 2.
    pub(super) data: u32,
    pub(super) clusters: u32,
}

impl Geometry {
    pub(super) fn cluster_size(&self) -> u64 {
        u64::from(self.per_cluster) * SECTOR
    }

    /// Byte offset of a cluster.
    pub(super) fn cluster_at(&self, cluster: u32) -> u64 {
        u64::from(self.data) * SECTOR + u64::from(cluster - 2) * self.cluster_size()
    }

    /// Byte offset of the first (0) or second table.
    pub(super) fn table_at(&self, copy: u64) -> u64 {
        (u64::from(self.reserved) + copy * u64::from(self.fat_sectors)) * SECTOR
    }

    /// Byte offset of FAT16's root directory.
    pub(super) fn root_at(&self) -> u64 {
        self.table_at(2)
    }
}

/// The geometry for `size` bytes whose root directory has `root_entries` entries. FAT32 wherever it can be, with the
/// largest cluster up to what Microsoft's own formatter takes for the size (fatgen103 page 20); else FAT16.
pub(super) fn choose(size: u64, root_entries: u64) -> Result<Geometry, Error> {
    let bad = |why| Error::Size { size, why };
    if !size.is_multiple_of(SECTOR) {
        return Err(bad("it must be a multiple of 512"));
    }
    let sectors = u32::try_from(size / SECTOR).map_err(|_| bad("2 TiB is the most"))?;
    let largest = match size >> 30 {
        ..8 => 8,
        8..16 => 16,
        16..32 => 32,
        _ => 64,
    };
    let down = (0..7).rev().map(|n| 1 << n).filter(|n| *n <= largest);
    if let Some(found) = down.filter_map(|n| fit(FatType::Fat32, sectors, n, root_entries)).next() {
        return Ok(found);
    }
    let up = (0..7).map(|n| 1 << n);
    up.filter_map(|n| fit(FatType::Fat16, sectors, n, root_entries))
        .next()
        .ok_or_else(|| bad("it is too small for FAT16, which needs 4101 clusters (about 2.1 MiB)"))
}

/// One candidate; `None` when the number of clusters would make it another type.
fn fit(fat: FatType, sectors: u32, per_cluster: u8, root_entries: u64) -> Option<Geometry> {
    let root_entries = match fat {
        FatType::Fat16 => root_entries.max(ROOT_ENTRIES).next_multiple_of(ALIGN * 16).min(ROOT_ENTRIES_MAX),
        FatType::Fat32 => 0,
    };
    // Enough for every cluster there could be if the tables took no room: at most a few sectors too many.
    let most = u64::from(sectors) / u64::from(per_cluster) + 2;
    let fat_sectors = (most * fat.entry()).div_ceil(SECTOR);
    let least = match fat {
        FatType::Fat16 => 1,
        FatType::Fat32 => 32,
    };
    let data = (least + 2 * fat_sectors + root_entries / 16).next_multiple_of(ALIGN);
    let clusters = u64::from(sectors).checked_sub(data)? / u64::from(per_cluster);
    fat.counts().contains(&clusters).then_some(Geometry {
        fat,
        sectors,
        per_cluster,
        reserved: (data - 2 * fat_sectors - root_entries / 16) as u16,
        fat_sectors: fat_sectors as u32,
        root_entries: root_entries as u16,
        data: data as u32,
        clusters: clusters as u32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_clusters_always_says_the_type() {
        let sizes = (0..600).map(|n| TOO_SMALL + n * 512).chain((3..40_000).map(|n| n * 1_048_576 / 8 * 3));
        for size in sizes.map(|size| size / 512 * 512).filter(|size| *size >= TOO_SMALL) {
            let geometry = choose(size, 0).unwrap();
            let (clusters, fat) = (u64::from(geometry.clusters), geometry.fat);
            assert_eq!(fat == FatType::Fat32, clusters >= 65_525, "{size}");
            assert!(fat.counts().contains(&clusters) && geometry.data.is_multiple_of(8), "{size}");
            assert!((clusters + 2) * fat.entry() <= u64::from(geometry.fat_sectors) * SECTOR, "{size}");
            assert!(size < FAT32_FROM || fat == FatType::Fat32, "{size}");
        }
        assert!(choose(TOO_SMALL - 512, 0).is_err());
    }

    #[test]
    fn usual_sizes_get_usual_clusters() {
        for (mib, fat, sectors) in [
            (16, FatType::Fat16, 1),
            (34, FatType::Fat32, 1),
            (64, FatType::Fat32, 1),
            (256, FatType::Fat32, 4),
            (512, FatType::Fat32, 8),
            (4096, FatType::Fat32, 8),
            (40_960, FatType::Fat32, 64),
        ] {
            let geometry = choose(mib << 20, 0).unwrap();
            assert_eq!((geometry.fat, geometry.per_cluster), (fat, sectors), "{mib} MiB");
        }
    }
}
