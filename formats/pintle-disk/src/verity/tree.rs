use super::format::{BLOCK, HASH, PER_BLOCK, Salt, Shape, Superblock};
use pintle_model::{Digest, Sink};
use sha2::{Digest as _, Sha256};
use std::io;
use uuid::Uuid;

/// SHA-256 of blocks behind a salt. What is the same for all of them is computed once.
#[derive(Clone, Debug)]
pub(super) struct Salted {
    begun: Sha256,
    /// Of a block of zeros.
    pub(super) zero: [u8; HASH],
}

impl Salted {
    pub(super) fn new(salt: &Salt) -> Self {
        let begun = Sha256::new_with_prefix(salt.as_bytes());
        let zero = begun.clone().chain_update(&ZERO[..]).finalize().into();
        Self { begun, zero }
    }

    /// The hash of one block.
    pub(super) fn block(&self, block: &[u8]) -> [u8; HASH] {
        debug_assert_eq!(block.len(), BLOCK, "dm-verity hashes whole blocks");
        // A comparison ends at the first difference, or runs at the speed of memory.
        if block == ZERO { self.zero } else { self.begun.clone().chain_update(block).finalize().into() }
    }

    /// The hashes of all blocks of a level, whose last one is filled up with zeros.
    pub(super) fn level(&self, level: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(level.len() / PER_BLOCK);
        let mut before: Option<(&[u8], [u8; HASH])> = None;
        for block in level.chunks_exact(BLOCK) {
            // Above long holes, block after block is the same.
            let hash = match before {
                Some((same, hash)) if same == block => hash,
                _ => self.block(block),
            };
            out.extend_from_slice(&hash);
            before = Some((block, hash));
        }
        out
    }
}

/// UUIDs of trees are made below this.
const NAMESPACE: Uuid = uuid::uuid!("6d1f3a76-3f0a-5d7b-8c86-3f0f6f1c2a10");

static ZERO: [u8; BLOCK] = [0; BLOCK];

/// A finished hash tree, in memory: 1/127 of its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    root: Digest,
    shape: Shape,
    salt: Salt,
    /// From the top (one block) to the one above the data.
    levels: Vec<Vec<u8>>,
}

impl Tree {
    /// Over data whose blocks have these hashes (at least one).
    pub(super) fn over(mut leaves: Vec<u8>, salt: Salt, salted: &Salted) -> Option<Self> {
        let shape = Shape::new((leaves.len() / HASH) as u64)?;
        let mut levels = Vec::with_capacity(shape.levels.len());
        while leaves.len() > HASH {
            leaves.resize(leaves.len().next_multiple_of(BLOCK), 0);
            let above = salted.level(&leaves);
            levels.push(std::mem::replace(&mut leaves, above));
        }
        levels.reverse();
        let mut root = [0; HASH];
        root.copy_from_slice(&leaves);
        Some(Self { root: Digest::from_bytes(root), shape, salt, levels })
    }

    /// The root hash: who knows it, knows every byte of the data.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.root
    }

    /// A UUID for it that follows from its root hash.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        Uuid::new_v5(&NAMESPACE, self.root.as_bytes())
    }

    /// How many blocks of what there are.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Puts superblock and tree at the beginning of `sink`: [`Shape::len`] bytes, the same as `veritysetup format`
    /// writes.
    ///
    /// # Errors
    /// Of the sink.
    pub fn put(&self, uuid: Uuid, sink: &mut dyn Sink) -> io::Result<()> {
        let superblock = Superblock { uuid, data_blocks: self.shape.data_blocks, salt: self.salt.clone() };
        let mut at = BLOCK as u64;
        let mut first = [0; BLOCK];
        let bytes = superblock.bytes();
        first[..bytes.len()].copy_from_slice(&bytes);
        sink.write(0, &first)?;
        for level in &self.levels {
            sink.write(at, level)?;
            at += level.len() as u64;
        }
        Ok(())
    }
}
