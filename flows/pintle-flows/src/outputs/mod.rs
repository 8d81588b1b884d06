//! An image in all the formats asked for, in one ascending pass over its bytes; all outputs appear together, or none.
//!
//! The disk goes two ways at once. Plain files (raw, VHD) get their bytes copied inside the kernel. Everything else,
//! and the digest of the plain files, reads the disk as pieces of 1 MiB, each encoder in a thread of its own, so that
//! all processors have work and a package is read one time, whatever is made of it.

mod chunks;
mod disk;
pub(crate) mod hashing;
mod tree;

pub use disk::{DiskIdentity, Tables};
pub use tree::TreeImage;

use chunks::{Chunk, Chunker};
use disk::Facts;
use pintle_disk::vhd;
use pintle_model::{Blob, Bytes, Digest, DiskEncoding, Encoding, Hashed, OutputFormat, Sink, TreeEncoding};
use pintle_world::atomic::{self, AtomicError};
use pintle_world::together::{self, Folder, Pending};
use pintle_world::{FileSink, Store};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::error::Error;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::thread::{self, ScopedJoinHandle};
use tree::{Made, Place};

/// A file that was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Output {
    /// Its format.
    pub format: OutputFormat,
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes; of a folder, the sum of its files.
    pub size: u64,
    /// SHA-256 of the file; none where it was not wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// What `sha256` is of, where it is not of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest_of: Option<String>,
}

/// Something that writes a disk image of a known length into any sink.
pub trait DiskImage {
    /// Length of the disk in bytes.
    fn size(&self) -> u64;

    /// Puts every byte that is not zero into `sink`.
    ///
    /// # Errors
    /// Of the sink.
    fn write(&self, sink: &mut dyn Sink) -> io::Result<()>;

    /// The partition tables of the same disk with another length.
    ///
    /// # Errors
    /// Where there are none.
    fn tables(&self, size: u64) -> io::Result<Tables>;
}

/// What to write, and where.
pub struct Request<'a> {
    /// Folder of the outputs.
    pub folder: &'a Path,
    /// Name of the system: what their names begin with.
    pub name: &'a str,
    /// Formats; doubles count once.
    pub formats: &'a [OutputFormat],
    /// The disk, for formats that are one.
    pub disk: &'a (dyn DiskImage + Sync),
    /// What distinguishes it.
    pub identity: DiskIdentity,
    /// The tree, for the others; none where none is asked for.
    pub tree: Option<TreeImage<'a>>,
    /// Reads the bytes of both.
    pub store: &'a Store,
    /// Threads for compression, for each output.
    pub threads: usize,
    /// False: files that are the disk as it is (raw, VHD) are not hashed, which takes longer than writing them. What
    /// is packed is hashed while it is written in any case.
    pub checksum: bool,
}

/// What the place being written to, or read from, said: at the root of what the writers say.
pub(crate) fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let below = error.source().and_then(io_kind);
    below.or_else(|| error.downcast_ref::<io::Error>().map(io::Error::kind))
}

/// Where an output of `format` goes.
pub(crate) fn path(folder: &Path, name: &str, format: OutputFormat) -> PathBuf {
    folder.join(format!("{name}.{}", format.extension()))
}

/// Finds out whether an output could be written, without a trace.
///
/// # Errors
/// [`AtomicError`].
pub(crate) fn try_place(folder: &Path, name: &str, format: OutputFormat) -> Result<(), AtomicError> {
    let path = path(folder, name, format);
    match format.encoding() {
        Encoding::Tree(TreeEncoding::Directory | TreeEncoding::Oci) => Folder::create(path).map(drop),
        _ => atomic::File::create(path).map(drop),
    }
}

/// Outputs that are whole and have no names yet.
#[derive(Debug)]
pub struct Staged {
    /// What they will be, in the order of the formats.
    pub outputs: Vec<Output>,
    pending: Vec<Pending>,
}

impl Staged {
    /// Adds a document that appears with them, after them.
    ///
    /// # Errors
    /// [`AtomicError`].
    pub fn add(&mut self, path: &Path, bytes: &[u8]) -> Result<(), AtomicError> {
        let mut file = atomic::File::create(path)?;
        file.write_all(bytes).map_err(|error| AtomicError::new(path, error))?;
        self.pending.push(Pending::File(file));
        Ok(())
    }

    /// Gives everything its name.
    ///
    /// # Errors
    /// [`AtomicError`]; then nothing has changed.
    pub fn commit(self) -> Result<Vec<Output>, AtomicError> {
        together::commit(self.pending)?;
        Ok(self.outputs)
    }
}

