use super::format::{
    ATTR_ARCHIVE, ATTR_DIRECTORY, ATTR_VOLUME_ID, BACKUP_SECTOR, BOOT_SIGNATURE, DateTime, ENTRY,
    FS_INFO_LEAD, FS_INFO_SECTOR, FS_INFO_STRUCT, FS_INFO_TRAIL, MEDIA, SECTOR, ShortEntry, ShortName,
    long_entries, short_name_checksum,
};
use super::geometry::{FAT32_FROM, FatType, Geometry, ROOT_ENTRIES_MAX, TOO_SMALL, choose};
use super::names::{is_exact, label};
use super::plan::{Content, Node, Plan, plan};
use super::{Error, Options, Summary};
use pintle_model::{Count, Sink, Tree, TreePath};

/// The size in bytes of a small volume that holds `tree` and a label, a multiple of 4096; the true minimum may be a
/// few clusters less where the cluster size changes with the volume's.
///
/// # Errors
/// As [`write()`]; never [`Error::NoSpace`].
pub fn minimum_size(tree: &Tree) -> Result<u64, Error> {
    let plan = plan(tree, true)?;
    // A root too long for FAT16 starts where FAT32 does.
    let least = if plan.root_entries > ROOT_ENTRIES_MAX { FAT32_FROM } else { TOO_SMALL };
    let mut size = (least + plan.root_entries * ENTRY as u64).next_multiple_of(4096);
    loop {
        let geometry = choose(size, plan.root_entries)?;
        let missing = needed(&plan, &geometry).saturating_sub(u64::from(geometry.clusters));
        if missing == 0 {
            return Ok(size);
        }
        // What lacks now, its tables not counted, is never too much; the next round adds those.
        size = (size + missing * geometry.cluster_size()).next_multiple_of(4096);
    }
}

/// What [`write()`] will make, without any bytes.
///
/// # Errors
/// As [`write()`].
pub fn layout(tree: &Tree, options: &Options) -> Result<Summary, Error> {
    write(tree, options, &mut Count::default())
}

/// Writes `tree` as a FAT volume of `options.size` bytes; the sink's object is zero where nothing is written.
/// The same tree and options give the same bytes.
///
/// # Errors
/// [`Error`]; where it is not [`Error::Sink`], nothing has been written.
pub fn write(tree: &Tree, options: &Options, sink: &mut dyn Sink) -> Result<Summary, Error> {
    let label = label(&options.label).ok_or_else(|| Error::Label(options.label.clone()))?;
    let plan = plan(tree, !options.label.is_empty())?;
    let geometry = choose(options.size, plan.root_entries)?;
    let image = Image::new(&plan, geometry, label, options)?;
    image.write(sink).map_err(Error::Sink)?;
    Ok(image.summary())
}

/// Clusters that the content of `node` takes.
fn clusters_of(node: &Node, geometry: &Geometry) -> u64 {
    node.bytes().div_ceil(geometry.cluster_size())
}

/// All of them. The root of FAT32 has one at least, that of FAT16 stands elsewhere.
fn needed(plan: &Plan, geometry: &Geometry) -> u64 {
    let root = match geometry.fat {
        FatType::Fat16 => 0,
        FatType::Fat32 => clusters_of(&plan.nodes[0], geometry).max(1),
    };
    root + plan.nodes[1..].iter().map(|node| clusters_of(node, geometry)).sum::<u64>()
}

/// A plan with every cluster assigned.
struct Image<'a> {
    plan: &'a Plan<'a>,
    geometry: Geometry,
    options: &'a Options,
    label: ShortName,
    /// First cluster of each node (0: none) and how many follow one another.
    runs: Vec<(u32, u32)>,
    used: u32,
}

