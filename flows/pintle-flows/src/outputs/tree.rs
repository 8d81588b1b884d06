//! The tree without a disk: archives, a folder, a container image.

use super::disk::{GZIP_LEVEL, zstd};
use super::hashing::Hashing;
use pintle_disk::gzip;
use pintle_model::{Attrs, Digest, Hashed, Kind, Timestamp, Tree, TreeEncoding};
use pintle_package::oci::{self, Documents, Layer};
use pintle_package::{mtree, tar};
use pintle_world::Store;
use pintle_world::atomic::{self, AtomicError};
use pintle_world::host_tree::{self, Ownership};
use pintle_world::together::{Folder, Pending};
use pintle_world::tree_folder::{self, Keeping};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

/// The tree to write, and how a container of it runs.
pub struct TreeImage<'a> {
    /// Files, as assembled; nothing in it is there for a disk.
    pub tree: &'a Tree,
    /// The container.
    pub container: &'a oci::Image,
}

/// Where and with what to write.
pub(super) struct Place<'a> {
    pub(super) store: &'a Store,
    pub(super) threads: usize,
}

/// A written output: what is to appear, its size, and the digest that stands for it.
pub(super) struct Made {
    pub(super) pending: Vec<Pending>,
    pub(super) size: u64,
    pub(super) sha256: Option<Digest>,
    /// What the digest is of, where it is not of the file.
    pub(super) digest_of: Option<String>,
}

/// Writes `image` at `path`.
pub(super) fn write(
    encoding: TreeEncoding,
    image: &TreeImage<'_>,
    place: &Place<'_>,
    path: &Path,
) -> Result<Made, AtomicError> {
    let fail = |error| AtomicError::new(path, error);
    match encoding {
        TreeEncoding::Directory => directory(image, place, path),
        TreeEncoding::Oci => {
            let folder = Folder::create(path)?;
            let (manifest, size) = layout(image, place, folder.temporary_path()).map_err(fail)?;
            let digest_of = Some("OCI manifest".to_owned());
            Ok(Made { pending: vec![Pending::Folder(folder)], size, sha256: Some(manifest), digest_of })
        }
        TreeEncoding::OciArchive => {
            // Beside the file, so that it is on the same file system; it goes when it is dropped.
            let folder = Folder::create(path.with_extension("layout"))?;
            layout(image, place, folder.temporary_path()).map_err(fail)?;
            archive_of(image, folder.temporary_path(), place, path)
        }
        TreeEncoding::Tar | TreeEncoding::TarGzip | TreeEncoding::TarZstd => {
            let mut file = atomic::File::create(path)?;
            let hashed = archive(encoding, image.tree, place, &mut file).map_err(fail)?;
            Ok(made(file, &hashed))
        }
    }
}

fn made(file: atomic::File, hashed: &Hashed) -> Made {
    let (size, sha256) = (hashed.len(), Some(hashed.digest()));
    Made { pending: vec![Pending::File(file)], size, sha256, digest_of: None }
}

/// The error of a writer as one of I/O, of the kind that is at its bottom.
fn as_io(error: tar::WriteError) -> io::Error {
    io::Error::new(error.source.kind(), error)
}

fn archive(
    encoding: TreeEncoding,
    tree: &Tree,
    place: &Place<'_>,
    file: &mut atomic::File,
) -> io::Result<Hashed> {
    let mut out = BufWriter::with_capacity(1 << 18, Hashing::new(file));
    let mut out = match encoding {
        TreeEncoding::TarGzip => {
            let mut packer = gzip::Writer::new(out, GZIP_LEVEL, place.threads)?;
            tar::write(tree, place.store, &mut packer).map_err(as_io)?;
            packer.finish()?
        }
        TreeEncoding::TarZstd => {
            let mut packer = zstd(out, place.threads)?;
            tar::write(tree, place.store, &mut packer).map_err(as_io)?;
            packer.finish()?
        }
        _ => {
            tar::write(tree, place.store, &mut out).map_err(as_io)?;
            out
        }
    };
    out.flush()?;
    Ok(out.into_inner().map_err(io::IntoInnerError::into_error)?.into_hasher().finish())
}