/// Writes everything that is asked for. Nothing has a name before [`Staged::commit`].
///
/// # Errors
/// [`AtomicError`]; nothing is left behind.
pub fn write(request: &Request<'_>) -> Result<Staged, AtomicError> {
    let mut formats: Vec<OutputFormat> = Vec::new();
    for format in request.formats {
        if !formats.contains(format) {
            formats.push(*format);
        }
    }
    let path = |format| path(request.folder, request.name, format);
    // One file per encoding; the first format with it gives the name.
    let (mut disks, mut trees) = (BTreeMap::new(), BTreeMap::new());
    for format in &formats {
        match format.encoding() {
            Encoding::Disk(encoding) => {
                if let Entry::Vacant(entry) = disks.entry(encoding) {
                    entry.insert(atomic::File::create(path(*format))?);
                }
            }
            Encoding::Tree(encoding) => {
                trees.entry(encoding).or_insert_with(|| path(*format));
            }
        }
    }
    let mut made = make(request, disks, trees)?;
    let (mut outputs, mut pending) = (Vec::new(), Vec::new());
    for format in formats {
        let Some(made) = made.get_mut(&format.encoding()) else { continue };
        let output = Output {
            format,
            path: path(format),
            size: made.size,
            sha256: made.sha256,
            digest_of: made.digest_of.clone(),
        };
        if made.pending.is_empty() {
            pending.push(Pending::File(copy(&pending, &outputs, &output)?));
        } else {
            pending.append(&mut made.pending);
        }
        outputs.push(output);
    }
    Ok(Staged { outputs, pending })
}

/// A second file with the bytes of an earlier one: no links, so that whoever writes into one does not change the other.
fn copy(pending: &[Pending], outputs: &[Output], output: &Output) -> Result<atomic::File, AtomicError> {
    let fail = |error| AtomicError::new(&output.path, error);
    let same = |other: &&Output| other.format.encoding() == output.format.encoding();
    let first =
        outputs.iter().find(same).and_then(|first| pending.iter().find(|one| one.path() == first.path));
    let first = first.ok_or_else(|| fail(io::ErrorKind::NotFound.into()))?;
    let file = atomic::File::create(&output.path)?;
    pintle_world::files::copy_into(first.temporary_path(), file.as_file()).map_err(fail)?;
    Ok(file)
}

/// An encoder at work.
type Encoder<'scope> = (DiskEncoding, ScopedJoinHandle<'scope, Result<Made, AtomicError>>);

/// Makes one output per encoding.
fn make(
    request: &Request<'_>,
    disks: BTreeMap<DiskEncoding, atomic::File>,
    trees: BTreeMap<TreeEncoding, PathBuf>,
) -> Result<BTreeMap<Encoding, Made>, AtomicError> {
    let tables = |size| request.disk.tables(size);
    let (identity, threads, size) = (request.identity, request.threads, request.disk.size());
    let facts = Facts { size, identity, threads, tables: &tables };
    let place = Place { store: request.store, threads };
    let mut made = BTreeMap::new();
    thread::scope(|scope| {
        let trees = request.tree.as_ref().map(|image| {
            let place = &place;
            scope.spawn(move || tree_outputs(image, place, trees))
        });
        if !disks.is_empty() {
            for (encoding, done) in disk_outputs(request, &facts, disks, scope)? {
                made.insert(Encoding::Disk(encoding), done);
            }
        }
        for (encoding, done) in trees.map(join).transpose()?.into_iter().flatten() {
            made.insert(Encoding::Tree(encoding), done);
        }
        Ok(())
    })?;
    Ok(made)
}

/// Containers of the tree, one after the other: each has threads of its own to compress.
fn tree_outputs(
    image: &TreeImage<'_>,
    place: &Place<'_>,
    trees: BTreeMap<TreeEncoding, PathBuf>,
) -> Result<Vec<(TreeEncoding, Made)>, AtomicError> {
    let mut made: Vec<(TreeEncoding, Made)> = Vec::new();
    for (encoding, path) in trees {
        let layout = made.iter().find(|(encoding, _)| *encoding == TreeEncoding::Oci);
        let layout = layout.and_then(|(_, made)| made.pending.first());
        let done = match (encoding, layout) {
            // The layer is compressed once.
            (TreeEncoding::OciArchive, Some(layout)) => {
                tree::archive_of(image, layout.temporary_path(), place, &path)?
            }
            _ => tree::write(encoding, image, place, &path)?,
        };
        made.push((encoding, done));
    }
    Ok(made)
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Writes the disk into every file of `disks`.
fn disk_outputs<'scope, 'env: 'scope>(
    request: &'env Request<'_>,
    facts: &'env Facts<'_>,
    disks: BTreeMap<DiskEncoding, atomic::File>,
    scope: &'scope thread::Scope<'scope, 'env>,
) -> Result<Vec<(DiskEncoding, Made)>, AtomicError> {
    let is_plain = |encoding: &DiskEncoding| matches!(encoding, DiskEncoding::Raw | DiskEncoding::Vhd);
    let (plain, packed): (BTreeMap<_, _>, BTreeMap<_, _>) =
        disks.into_iter().partition(|(encoding, _)| is_plain(encoding));
    let hashed = request.checksum && !plain.is_empty();
    let readers = packed.len() + usize::from(hashed);
    let (chunker, mut receivers) = Chunker::new(request.store, readers);
    let digests = if hashed { receivers.pop() } else { None };
    let digests = digests.map(|chunks| scope.spawn(move || disk::digests(facts, chunks)));
    let encoders: Vec<Encoder<'scope>> = packed
        .into_iter()
        .zip(receivers)
        .map(|((encoding, file), chunks)| {
            (encoding, scope.spawn(move || encoder(encoding, facts, file, chunks)))
        })
        .collect();

    let written = thread::scope(|scope| fan_out(request, facts, &plain, chunker, scope));
    // An encoder that ended early made the writing fail: its reason comes first.
    let mut made = Vec::new();
    for (encoding, encoder) in encoders {
        made.push((encoding, join(encoder)?));
    }
    let digests = digests.map(join);
    written?;
    for (encoding, file) in plain {
        let fail = |error| AtomicError::new(file.path(), error);
        let digests = digests.as_ref().map(Result::as_ref).transpose();
        let digests = digests.map_err(|error| fail(error.kind().into()))?;
        let is_vhd = encoding == DiskEncoding::Vhd;
        let sha256 = digests.map(|(raw, vhd)| if is_vhd { vhd } else { raw }.digest());
        let size = facts.size + if is_vhd { vhd::FOOTER as u64 } else { 0 };
        made.push((encoding, Made { pending: vec![Pending::File(file)], size, sha256, digest_of: None }));
    }
    Ok(made)
}

