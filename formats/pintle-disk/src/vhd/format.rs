//! The footer, and the geometry that the format wants to know.

/// Length of the footer, which is all that a fixed disk adds.
pub const FOOTER: usize = 512;
/// "Reserved": a bit that must be set.
const FEATURES: u32 = 2;
const VERSION: u32 = 0x0001_0000;
/// A fixed disk.
const FIXED: u32 = 2;
/// Readers take the size for what it says, instead of what the geometry gives (rounded down), from programs that they
/// know; this is the name that QEMU made for the purpose, and that Azure's documentation asks for (`force_size`).
const CREATOR: &[u8; 4] = b"qem2";
const HOST: &[u8; 4] = b"Wi2k";

/// Cylinders, heads and sectors per track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Cylinders.
    pub cylinders: u16,
    /// Heads.
    pub heads: u8,
    /// Sectors per track.
    pub sectors: u8,
}

impl Geometry {
    /// By the specification's appendix, "CHS Calculation".
    #[must_use]
    pub fn of(sectors: u64) -> Self {
        let total = sectors.min(65_535 * 16 * 255);
        if total >= 65_535 * 16 * 63 {
            return Self::with(total, 16, 255);
        }
        let heads = (total / 17).div_ceil(1024).max(4);
        if total / 17 < heads * 1024 && heads <= 16 {
            return Self::with(total, heads, 17);
        }
        if total / 31 < 16 * 1024 { Self::with(total, 16, 31) } else { Self::with(total, 16, 63) }
    }

    fn with(total: u64, heads: u64, sectors: u64) -> Self {
        // Each fits by the limits above.
        Self { cylinders: (total / sectors / heads) as u16, heads: heads as u8, sectors: sectors as u8 }
    }
}

/// What varies in our footers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footer {
    /// Length of the disk in bytes.
    pub size: u64,
    /// Identity of the disk.
    pub uuid: [u8; 16],
    /// When it was made, seconds since 1970.
    pub epoch: i64,
}

/// 2000-01-01, from where the format counts.
const MILLENNIUM: i64 = 946_684_800;

impl Footer {
    /// The footer of a fixed disk.
    #[must_use]
    pub fn bytes(&self) -> [u8; FOOTER] {
        let mut out = [0; FOOTER];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        let seconds = (self.epoch - MILLENNIUM).clamp(0, i64::from(u32::MAX)) as u32;
        let Geometry { cylinders, heads, sectors } = Geometry::of(self.size / 512);
        put(0, b"conectix");
        put(8, &FEATURES.to_be_bytes());
        put(12, &VERSION.to_be_bytes());
        put(16, &u64::MAX.to_be_bytes());
        put(24, &seconds.to_be_bytes());
        put(28, CREATOR);
        put(32, &VERSION.to_be_bytes());
        put(36, HOST);
        put(40, &self.size.to_be_bytes());
        put(48, &self.size.to_be_bytes());
        put(56, &cylinders.to_be_bytes());
        put(58, &[heads, sectors]);
        put(60, &FIXED.to_be_bytes());
        put(68, &self.uuid);
        let sum = out.iter().fold(0u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
        out[64..68].copy_from_slice(&(!sum).to_be_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geometry_follows_the_appendix() {
        let of = |mib: u64| {
            let Geometry { cylinders, heads, sectors } = Geometry::of(mib << 11);
            (cylinders, heads, sectors)
        };
        assert_eq!(of(1), (30, 4, 17));
        assert_eq!(of(200), (825, 16, 31));
        assert_eq!(of(512), (1040, 16, 63));
        assert_eq!(of(30 << 10), (62_415, 16, 63));
        assert_eq!(of(1 << 20), (65_535, 16, 255));
    }
}
