//! Hash trees by themselves: of an image, and an image against its root hash.

use pintle_boot::sign::SignError;
use pintle_disk::verity::{self, HashSink, Hasher, Signature, VerifyError, partition_uuids};
use pintle_model::{Digest, NoContents, Sink as _, WriteAll};
use pintle_world::atomic::{self, AtomicError};
use pintle_world::files;
use pintle_world::sparse::{self, Run};
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};
use uuid::Uuid;

pub use pintle_boot::sign::Signer;
pub use verity::Salt;

/// What to write.
#[derive(Debug)]
pub struct FormatRequest<'a> {
    /// Image or device.
    pub data: &'a Path,
    /// Hash tree to write.
    pub hashes: &'a Path,
    /// Salt; none: [`Salt::common`].
    pub salt: Option<Salt>,
    /// UUID of the tree; none: made from the root hash.
    pub uuid: Option<Uuid>,
    /// Threads that hash.
    pub threads: usize,
    /// File for a signature partition's content, and who signs the root hash.
    pub signature: Option<(&'a Path, &'a Signer)>,
}

/// A tree that was written or compared.
#[derive(Clone, Debug, Serialize)]
pub struct Verity {
    /// The root hash.
    pub root_hash: Digest,
    /// UUID of the tree.
    pub uuid: Uuid,
    /// Salt in hexadecimal, `-` for none.
    pub salt: String,
    /// Blocks of 4096 bytes that are covered.
    pub data_blocks: u64,
    /// UUID that the partition with the data should have, so that systemd finds it by the root hash.
    pub data_partition_uuid: Uuid,
    /// The same of the partition with the tree.
    pub hash_partition_uuid: Uuid,
}

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum VerityError {
    /// Data or tree cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Data of a length that no tree is over.
    #[error("{} cannot have a hash tree", .path.display())]
    Length {
        /// The data.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The data is not what the root hash stands for.
    #[error("{} is not what {root} stands for", .path.display())]
    Refused {
        /// The data.
        path: PathBuf,
        /// The root hash.
        root: Digest,
        /// Why.
        #[source]
        source: VerifyError,
    },
    /// The root hash cannot be signed.
    #[error("the root hash cannot be signed")]
    Sign(#[from] SignError),
    /// The tree cannot be written.
    #[error(transparent)]
    Output(#[from] AtomicError),
}

/// Writes the hash tree of an image; it appears under its name when it is whole.
///
/// # Errors
/// [`VerityError`].
pub fn format(request: &FormatRequest<'_>) -> Result<Verity, VerityError> {
    let unreadable = |source| VerityError::Read { path: request.data.to_owned(), source };
    let data = files::open(request.data).map_err(unreadable)?;
    let salt = request.salt.clone().unwrap_or_else(Salt::common);
    let hasher = Hasher::new(salt.clone(), request.threads).map_err(unreadable)?;
    let (mut sink, mut len) = (HashSink::new(hasher, &NoContents), 0);
    let read = sparse::read(&data, &mut |run| {
        if let Run::Data(bytes) = run {
            sink.write(len, bytes)?;
        }
        len += run.len();
        Ok(())
    });
    read.map_err(unreadable)?;
    let tree = sink.finish(len);
    let tree = tree.map_err(|source| VerityError::Length { path: request.data.to_owned(), source })?;
    let uuid = request.uuid.unwrap_or_else(|| tree.uuid());
    if let Some((path, signer)) = request.signature {
        atomic::write(path, &sign(tree.root(), signer)?)?;
    }
    let mut file = atomic::File::create(request.hashes)?;
    let mut out = WriteAll::new(&mut file, &NoContents);
    let put = tree.put(uuid, &mut out);
    put.map_err(|error| AtomicError::new(request.hashes, error))?;
    file.commit()?;
    Ok(Verity::new(tree.root(), uuid, &salt, tree.shape().data_blocks))
}

/// The content of a signature partition, as systemd-repart writes it.
fn sign(root: Digest, signer: &Signer) -> Result<Vec<u8>, SignError> {
    let certificate = Some(Digest::of(&signer.certificate()?));
    // Signed is the text, as the kernel gets it.
    let pkcs7 = signer.sign_detached(root.hex().as_bytes())?;
    Ok(Signature { root, certificate, pkcs7 }.partition())
}

/// Compares an image and its tree with a root hash.
///
/// # Errors
/// [`VerityError`].
pub fn verify(data: &Path, hashes: &Path, root: &Digest, threads: usize) -> Result<Verity, VerityError> {
    let open =
        |path: &Path| files::open(path).map_err(|source| VerityError::Read { path: path.to_owned(), source });
    let (mut image, tree) = (open(data)?, open(hashes)?);
    let good = verity::verify(&mut image, &mut io::BufReader::new(tree), root, threads);
    let good = good.map_err(|source| VerityError::Refused { path: data.to_owned(), root: *root, source })?;
    Ok(Verity::new(*root, good.uuid, &good.salt, good.data_blocks))
}

impl Verity {
    fn new(root_hash: Digest, uuid: Uuid, salt: &Salt, data_blocks: u64) -> Self {
        let (data_partition_uuid, hash_partition_uuid) = partition_uuids(&root_hash);
        Self {
            root_hash,
            uuid,
            salt: salt.to_string(),
            data_blocks,
            data_partition_uuid,
            hash_partition_uuid,
        }
    }
}