impl<'a> Image<'a> {
    fn new(
        plan: &'a Plan<'a>,
        geometry: Geometry,
        label: ShortName,
        options: &'a Options,
    ) -> Result<Self, Error> {
        if geometry.fat == FatType::Fat16 && plan.root_entries > ROOT_ENTRIES_MAX {
            let (path, entries) = (TreePath::root(), plan.root_entries);
            return Err(Error::DirectoryTooLarge { path, entries, max: ROOT_ENTRIES_MAX });
        }
        let needed = needed(plan, &geometry);
        if needed > u64::from(geometry.clusters) {
            let unit = geometry.cluster_size();
            let room = u64::from(geometry.clusters) * unit;
            return Err(Error::NoSpace { needed: needed * unit, room, size: options.size });
        }
        let mut next = 2;
        let mut runs = Vec::with_capacity(plan.nodes.len());
        for (index, node) in plan.nodes.iter().enumerate() {
            let count = match (index, geometry.fat) {
                (0, FatType::Fat16) => 0,
                (0, FatType::Fat32) => clusters_of(node, &geometry).max(1) as u32,
                _ => clusters_of(node, &geometry) as u32,
            };
            runs.push((if count == 0 { 0 } else { next }, count));
            next += count;
        }
        Ok(Self { plan, geometry, options, label, runs, used: next - 2 })
    }

    fn summary(&self) -> Summary {
        let is_file = |node: &&Node| matches!(node.content, Content::File(_));
        let files = self.plan.nodes.iter().filter(is_file).count() as u64;
        Summary {
            fat: self.geometry.fat,
            size: self.options.size,
            cluster_size: self.geometry.cluster_size() as u32,
            clusters: self.geometry.clusters,
            free_clusters: self.geometry.clusters - self.used,
            data_start: u64::from(self.geometry.data) * SECTOR,
            files,
            directories: self.plan.nodes.len() as u64 - files,
        }
    }

    fn write(&self, sink: &mut dyn Sink) -> std::io::Result<()> {
        let boot = self.boot_sector();
        sink.write(0, &boot)?;
        if self.geometry.fat == FatType::Fat32 {
            let info = self.fs_info();
            sink.write(u64::from(FS_INFO_SECTOR) * SECTOR, &info)?;
            sink.write(u64::from(BACKUP_SECTOR) * SECTOR, &boot)?;
            sink.write(u64::from(BACKUP_SECTOR + FS_INFO_SECTOR) * SECTOR, &info)?;
        }
        self.table(0, sink)?;
        self.table(1, sink)?;
        for (index, node) in self.plan.nodes.iter().enumerate() {
            let at = match self.runs[index].0 {
                0 => self.geometry.root_at(),
                cluster => self.geometry.cluster_at(cluster),
            };
            match &node.content {
                Content::Directory { .. } => {
                    let bytes = self.directory(index);
                    if !bytes.is_empty() {
                        sink.write(at, &bytes)?;
                    }
                }
                Content::File(blob) => sink.blob(at, blob)?,
            }
        }
        Ok(())
    }

    /// fatgen103 pages 9-12.
    fn boot_sector(&self) -> [u8; 512] {
        /// `int 18h` (no operating system here: try the next device); `hlt`; `jmp` back to it.
        const BOOT_CODE: [u8; 5] = [0xCD, 0x18, 0xF4, 0xEB, 0xFD];
        let g = &self.geometry;
        let mut out = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(3, b"MSWIN4.1");
        put(11, &(SECTOR as u16).to_le_bytes());
        put(13, &[g.per_cluster]);
        put(14, &g.reserved.to_le_bytes());
        put(16, &[2]);
        put(17, &g.root_entries.to_le_bytes());
        put(21, &[MEDIA]);
        put(24, &63u16.to_le_bytes());
        put(26, &255u16.to_le_bytes());
        put(28, &self.options.hidden_sectors.to_le_bytes());
        match u16::try_from(g.sectors) {
            Ok(small) if g.fat == FatType::Fat16 => put(19, &small.to_le_bytes()),
            _ => put(32, &g.sectors.to_le_bytes()),
        }
        let (tail, kind) = match g.fat {
            FatType::Fat16 => {
                put(22, &(g.fat_sectors as u16).to_le_bytes());
                (36, b"FAT16   ")
            }
            FatType::Fat32 => {
                put(36, &g.fat_sectors.to_le_bytes());
                put(44, &2u32.to_le_bytes());
                put(48, &FS_INFO_SECTOR.to_le_bytes());
                put(50, &BACKUP_SECTOR.to_le_bytes());
                (64, b"FAT32   ")
            }
        };
        put(tail, &[0x80, 0, 0x29]);
        put(tail + 3, &self.options.serial.to_le_bytes());
        put(tail + 7, if self.options.label.is_empty() { b"NO NAME    " } else { &self.label });
        put(tail + 18, kind);
        let code = tail + 26;
        put(code, &BOOT_CODE);
        put(0, &[0xEB, code as u8 - 2, 0x90]);
        put(510, &BOOT_SIGNATURE);
        out
    }

