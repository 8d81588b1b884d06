//! dm-verity: a tree of hashes over a partition, so that the kernel checks every block that it reads against one root hash.
//! Made while the partition is written ([`HashSink`], [`Hasher`]); the same bytes as `veritysetup format`.

pub mod format;
mod hasher;
mod signature;
mod tree;
mod verify;

pub use format::{BadSalt, Salt, Shape, Superblock, SuperblockError};
pub use hasher::{HashSink, Hasher};
pub use signature::{Signature, SignatureError};
pub use tree::Tree;
pub use verify::{VerifyError, verify};

use pintle_model::Digest;
use uuid::Uuid;

/// UUIDs of the partitions with data and with hashes, by which systemd finds both from the root hash on the command line:
/// its first and its last 128 bits (UAPI.2 Discoverable Partitions Specification, "Verity").
#[must_use]
pub fn partition_uuids(root: &Digest) -> (Uuid, Uuid) {
    let half = |from: usize| {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&root.as_bytes()[from..from + 16]);
        Uuid::from_bytes(bytes)
    };
    (half(0), half(16))
}

/// The root hash that the UUIDs of the partitions with data and with hashes stand for: the other way of
/// [`partition_uuids`].
#[must_use]
pub fn root_hash(data: Uuid, hashes: Uuid) -> Digest {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(data.as_bytes());
    bytes[16..].copy_from_slice(hashes.as_bytes());
    Digest::from_bytes(bytes)
}
