//! The file system writers by themselves: a folder or a tar archive to an image, without root.

use crate::mkfs_erofs::{self, CompressError, Compressed};
use crate::outputs::io_kind;
use crate::tar_tree::{self, TarTreeError};
use pintle_fs::{erofs, ext4, vfat};
use pintle_model::{Size, Timestamp, Tree};
use pintle_package::compress::Compression;
use pintle_world::atomic::{self, AtomicError};
use pintle_world::host_tree::{self, HostTreeError, Ownership};
use pintle_world::spool::{Spool, Spooled};
use pintle_world::store::StoreError;
use pintle_world::{FileSink, Store};
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use uuid::Uuid;

pub use crate::mkfs_erofs::Erofs;

/// Kinds of file systems.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// ext4.
    Ext4,
    /// FAT16 or FAT32.
    Vfat,
    /// EROFS.
    Erofs(Erofs),
}

/// What to write.
#[derive(Clone, Debug)]
pub struct Request {
    /// Kind.
    pub kind: Kind,
    /// Folder, tar archive (plain, gzip, xz or zstd, by its first bytes), or `-` for such an archive.
    pub source: PathBuf,
    /// Image.
    pub output: PathBuf,
    /// Size; none: as small as the content allows.
    pub size: Option<Size>,
    /// Label.
    pub label: String,
    /// UUID; none: made from label and source name.
    pub uuid: Option<Uuid>,
    /// Time of the file system itself.
    pub epoch: Timestamp,
    /// Owners of a folder's files.
    pub ownership: Ownership,
}

/// What was written.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Written {
    /// Image.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// Files, folders and links in it.
    pub entries: usize,
}