    /// fatgen103 page 21.
    fn fs_info(&self) -> [u8; 512] {
        let free = self.geometry.clusters - self.used;
        let next = if free == 0 { u32::MAX } else { self.used + 2 };
        let mut out = [0; 512];
        for (at, value) in
            [(0, FS_INFO_LEAD), (484, FS_INFO_STRUCT), (488, free), (492, next), (508, FS_INFO_TRAIL)]
        {
            out[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        out
    }

    /// One copy of the table: every run is contiguous and ends in an end-of-chain mark; free clusters are zero.
    fn table(&self, copy: u64, sink: &mut dyn Sink) -> std::io::Result<()> {
        const CHUNK: usize = 1 << 16;
        let fat = self.geometry.fat;
        let mut at = self.geometry.table_at(copy);
        let mut out = Vec::with_capacity(CHUNK + 4);
        let put = |out: &mut Vec<u8>, value: u32| match fat {
            FatType::Fat16 => out.extend_from_slice(&(value as u16).to_le_bytes()),
            FatType::Fat32 => out.extend_from_slice(&value.to_le_bytes()),
        };
        // The two entries before the first cluster: the media byte; "shut down cleanly, no errors".
        put(&mut out, 0x0FFF_FF00 | u32::from(MEDIA));
        put(&mut out, 0x0FFF_FFFF);
        for (first, count) in self.runs.iter().filter(|(_, count)| *count > 0) {
            for cluster in *first..first + count {
                put(&mut out, if cluster + 1 == first + count { 0x0FFF_FFFF } else { cluster + 1 });
                if out.len() >= CHUNK {
                    sink.write(at, &out)?;
                    at += out.len() as u64;
                    out.clear();
                }
            }
        }
        if out.is_empty() { Ok(()) } else { sink.write(at, &out) }
    }

    fn directory(&self, index: usize) -> Vec<u8> {
        let node = &self.plan.nodes[index];
        let Content::Directory { children, parent, entries } = &node.content else { return Vec::new() };
        let mut out = Vec::with_capacity(*entries as usize * ENTRY);
        let special = |name: ShortName, attributes, at, cluster| {
            ShortEntry { name, attributes, at: DateTime::of(at), cluster, len: 0 }.bytes()
        };
        if index > 0 {
            // ".." of a directory in the root is 0 even where the root has a cluster (page 25).
            let up = if *parent == 0 { 0 } else { self.runs[*parent].0 };
            out.extend(special(*b".          ", ATTR_DIRECTORY, node.mtime, self.runs[index].0));
            out.extend(special(*b"..         ", ATTR_DIRECTORY, self.plan.nodes[*parent].mtime, up));
        } else if !self.options.label.is_empty() {
            out.extend(special(self.label, ATTR_VOLUME_ID, self.options.epoch, 0));
        }
        for child in children {
            self.names(*child, &mut out);
        }
        out
    }

    /// The entries of one name.
    fn names(&self, index: usize, out: &mut Vec<u8>) {
        let node = &self.plan.nodes[index];
        if !is_exact(&node.name, &node.short) {
            let checksum = short_name_checksum(&node.short);
            out.extend(long_entries(&node.name.units, checksum).flatten());
        }
        let (attributes, len) = match &node.content {
            Content::File(blob) => (ATTR_ARCHIVE, blob.len() as u32),
            Content::Directory { .. } => (ATTR_DIRECTORY, 0),
        };
        let (at, cluster) = (DateTime::of(node.mtime), self.runs[index].0);
        out.extend(ShortEntry { name: node.short, attributes, at, cluster, len }.bytes());
    }
}
