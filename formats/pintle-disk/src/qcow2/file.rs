use super::format::{CLUSTER, COPIED, Header, L2_ENTRIES, REFCOUNTS_PER_BLOCK, compressed_entry};
use std::io::{self, Seek, SeekFrom, Write};

const CLUSTER_LEN: u64 = CLUSTER as u64;

/// The file side: gives out host clusters one after the other, counts their uses, keeps the tables.
#[derive(Debug)]
pub(super) struct HostFile<W> {
    out: W,
    /// Where `out` stands.
    at: u64,
    /// Uses of every host cluster given out: their number is the next free one.
    refcounts: Vec<u16>,
    l1: Vec<u64>,
    /// The L2 table being filled, and its place in the L1 table.
    l2: Vec<u64>,
    l2_index: Option<usize>,
    /// Where the next compressed bytes go; a multiple of the cluster when there is no begun cluster.
    packed: u64,
}

impl<W: Write + Seek> HostFile<W> {
    /// `l1_entries` is the number of L2 tables that the image has room for.
    pub(super) fn new(out: W, l1_entries: usize) -> Self {
        // The first cluster is the header's, written last.
        Self {
            out,
            at: u64::MAX,
            refcounts: vec![1],
            l1: vec![0; l1_entries],
            l2: vec![0; L2_ENTRIES as usize],
            l2_index: None,
            packed: 0,
        }
    }

    /// Stores a cluster as it is; what lacks at its end reads as zero.
    pub(super) fn plain(&mut self, cluster: u64, bytes: &[u8]) -> io::Result<()> {
        self.select(cluster)?;
        let at = self.allocate(1);
        self.put(at, bytes)?;
        self.l2[(cluster % L2_ENTRIES) as usize] = at | COPIED;
        Ok(())
    }

    /// Stores a compressed cluster right behind the one before. Its bytes may go on into the next host cluster if that
    /// follows; else the rest of the begun one is lost.
    pub(super) fn packed(&mut self, cluster: u64, bytes: &[u8]) -> io::Result<()> {
        self.select(cluster)?;
        let len = bytes.len() as u64;
        let room = self.packed.next_multiple_of(CLUSTER_LEN) - self.packed;
        if len > room {
            let is_last = self.packed.next_multiple_of(CLUSTER_LEN) == self.end();
            let new = self.allocate(0);
            if room == 0 || !is_last {
                self.packed = new;
            }
        }
        let at = self.packed;
        self.put(at, bytes)?;
        self.packed += len;
        for host in at / CLUSTER_LEN..=(at + len - 1) / CLUSTER_LEN {
            self.refcounts[host as usize] += 1;
        }
        self.l2[(cluster % L2_ENTRIES) as usize] = compressed_entry(at, len);
        Ok(())
    }

    /// Writes the tables and the header; returns what was written into and its length.
    pub(super) fn finish(mut self, size: u64, zstd: bool) -> io::Result<(W, u64)> {
        self.flush_l2()?;
        let l1: Vec<u8> = self.l1.iter().flat_map(|entry| entry.to_be_bytes()).collect();
        let l1_at = self.end();
        for part in l1.chunks(CLUSTER) {
            let at = self.allocate(1);
            self.put(at, part)?;
        }
        // Refcount blocks count themselves and their table too.
        let used = self.refcounts.len() as u64;
        let (mut blocks, mut tables) = (1, 1);
        while blocks * REFCOUNTS_PER_BLOCK < used + blocks + tables {
            blocks = (used + blocks + tables).div_ceil(REFCOUNTS_PER_BLOCK);
            tables = (blocks * 8).div_ceil(CLUSTER_LEN);
        }
        let refcounts_at = self.end();
        let table: Vec<u8> =
            (0..blocks).flat_map(|n| (refcounts_at + (tables + n) * CLUSTER_LEN).to_be_bytes()).collect();
        self.refcounts.resize((used + tables + blocks) as usize, 1);
        let counts: Vec<u8> = self.refcounts.iter().flat_map(|count| count.to_be_bytes()).collect();
        self.put(refcounts_at, &table)?;
        self.put(refcounts_at + tables * CLUSTER_LEN, &counts)?;
        // The file ends with a whole cluster.
        let end = self.end();
        let missing = vec![0; (end - self.at) as usize];
        self.put(self.at, &missing)?;
        let header = Header {
            size,
            l1_at,
            l1_entries: self.l1.len() as u32,
            refcounts_at,
            refcount_clusters: tables as u32,
            zstd,
        };
        self.put(0, &header.bytes())?;
        self.out.flush()?;
        Ok((self.out, end))
    }

    /// Makes the L2 table of `cluster` the current one. Clusters come in ascending order, so no table comes twice.
    fn select(&mut self, cluster: u64) -> io::Result<()> {
        let index = (cluster / L2_ENTRIES) as usize;
        if self.l2_index != Some(index) {
            self.flush_l2()?;
            self.l2_index = Some(index);
        }
        Ok(())
    }

    fn flush_l2(&mut self) -> io::Result<()> {
        let Some(index) = self.l2_index.take() else { return Ok(()) };
        let table: Vec<u8> = self.l2.iter().flat_map(|entry| entry.to_be_bytes()).collect();
        self.l2.fill(0);
        let at = self.allocate(1);
        self.l1[index] = at | COPIED;
        self.put(at, &table)
    }

    /// A host cluster with so many uses; its offset.
    fn allocate(&mut self, uses: u16) -> u64 {
        self.refcounts.push(uses);
        self.end() - CLUSTER_LEN
    }

    /// Offset of the next free host cluster.
    fn end(&self) -> u64 {
        self.refcounts.len() as u64 * CLUSTER_LEN
    }

    fn put(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        if self.at != at {
            self.out.seek(SeekFrom::Start(at))?;
        }
        self.out.write_all(bytes)?;
        self.at = at + bytes.len() as u64;
        Ok(())
    }
}