fn finished(file: atomic::File, hashed: &Hashed) -> Made {
    let (size, sha256) = (hashed.len(), Some(hashed.digest()));
    Made { pending: vec![Pending::File(file)], size, sha256, digest_of: None }
}

/// One packed output, on its own thread; synced there too, while others are still being written.
fn encoder(
    encoding: DiskEncoding,
    facts: &Facts<'_>,
    mut file: atomic::File,
    chunks: Receiver<Chunk>,
) -> Result<Made, AtomicError> {
    let hashed = disk::encode(encoding, facts, &mut file, chunks);
    let hashed = hashed.and_then(|hashed| file.as_file().sync_all().map(|()| hashed));
    match hashed {
        Ok(hashed) => Ok(finished(file, &hashed)),
        Err(error) => Err(AtomicError::new(file.path(), error)),
    }
}

/// The pass over the disk: into the plain files, and in pieces to everyone else.
fn fan_out<'scope, 'env: 'scope>(
    request: &'env Request<'_>,
    facts: &Facts<'_>,
    plain: &'env BTreeMap<DiskEncoding, atomic::File>,
    chunker: Chunker<'_>,
    scope: &'scope thread::Scope<'scope, 'env>,
) -> Result<(), AtomicError> {
    let files = plain
        .values()
        .map(|file| FileSink::beside(scope, file.as_file(), request.store, request.threads))
        .collect();
    let chunker = chunker.has_readers().then_some(chunker);
    let mut fan = Fan { files, chunker, failed: 0 };
    let written = request.disk.write(&mut fan);
    let Fan { files, chunker, failed } = fan;
    // Reading fails for everyone; any name is as good as another.
    let fail = |index: usize, error| {
        let path = plain.values().nth(index).map(|file| file.path().to_owned());
        AtomicError::new(&path.unwrap_or_else(|| request.folder.join(request.name)), error)
    };
    written.map_err(|error| fail(failed, error))?;
    chunker.map_or(Ok(()), |chunker| chunker.finish(facts.size)).map_err(|error| fail(0, error))?;
    for (index, (sink, (encoding, file))) in files.into_iter().zip(plain).enumerate() {
        let footer = || match encoding {
            DiskEncoding::Vhd => {
                use std::os::unix::fs::FileExt as _;
                file.as_file().write_all_at(&facts.footer(), facts.size)
            }
            _ => Ok(()),
        };
        let done = sink.finish(facts.size).and_then(|()| footer());
        done.and_then(|()| file.as_file().sync_all()).map_err(|error| fail(index, error))?;
    }
    Ok(())
}

/// Passes every call on to the files and to the pieces.
struct Fan<'a> {
    files: Vec<FileSink<'a>>,
    /// None where nobody reads pieces.
    chunker: Option<Chunker<'a>>,
    /// Which file failed.
    failed: usize,
}

impl Fan<'_> {
    fn each(&mut self, mut call: impl FnMut(&mut dyn Sink) -> io::Result<()>) -> io::Result<()> {
        for (index, file) in self.files.iter_mut().enumerate() {
            self.failed = index;
            call(file)?;
        }
        self.failed = 0;
        self.chunker.as_mut().map_or(Ok(()), |chunker| call(chunker))
    }
}

impl Sink for Fan<'_> {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.each(|sink| sink.write(at, bytes))
    }

    fn copy(&mut self, at: u64, from: &Bytes, skip: u64, len: u64) -> io::Result<()> {
        self.each(|sink| sink.copy(at, from, skip, len))
    }

    fn blob(&mut self, at: u64, blob: &Blob) -> io::Result<()> {
        self.each(|sink| sink.blob(at, blob))
    }
}
