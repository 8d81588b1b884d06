//! Compares data and tree with a root hash. Nothing of the hash device is believed before its hash was compared.

use super::format::{BLOCK, HASH, PER_BLOCK, SUPERBLOCK, Shape, Superblock, SuperblockError};
use super::hasher::Hasher;
use super::tree::Salted;
use pintle_model::{Digest, Limit};
use std::io::{self, Read, Seek, SeekFrom};

/// A terabyte of data, 8 GiB of hashes: both files may be nothing but holes.
const BLOCKS: Limit = Limit::new(1 << 28, "data blocks in one comparison");

/// Why data is not what a root hash stands for.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// No superblock that can be used.
    #[error(transparent)]
    Superblock(#[from] SuperblockError),
    /// Over a limit.
    #[error("more than {} {}", .0.max, .0.what)]
    Limit(Limit),
    /// Data that is not there.
    #[error("the dm-verity tree is over {needed} bytes of data, and there are only {there}")]
    DataShort {
        /// Bytes needed.
        needed: u64,
        /// Bytes there.
        there: u64,
    },
    /// Hashes that are not there.
    #[error("the dm-verity tree ends before it is complete: {needed} bytes are needed")]
    TreeShort {
        /// Bytes of the whole hash device.
        needed: u64,
    },
    /// Another tree.
    #[error("the root hash is {actual}, expected {expected}: the tree is damaged, or it is another one")]
    Root {
        /// What was asked for.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
    /// A damaged block of hashes.
    #[error("hash block {block} (at byte {at} of the hash device) is not what the block above it says")]
    HashBlock {
        /// Its number, from the superblock's 0.
        block: u64,
        /// Its first byte.
        at: u64,
    },
    /// Damaged data.
    #[error(
        "{damaged} of {blocks} data blocks are not what the tree says, the first is number {first} (at byte {at})"
    )]
    Data {
        /// How many.
        damaged: u64,
        /// Of how many.
        blocks: u64,
        /// The first of them, from 0.
        first: u64,
        /// Its first byte.
        at: u64,
    },
    /// Reading.
    #[error("it cannot be read")]
    Read(#[from] io::Error),
}

/// Compares `data` and the tree on `hashes` (both from their beginnings) with `root`, on so many threads beside this one.
/// `data` may be longer than what the tree covers, as `veritysetup` has it. Takes memory for 1/127 of the data.
///
/// # Errors
/// [`VerifyError`].
pub fn verify(
    data: &mut (impl Read + Seek),
    hashes: &mut impl Read,
    root: &Digest,
    threads: usize,
) -> Result<Superblock, VerifyError> {
    let mut first = [0; BLOCK];
    hashes.read_exact(&mut first[..SUPERBLOCK]).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => VerifyError::Superblock(SuperblockError::NoMagic),
        _ => error.into(),
    })?;
    let mut bytes = [0; SUPERBLOCK];
    bytes.copy_from_slice(&first[..SUPERBLOCK]);
    let superblock = Superblock::parse(&bytes)?;
    let blocks = superblock.data_blocks;
    let (needed, there) = (blocks * BLOCK as u64, data.seek(SeekFrom::End(0))?);
    if there < needed {
        return Err(VerifyError::DataShort { needed, there });
    }
    if !BLOCKS.allows(blocks) {
        return Err(VerifyError::Limit(BLOCKS));
    }
    data.seek(SeekFrom::Start(0))?;
    let salted = Salted::new(&superblock.salt);
    let expected = tree(hashes, &mut first, blocks, &salted, root)?;
    let mut hasher = Hasher::new(superblock.salt.clone(), threads)?;
    io::copy(&mut data.take(needed), &mut hasher)?;
    compare(&expected, &hasher.leaves()?, &superblock, root)?;
    Ok(superblock)
}

/// Reads the levels from the top to the bottom; gives the hashes of the data. A tree without levels has its root alone.
fn tree(
    hashes: &mut impl Read,
    first: &mut [u8; BLOCK],
    data_blocks: u64,
    salted: &Salted,
    root: &Digest,
) -> Result<Vec<u8>, VerifyError> {
    let shape = Shape::new(data_blocks).expect("invariant: a superblock's number of blocks was checked");
    let needed = shape.len();
    let mut expected = root.as_bytes().to_vec();
    let mut number = 1;
    if !shape.levels.is_empty() {
        let rest = hashes.read_exact(&mut first[SUPERBLOCK..]);
        rest.map_err(|error| short(error, needed))?;
    }
    for (index, blocks) in shape.levels.iter().rev().enumerate() {
        let mut level = Vec::new();
        hashes.take(blocks * BLOCK as u64).read_to_end(&mut level)?;
        if level.len() as u64 != blocks * BLOCK as u64 {
            return Err(VerifyError::TreeShort { needed });
        }
        let actual = salted.level(&level);
        if let Some(at) = first_difference(&expected, &actual) {
            if index == 0 {
                let mut hash = [0; HASH];
                hash.copy_from_slice(&actual);
                return Err(VerifyError::Root { expected: *root, actual: Digest::from_bytes(hash) });
            }
            let block = number + at as u64;
            return Err(VerifyError::HashBlock { block, at: block * BLOCK as u64 });
        }
        number += blocks;
        expected = level;
    }
    Ok(expected)
}

fn short(error: io::Error, needed: u64) -> VerifyError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => VerifyError::TreeShort { needed },
        _ => error.into(),
    }
}

/// Which of the `actual` hashes is the first that differs.
fn first_difference(expected: &[u8], actual: &[u8]) -> Option<usize> {
    expected.chunks_exact(HASH).zip(actual.chunks_exact(HASH)).position(|(one, other)| one != other)
}

fn compare(
    expected: &[u8],
    actual: &[u8],
    superblock: &Superblock,
    root: &Digest,
) -> Result<(), VerifyError> {
    debug_assert!(expected.len().is_multiple_of(HASH * PER_BLOCK) || expected.len() == HASH, "whole blocks");
    let blocks = superblock.data_blocks;
    if (actual.len() / HASH) as u64 != blocks {
        let there = (actual.len() / HASH * BLOCK) as u64;
        return Err(VerifyError::DataShort { needed: blocks * BLOCK as u64, there });
    }
    let Some(first) = first_difference(expected, actual) else { return Ok(()) };
    if blocks == 1 {
        let mut hash = [0; HASH];
        hash.copy_from_slice(actual);
        return Err(VerifyError::Root { expected: *root, actual: Digest::from_bytes(hash) });
    }
    let pairs = expected.chunks_exact(HASH).zip(actual.chunks_exact(HASH));
    let damaged = pairs.filter(|(one, other)| one != other).count() as u64;
    Err(VerifyError::Data { damaged, blocks, first: first as u64, at: (first * BLOCK) as u64 })
}
