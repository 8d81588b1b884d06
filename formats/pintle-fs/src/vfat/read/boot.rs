use crate::vfat::format::{BOOT_SIGNATURE, ENTRY};

/// What a boot sector says of its volume, checked: all offsets lie below 2^47, the table has an entry for every
/// cluster.
#[derive(Debug)]
pub(super) struct Shape {
    /// Bytes of a sector.
    pub(super) sector: u64,
    /// Sectors of a cluster.
    pub(super) per_cluster: u64,
    /// Byte offset of the first table.
    pub(super) table: u64,
    /// Of a table's entry: 12, 16 or 32.
    pub(super) bits: u8,
    pub(super) root: Root,
    /// Byte offset of cluster 2.
    pub(super) data: u64,
    pub(super) clusters: u32,
    pub(super) serial: u32,
    pub(super) label: [u8; 11],
}

/// Where the root directory stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Root {
    At { offset: u64, len: u64 },
    Cluster(u32),
}

impl Shape {
    /// fatgen103 pages 9-15; what is wrong otherwise.
    pub(super) fn parse(boot: &[u8; 512]) -> Result<Self, &'static str> {
        let u16_at = |at: usize| u64::from(u16::from_le_bytes([boot[at], boot[at + 1]]));
        let u32_at = |at: usize| u32::from_le_bytes([boot[at], boot[at + 1], boot[at + 2], boot[at + 3]]);
        let either = |small: u64, large: u32| if small == 0 { u64::from(large) } else { small };
        let check = |good, why| if good { Ok(()) } else { Err(why) };
        check(boot[510..] == BOOT_SIGNATURE, "no boot signature")?;
        check(matches!(boot[0], 0xEB | 0xE9), "no jump instruction")?;
        let (sector, per_cluster) = (u16_at(11), u64::from(boot[13]));
        check(matches!(sector, 512 | 1024 | 2048 | 4096), "bad sector size")?;
        check(per_cluster.is_power_of_two(), "bad cluster size")?;
        let (reserved, tables, root_entries) = (u16_at(14), u64::from(boot[16]), u16_at(17));
        check(reserved > 0 && (1..=4).contains(&tables), "bad number of tables")?;
        let table_len = either(u16_at(22), u32_at(36));
        let root_len = (root_entries * ENTRY as u64).next_multiple_of(sector);
        // At most 2^16 + 2^34 sectors of 2^12 bytes: none of this overflows.
        let data = (reserved + tables * table_len) * sector + root_len;
        let room = (either(u16_at(19), u32_at(32)) * sector).checked_sub(data).ok_or("no room for data")?;
        let clusters = room / (sector * per_cluster);
        check((1..=0x0FFF_FFF4).contains(&clusters), "bad number of clusters")?;
        let bits = match clusters {
            ..4085 => 12,
            4085..65_525 => 16,
            _ => 32,
        };
        check((clusters + 2) * u64::from(bits) <= table_len * sector * 8, "the table is too short")?;
        let root = match bits {
            32 => Root::Cluster(u32_at(44)),
            _ => Root::At { offset: data - root_len, len: root_entries * ENTRY as u64 },
        };
        // Serial and label count only behind this mark.
        let tail = if bits == 32 { 64 } else { 36 };
        let (mut serial, mut label) = (0, [b' '; 11]);
        if boot[tail + 2] == 0x29 {
            serial = u32_at(tail + 3);
            label.copy_from_slice(&boot[tail + 7..tail + 18]);
        }
        let (table, clusters) = (reserved * sector, clusters as u32);
        Ok(Self { sector, per_cluster, table, bits, root, data, clusters, serial, label })
    }
}