/// The folder, and beside it the listing of what a folder may not have kept, whose digest stands for all of it.
fn directory(image: &TreeImage<'_>, place: &Place<'_>, path: &Path) -> Result<Made, AtomicError> {
    let folder = Folder::create(path)?;
    let keeping = if tree_folder::may_set_owners() { Keeping::All } else { Keeping::Permissions };
    let written = tree_folder::write(image.tree, place.store, folder.temporary_path(), keeping);
    written.map_err(|error| AtomicError::new(path, io::Error::new(error.source.kind(), error)))?;
    let beside = path.with_extension("mtree");
    let fail = |error| AtomicError::new(&beside, error);
    let listing = mtree::listing(image.tree, place.store).map_err(fail)?;
    let mut file = atomic::File::create(&beside)?;
    file.write_all(listing.as_bytes()).map_err(fail)?;
    let len = |entry: pintle_model::Entry<'_>| match &entry.inode.kind {
        Kind::File(blob) => blob.len(),
        _ => 0,
    };
    let size = image.tree.walk().map(len).sum();
    let digest_of = beside.file_name().map(|name| name.to_string_lossy().into_owned());
    let sha256 = Some(Digest::of(listing.as_bytes()));
    Ok(Made { pending: vec![Pending::Folder(folder), Pending::File(file)], size, sha256, digest_of })
}

/// Writes an image layout into `folder`; gives the digest of the manifest and the bytes of everything.
fn layout(image: &TreeImage<'_>, place: &Place<'_>, folder: &Path) -> io::Result<(Digest, u64)> {
    let blobs = folder.join("blobs/sha256");
    pintle_world::files::make_folder(&blobs)?;
    let layer = layer(image.tree, place, &blobs)?;
    let Documents { config, manifest, index } = Documents::new(image.container, &layer);
    let digest = Digest::of(&manifest);
    let mut size = layer.size;
    let blob = |bytes: &[u8]| blobs.join(Digest::of(bytes).hex());
    for (path, bytes) in [
        (blob(&config), &config[..]),
        (blob(&manifest), &manifest),
        (folder.join("index.json"), &index),
        (folder.join("oci-layout"), oci::LAYOUT),
    ] {
        pintle_world::files::write_new(&path, bytes)?;
        size += bytes.len() as u64;
    }
    Ok((digest, size))
}

/// The tree as a layer in `blobs`, under its digest.
fn layer(tree: &Tree, place: &Place<'_>, blobs: &Path) -> io::Result<Layer> {
    let path = blobs.join("layer");
    let file = pintle_world::files::create_new(&path)?;
    let packed = BufWriter::with_capacity(1 << 18, Hashing::new(file));
    let packer = gzip::Writer::new(packed, GZIP_LEVEL, place.threads)?;
    let mut plain = Hashing::new(packer);
    tar::write(tree, place.store, &mut plain).map_err(as_io)?;
    let (packer, plain) = plain.into_parts();
    let packed = packer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    let packed = packed.into_hasher().finish();
    pintle_world::files::rename(&path, &blobs.join(packed.digest().hex()))?;
    Ok(Layer { digest: packed.digest(), size: packed.len(), diff_id: plain.finish().digest() })
}

/// The image layout in `folder` as the archive `path`.
pub(super) fn archive_of(
    image: &TreeImage<'_>,
    folder: &Path,
    place: &Place<'_>,
    path: &Path,
) -> Result<Made, AtomicError> {
    let fail = |error| AtomicError::new(path, error);
    let mut file = atomic::File::create(path)?;
    let tree = host_tree::read(folder, place.store, Ownership::Root);
    let mut tree = tree.map_err(|error| fail(io::Error::other(error)))?;
    let time = Timestamp::from_secs(image.container.epoch);
    let ids: Vec<_> = tree.walk().map(|entry| entry.id).collect();
    for id in ids {
        let inode = tree.inode_mut(id);
        let mode = if matches!(inode.kind, Kind::Directory(_)) { 0o755 } else { 0o644 };
        inode.attrs = Attrs { mtime: time, ..Attrs::root(mode) };
        inode.xattrs.clear();
    }
    let hashed = archive(TreeEncoding::Tar, &tree, place, &mut file).map_err(fail)?;
    Ok(made(file, &hashed))
}