/// Why it was not written.
#[derive(Debug, thiserror::Error)]
pub enum MkfsError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] HostTreeError),
    /// The archive.
    #[error(transparent)]
    Tar(#[from] TarTreeError),
    /// There is no source.
    #[error("there is neither a folder nor an archive at {}", .0.display())]
    NoSource(PathBuf),
    /// The source cannot be opened.
    #[error("cannot read {}", .path.display())]
    Source {
        /// The source.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The content does not fit an ext4.
    #[error("cannot make an ext4 file system")]
    Ext4(#[from] ext4::Error),
    /// The content does not fit a FAT.
    #[error("cannot make a FAT file system")]
    Vfat(#[from] vfat::Error),
    /// The content does not fit an EROFS.
    #[error("cannot make an EROFS file system")]
    Erofs(#[from] erofs::Error),
    /// The size asked for is less than the content takes.
    #[error(
        "cannot make an EROFS file system of {size} bytes ({}): the content needs {needed} ({})",
        Size(*size), Size(*needed)
    )]
    ErofsTooSmall {
        /// Bytes that the content takes.
        needed: u64,
        /// Bytes asked for.
        size: u64,
    },
    /// Compressed files cannot be kept until they are written.
    #[error("cannot make a temporary file in the cache")]
    Spool(#[source] io::Error),
    /// The output.
    #[error(transparent)]
    Output(#[from] AtomicError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CompressError> for MkfsError {
    fn from(error: CompressError) -> Self {
        match error {
            CompressError::Spool(error) => Self::Spool(error),
            CompressError::Erofs(error) => error.into(),
        }
    }
}

/// Names are made below this, so that the same label and source give the same UUID.
const NAMESPACE: Uuid = uuid::uuid!("2fdd0f0e-6f5c-5f0b-9b1f-3f6f3f2f4c1e");

/// Writes the image by `threads` threads; it appears under its name when it is whole.
///
/// # Errors
/// [`MkfsError`].
pub fn mkfs(
    request: &Request,
    store: &Store,
    threads: usize,
    input: &mut dyn Read,
) -> Result<Written, MkfsError> {
    let (tree, _spooled) = source_tree(request, store, input)?;
    let uuid = request.uuid.unwrap_or_else(|| {
        let name = request.source.file_name().unwrap_or_default().to_string_lossy();
        Uuid::new_v5(&NAMESPACE, format!("{}\0{name}", request.label).as_bytes())
    });
    let compressed = match &request.kind {
        Kind::Erofs(erofs) => mkfs_erofs::compress(erofs, &tree, store, threads)?,
        _ => None,
    };
    let file = atomic::File::create(&request.output)?;
    let size = std::thread::scope(|scope| -> Result<u64, MkfsError> {
        let mut sink = FileSink::beside(scope, file.as_file(), store, threads);
        let size = write(request, uuid, &tree, compressed.as_ref(), &mut sink)?;
        sink.finish(size).map_err(|error| AtomicError::new(&request.output, error))?;
        Ok(size)
    })?;
    file.commit()?;
    Ok(Written { path: request.output.clone(), size, entries: tree.walk().count() })
}

/// Writes the file system and gives its size.
fn write(
    request: &Request,
    uuid: Uuid,
    tree: &Tree,
    compressed: Option<&Compressed>,
    sink: &mut FileSink<'_>,
) -> Result<u64, MkfsError> {
    match &request.kind {
        Kind::Erofs(erofs) => mkfs_erofs::write(request, erofs, uuid, tree, compressed, sink)
            .map_err(|error| or_full(request, error)),
        Kind::Ext4 => {
            let mut options = ext4::Options::new(uuid, Uuid::new_v5(&uuid, b"hash seed"), request.epoch);
            options.label.clone_from(&request.label);
            options.size = request.size.map(Size::bytes);
            let written = ext4::write(tree, &options, sink).map_err(|error| or_full(request, error))?;
            Ok(written.size.max(request.size.map_or(0, Size::bytes)))
        }
        Kind::Vfat => {
            let size = match request.size {
                Some(size) => size.bytes(),
                None => vfat::minimum_size(tree)?,
            };
            let serial = u32::from_be_bytes([0, 1, 2, 3].map(|index| uuid.as_bytes()[index]));
            let (label, epoch) = (request.label.to_uppercase(), request.epoch);
            let options = vfat::Options { size, label, serial, epoch, hidden_sectors: 0 };
            Ok(vfat::write(tree, &options, sink).map_err(|error| or_full(request, error))?.size)
        }
    }
}

/// The writer's error, or, where that is at the bottom of it, that the output has no room.
fn or_full<E: std::error::Error + Into<MkfsError> + 'static>(request: &Request, error: E) -> MkfsError {
    use io::ErrorKind as K;
    match io_kind(&error) {
        Some(kind @ (K::StorageFull | K::QuotaExceeded | K::FileTooLarge)) => {
            AtomicError::new(&request.output, kind.into()).into()
        }
        _ => error.into(),
    }
}

/// The tree to write, and what must live as long as its bytes are needed.
fn source_tree(
    request: &Request,
    store: &Store,
    input: &mut dyn Read,
) -> Result<(Tree, Option<Spooled>), MkfsError> {
    let path = request.source.as_path();
    if path == Path::new("-") {
        return tar(input, path, "standard input", store);
    }
    let fail = |source| MkfsError::Source { path: path.to_owned(), source };
    match pintle_world::files::is_folder(path).map_err(fail)? {
        None => Err(MkfsError::NoSource(path.to_owned())),
        Some(true) => Ok((host_tree::read(path, store, request.ownership)?, None)),
        Some(false) => {
            let packed = pintle_world::files::open(path).map_err(fail)?;
            tar(packed, path, &path.display().to_string(), store)
        }
    }
}

fn tar(
    packed: impl Read,
    path: &Path,
    name: &str,
    store: &Store,
) -> Result<(Tree, Option<Spooled>), MkfsError> {
    let unreadable = |source| MkfsError::Source { path: path.to_owned(), source };
    let fail = |source| TarTreeError::Spool { name: name.to_owned(), source };
    let folder = store.scratch();
    let mut packed = BufReader::new(packed);
    let compression = packed_how(packed.fill_buf().map_err(unreadable)?);
    let plain = compression.reader(packed).map_err(unreadable)?;
    let mut spool = Spool::new(store).map_err(|error| fail(AtomicError::new(&folder, error)))?;
    let tree = tar_tree::read(plain, name, &mut spool)?;
    Ok((tree, Some(spool.finish().map_err(|error| fail(AtomicError::new(&folder, error)))?)))
}

/// By the first bytes: RFC 1952, section 2.3.1; The .xz File Format, section 2.1.1.1; RFC 8878, section 3.1.1.
fn packed_how(start: &[u8]) -> Compression {
    match start {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        _ => Compression::Plain,
    }
}
