//! Compression, before anything has a place: each file is cut into extents of one length, each of which is compressed
//! once and takes as many blocks as it needs. (`mkfs.erofs` searches for as many plain bytes as fill a given number of
//! blocks, compressing all of them several times.) Short files are put together into one file, the *fragments*, which
//! is then compressed like every other.

use super::codec::{Codec, Method, longest};
use super::format::{BLOCK, BLOCK_BYTES, EXTENT_MAX};
use super::{Error, ZSTD_LEVEL};
use pintle_model::{Blob, Contents, Digest, InodeId, Kind, PackSink, Segment, SourceId, Tree, TreePath};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Extents under way for each thread: enough that one slow extent does not leave the others without work.
const BATCH: usize = 16;

/// How to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// The method.
    pub method: Method,
    /// Plain bytes of an extent: a power of two from 8 KiB to 1 MiB. Longer ones are shorter on disk, and slower to
    /// read from at random. The last one of a file may be half as long again.
    pub cluster: u64,
    /// Put files of up to this many bytes together; 0: none. (Linux 6.1 and later.)
    pub fragments: u64,
    /// Threads, at least one. What is made does not depend on their number.
    pub threads: usize,
}

impl Packing {
    /// With `method`, in extents of 128 KiB, shorter files together.
    #[must_use]
    pub fn new(method: Method, threads: usize) -> Self {
        let cluster = 128 << 10;
        Self { method, cluster, fragments: cluster, threads }
    }

    fn check(&self) -> Result<(), Error> {
        self.method.check()?;
        let Self { cluster: bytes, .. } = *self;
        let good = bytes.is_power_of_two() && (2 * BLOCK_BYTES..=EXTENT_MAX).contains(&bytes);
        if good { Ok(()) } else { Err(Error::Cluster { bytes }) }
    }
}

/// A run of a file's blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Plain blocks, the file's last one whole.
    pub(crate) plain: u32,
    /// Blocks on disk; as many as plain ones: not compressed.
    pub(crate) blocks: u32,
}

impl Extent {
    pub(crate) fn is_compressed(&self) -> bool {
        self.blocks < self.plain
    }
}

/// A file that is shorter compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackedFile {
    /// Plain bytes.
    pub(crate) len: u64,
    /// Number of the method.
    pub(crate) method: u8,
    /// Where its blocks are.
    pub(crate) source: SourceId,
    pub(crate) offset: u64,
    pub(crate) extents: Vec<Extent>,
}

impl PackedFile {
    /// Blocks on disk.
    pub(crate) fn blocks(&self) -> u64 {
        self.extents.iter().map(|extent| u64::from(extent.blocks)).sum()
    }
}

/// Where a short file stands among the fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) at: u64,
    pub(crate) len: u64,
}

/// The compressed files of one tree; a file that does not get shorter is not among them.
#[derive(Clone, Debug)]
pub struct Packed {
    pub(crate) packing: Packing,
    pub(crate) files: BTreeMap<InodeId, PackedFile>,
    pub(crate) starts: BTreeMap<InodeId, Start>,
    /// The file of fragments.
    pub(crate) fragments: Option<PackedFile>,
}

