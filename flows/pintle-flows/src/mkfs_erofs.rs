//! The part of `mkfs` that only EROFS has: files are compressed, into a spool, before the image is begun.

use crate::mkfs::{MkfsError, Request};
use pintle_fs::erofs::{self, Method, Packed, Packing};
use pintle_model::{PackSink, Size, Tree};
use pintle_world::spool::{Spool, Spooled};
use pintle_world::{FileSink, Store};
use std::io::{self, Write as _};
use std::sync::Arc;
use uuid::Uuid;

/// How an EROFS stores files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Erofs {
    /// How to compress them; none: not at all.
    pub method: Option<Method>,
    /// Plain bytes of a compressed extent; none: 128 KiB.
    pub cluster: Option<Size>,
    /// Short files and ends of files share blocks; none: if they are compressed.
    pub pack_tails: Option<bool>,
}

/// Compressed files, which live as long as this.
pub(crate) struct Compressed {
    pub(crate) packed: Arc<Packed>,
    _spooled: Spooled,
}

/// Why files are not compressed.
#[derive(Debug, thiserror::Error)]
pub enum CompressError {
    /// Keeping them.
    #[error("cannot make a temporary file in the cache")]
    Spool(#[source] io::Error),
    /// Reading or compressing them.
    #[error(transparent)]
    Erofs(#[from] erofs::Error),
}

/// Writes into a spool as compression does.
struct IntoSpool(Spool);

impl PackSink for IntoSpool {
    fn begin(&mut self) -> io::Result<u64> {
        self.0.align(4096)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }
}

/// Compresses what is to be compressed.
pub(crate) fn compress(
    wanted: &Erofs,
    tree: &Tree,
    store: &Store,
    threads: usize,
) -> Result<Option<Compressed>, CompressError> {
    let Some(method) = wanted.method else { return Ok(None) };
    let mut packing = Packing::new(method, threads);
    if let Some(cluster) = wanted.cluster {
        packing.cluster = cluster.bytes();
    }
    packing.fragments = if wanted.pack_tails == Some(false) { 0 } else { packing.cluster };
    let mut spool = IntoSpool(Spool::new(store).map_err(CompressError::Spool)?);
    let source = spool.0.source();
    let packed = erofs::pack(tree, store, &packing, &mut spool, source)?;
    let spooled = spool.0.finish().map_err(CompressError::Spool)?;
    Ok(Some(Compressed { packed: Arc::new(packed), _spooled: spooled }))
}

/// Writes the image, and says how long it is.
pub(crate) fn write(
    request: &Request,
    wanted: &Erofs,
    uuid: Uuid,
    tree: &Tree,
    compressed: Option<&Compressed>,
    sink: &mut FileSink<'_>,
) -> Result<u64, MkfsError> {
    let mut options = erofs::Options::new(uuid, request.epoch);
    options.label.clone_from(&request.label);
    options.pack_tails = wanted.pack_tails == Some(true);
    let packed = compressed.map(|compressed| &*compressed.packed);
    if let Some(size) = request.size.map(Size::bytes) {
        let needed = erofs::layout(tree, packed, &options)?.size;
        if needed > size {
            return Err(MkfsError::ErofsTooSmall { needed, size });
        }
    }
    let written = erofs::write(tree, packed, &options, sink)?;
    Ok(written.size.max(request.size.map_or(0, Size::bytes)))
}
