//! Wire structs and constants of the stream-optimized format.

/// Bytes of a grain, the unit of allocation and compression.
pub const GRAIN: usize = 64 << 10;
/// Sectors of a grain.
const GRAIN_SECTORS: u64 = (GRAIN / 512) as u64;
/// Entries of a grain table.
pub(super) const TABLE: usize = 512;
/// Sectors before the first grain: header and descriptor, up to a whole grain.
pub(super) const OVERHEAD: u64 = 128;
/// Sectors of the descriptor.
const DESCRIPTOR: u64 = 20;
/// The descriptor's bytes, at most.
pub(super) const DESCRIPTOR_MAX: usize = DESCRIPTOR as usize * 512;
/// In place of the offset of the grain directory: look in the footer.
pub(super) const AT_END: u64 = u64::MAX;
/// The newline test is valid, grains are compressed, there are markers.
const FLAGS: u32 = 1 | 1 << 16 | 1 << 17;
const VERSION: u32 = 3;
const DEFLATE: u16 = 1;
/// Grain offsets have 32 bits and count sectors.
pub(super) const MAX_SECTORS: u64 = 1 << 32;

/// What a metadata marker announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// The end of the stream.
    End = 0,
    /// A grain table.
    Table = 1,
    /// The grain directory.
    Directory = 2,
    /// The footer.
    Footer = 3,
}

impl Marker {
    /// The sector that announces `sectors` of metadata.
    #[must_use]
    pub(super) fn bytes(self, sectors: u64) -> [u8; 512] {
        let mut out = [0; 512];
        out[..8].copy_from_slice(&sectors.to_le_bytes());
        out[12..16].copy_from_slice(&(self as u32).to_le_bytes());
        out
    }
}

/// The header, and with the place of the directory the footer too.
#[must_use]
pub(super) fn header(capacity: u64, directory: u64) -> [u8; 512] {
    let mut out = [0; 512];
    let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"KDMV");
    put(4, &VERSION.to_le_bytes());
    put(8, &FLAGS.to_le_bytes());
    put(12, &capacity.to_le_bytes());
    put(20, &GRAIN_SECTORS.to_le_bytes());
    put(28, &1u64.to_le_bytes());
    put(36, &DESCRIPTOR.to_le_bytes());
    put(44, &(TABLE as u32).to_le_bytes());
    put(56, &directory.to_le_bytes());
    put(64, &OVERHEAD.to_le_bytes());
    // Shows whether a transfer as text has changed line ends.
    put(73, b"\n \r\n");
    put(77, &DEFLATE.to_le_bytes());
    out
}

/// The descriptor: text that names the one extent. `id` makes two images different.
#[must_use]
pub(super) fn descriptor(capacity: u64, id: u32) -> String {
    // As for every disk of an LSI Logic adapter: 255 heads and 63 sectors, cylinders as they come.
    let cylinders = capacity.div_ceil(255 * 63);
    // Two values are reserved for "no parent" and "not set".
    let id = if id >= u32::MAX - 1 { 1 } else { id };
    format!(
        "# Disk DescriptorFile\nversion=1\nCID={id:08x}\nparentCID=ffffffff\ncreateType=\"streamOptimized\"\n\n\
         # Extent description\nRW {capacity} SPARSE \"disk.vmdk\"\n\n\
         # The Disk Data Base\n#DDB\n\nddb.virtualHWVersion = \"10\"\nddb.adapterType = \"lsilogic\"\n\
         ddb.geometry.cylinders = \"{cylinders}\"\nddb.geometry.heads = \"255\"\nddb.geometry.sectors = \"63\"\n"
    )
}
