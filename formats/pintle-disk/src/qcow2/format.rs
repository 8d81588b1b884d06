//! Wire constants and the header.

/// Bytes of a cluster: QEMU's own default, the unit of allocation and compression.
pub const CLUSTER: usize = 1 << CLUSTER_BITS;
/// Its logarithm.
pub const CLUSTER_BITS: u32 = 16;
/// Entries of an L2 table, which fills a cluster.
pub const L2_ENTRIES: u64 = (CLUSTER / 8) as u64;
/// Entries of a refcount block: 16 bits each.
pub const REFCOUNTS_PER_BLOCK: u64 = (CLUSTER / 2) as u64;
/// The largest L1 table that QEMU opens: 32 MiB, enough for 2 PiB.
pub const L1_MAX: u64 = (32 << 20) / 8;
/// In an L1 or L2 entry: what it points to has a refcount of exactly one.
pub const COPIED: u64 = 1 << 63;
/// In an L2 entry: a compressed cluster.
pub const COMPRESSED: u64 = 1 << 62;
/// Incompatible feature: the header names a compression type other than deflate.
pub const FEATURE_COMPRESSION_TYPE: u64 = 1 << 3;
/// That type: zstd.
pub const COMPRESSION_ZSTD: u8 = 1;

/// The L2 entry of `len` compressed bytes at `offset` of the file: the offset, then the number of 512-byte sectors
/// after the first that hold some of them.
#[must_use]
pub fn compressed_entry(offset: u64, len: u64) -> u64 {
    let more = ((offset + len - 1) >> 9) - (offset >> 9);
    COMPRESSED | more << (62 - (CLUSTER_BITS - 8)) | offset
}

/// What varies in our headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Length of the image in bytes.
    pub size: u64,
    /// Offset of the L1 table in the file.
    pub l1_at: u64,
    /// Number of its entries.
    pub l1_entries: u32,
    /// Offset of the refcount table.
    pub refcounts_at: u64,
    /// Clusters of the refcount table.
    pub refcount_clusters: u32,
    /// True where clusters are compressed with zstd.
    pub zstd: bool,
}

impl Header {
    /// The header and the mark that no extensions follow.
    #[must_use]
    pub fn bytes(&self) -> [u8; 120] {
        let mut out = [0; 120];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"QFI\xfb");
        put(4, &3u32.to_be_bytes());
        put(20, &CLUSTER_BITS.to_be_bytes());
        put(24, &self.size.to_be_bytes());
        put(36, &self.l1_entries.to_be_bytes());
        put(40, &self.l1_at.to_be_bytes());
        put(48, &self.refcounts_at.to_be_bytes());
        put(56, &self.refcount_clusters.to_be_bytes());
        // Refcounts have 2^4 bits.
        put(96, &4u32.to_be_bytes());
        put(100, &112u32.to_be_bytes());
        if self.zstd {
            put(72, &FEATURE_COMPRESSION_TYPE.to_be_bytes());
            put(104, &[COMPRESSION_ZSTD]);
        }
        out
    }
}