/// Compresses the files of `tree` into `out`, which will be readable as `source` when the file system is written.
/// Reads every file once. Memory: some extents for each thread, eight bytes for each extent, some hundred for each file.
///
/// # Errors
/// [`Error::Cluster`], [`Error::Level`] and [`Error::Compress`].
pub fn pack(
    tree: &Tree,
    contents: &dyn Contents,
    packing: &Packing,
    out: &mut dyn PackSink,
    source: SourceId,
) -> Result<Packed, Error> {
    packing.check()?;
    let root = |source| Error::Compress { path: TreePath::root(), source };
    let codecs = (0..packing.threads.max(1)).map(|_| Codec::new(packing.method, packing.cluster));
    let codecs = codecs.collect::<io::Result<Vec<_>>>().map_err(root)?;
    let mut packer =
        Packer { contents, packing, out, source, codecs, under_way: Vec::new(), ready: Vec::new() };
    let mut packed =
        Packed { packing: *packing, files: BTreeMap::new(), starts: BTreeMap::new(), fragments: None };
    let mut fragments = Fragments::default();
    let mut done = Vec::new();
    for (id, inode) in tree.inodes() {
        let Kind::File(blob) = &inode.kind else { continue };
        if blob.is_empty() || super::chunks::Chunks::of(blob).is_some() {
            continue;
        }
        if blob.len() <= packing.fragments {
            packed.starts.insert(id, fragments.add(blob));
        } else {
            packer.file(Some(id), blob, &mut done).map_err(|error| error.at(tree))?;
        }
    }
    let together = Blob::sparse(fragments.len, fragments.segments).unwrap_or_default();
    packer.file(None, &together, &mut done).map_err(|error| error.at(tree))?;
    packer.finish(&mut done).map_err(|error| error.at(tree))?;
    for (id, file) in done {
        match id {
            None => packed.fragments = Some(file),
            // As it is, it takes no more room and needs no index.
            Some(id) if file.blocks() < file.len.div_ceil(BLOCK_BYTES) => {
                packed.files.insert(id, file);
            }
            Some(_) => {}
        }
    }
    Ok(packed)
}

/// The file of fragments as it grows.
#[derive(Default)]
struct Fragments {
    len: u64,
    segments: Vec<Segment>,
    known: BTreeMap<Digest, Start>,
}

impl Fragments {
    /// Appends a file, unless it is there.
    fn add(&mut self, blob: &Blob) -> Start {
        let start = Start { at: self.len, len: blob.len() };
        if let Some(digest) = blob.digest() {
            let known = *self.known.entry(digest).or_insert(start);
            if known != start {
                return known;
            }
        }
        let moved = |segment: &Segment| Segment { at: start.at + segment.at, ..segment.clone() };
        self.segments.extend(blob.segments().iter().map(moved));
        self.len += blob.len();
        start
    }
}

/// Where something went wrong, before the path was looked up.
struct Failed(Option<InodeId>, io::Error);

impl Failed {
    fn at(self, tree: &Tree) -> Error {
        let found = tree.walk().find(|entry| Some(entry.id) == self.0);
        Error::Compress { path: found.map_or_else(TreePath::root, |entry| entry.path), source: self.1 }
    }
}

/// An extent on its way.
struct Job {
    id: Option<InodeId>,
    /// The whole file: that of fragments has as many segments as there are short files.
    blob: Arc<Blob>,
    at: u64,
    len: usize,
    /// It is its file's first.
    first: bool,
    /// Blocks to be stored, whole.
    stored: Vec<u8>,
    result: io::Result<()>,
}

/// Files and their compressed forms, the fragments without a name.
type Done = Vec<(Option<InodeId>, PackedFile)>;

struct Packer<'a> {
    contents: &'a dyn Contents,
    packing: &'a Packing,
    out: &'a mut dyn PackSink,
    source: SourceId,
    codecs: Vec<Codec>,
    /// To be compressed.
    under_way: Vec<Job>,
    /// To be written, while others are compressed.
    ready: Vec<Job>,
}

impl Packer<'_> {
    fn file(&mut self, id: Option<InodeId>, blob: &Blob, done: &mut Done) -> Result<(), Failed> {
        let blob = Arc::new(blob.clone());
        for (at, len) in cut(blob.len(), self.packing.cluster) {
            let job = Job {
                id,
                blob: Arc::clone(&blob),
                at,
                len: len as usize,
                first: at == 0,
                stored: Vec::new(),
                result: Ok(()),
            };
            self.under_way.push(job);
            if self.under_way.len() == BATCH * self.codecs.len() {
                self.turn(done)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, done: &mut Done) -> Result<(), Failed> {
        self.turn(done)?;
        self.turn(done)
    }

    /// Compresses what is under way in all threads, while this one writes what is ready.
    fn turn(&mut self, done: &mut Done) -> Result<(), Failed> {
        let mut jobs = std::mem::take(&mut self.under_way);
        let ready = std::mem::take(&mut self.ready);
        let Self { contents, codecs, packing, source, .. } = self;
        let (contents, method, source) = (*contents, packing.method.number(), *source);
        let queue = Mutex::new(jobs.iter_mut());
        let out = &mut *self.out;
        let written = thread::scope(|scope| {
            for codec in codecs {
                let queue = &queue;
                scope.spawn(move || {
                    let mut buffers = (Vec::new(), Vec::new());
                    loop {
                        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                        let Some(job) = job else { break };
                        job.result = compress(job, contents, codec, &mut buffers);
                    }
                });
            }
            ready.into_iter().try_for_each(|job| keep(job, out, method, source, done))
        });
        self.ready = jobs;
        written
    }
}

/// Compresses one extent; `buffers` are for its plain and compressed bytes.
fn compress(
    job: &mut Job,
    contents: &dyn Contents,
    codec: &mut Codec,
    (plain, packed): &mut (Vec<u8>, Vec<u8>),
) -> io::Result<()> {
    plain.resize(job.len, 0);
    job.blob.read_at(contents, job.at, plain)?;
    let whole = job.len.next_multiple_of(BLOCK);
    if whole > BLOCK {
        codec.run(plain, packed)?;
        let room = packed.len().next_multiple_of(BLOCK);
        if room < whole {
            // Zeros before it, so that it ends with its blocks.
            job.stored = vec![0; room - packed.len()];
            job.stored.extend_from_slice(packed);
            return Ok(());
        }
    }
    job.stored.reserve_exact(whole);
    job.stored.extend_from_slice(plain);
    job.stored.resize(whole, 0);
    Ok(())
}

/// Writes one extent and enters it into its file.
fn keep(
    job: Job,
    out: &mut dyn PackSink,
    method: u8,
    source: SourceId,
    done: &mut Done,
) -> Result<(), Failed> {
    let fail = |error| Failed(job.id, error);
    job.result.map_err(fail)?;
    if job.first {
        let offset = out.begin().map_err(fail)?;
        done.push((job.id, PackedFile { len: 0, method, source, offset, extents: Vec::new() }));
    }
    out.append(&job.stored).map_err(fail)?;
    let (_, file) = done.last_mut().expect("invariant: the first extent of a file enters it");
    file.len += job.len as u64;
    file.extents
        .push(Extent { plain: job.len.div_ceil(BLOCK) as u32, blocks: (job.stored.len() / BLOCK) as u32 });
    Ok(())
}

/// The extents of a file, as (start, length): a short rest goes with the last whole one.
fn cut(len: u64, cluster: u64) -> impl Iterator<Item = (u64, u64)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let left = len - at;
        let here = if left <= longest(cluster) && left < cluster + cluster / 2 { left } else { cluster };
        at += here;
        (here > 0).then_some((at - here, here))
    })
}

impl Default for Method {
    fn default() -> Self {
        Self::Zstd(ZSTD_LEVEL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_cut_with_short_rests_joined() {
        let lengths = |len, cluster| cut(len, cluster).map(|(_, len)| len).collect::<Vec<_>>();
        assert_eq!(lengths(0, 8192), [0; 0]);
        assert_eq!(lengths(1, 8192), [1]);
        assert_eq!(lengths(8192, 8192), [8192]);
        assert_eq!(lengths(12_287, 8192), [12_287]);
        assert_eq!(lengths(12_288, 8192), [8192, 4096]);
        assert_eq!(lengths(20_000, 8192), [8192, 11_808]);
        assert_eq!(lengths((1 << 20) + 1, 1 << 20), [1 << 20, 1], "no extent is over 1 MiB");
    }
}
