//! The superblock that `veritysetup` puts in front of a hash tree, and the shape of the tree behind it. Source:
//! cryptsetup's `lib/verity/verity.c` (superblock) and `verity_hash.c` (levels); the tree itself is Linux
//! `Documentation/admin-guide/device-mapper/verity.rst`, "On-disk format", hash type 1.

use pintle_model::Digest;
use uuid::Uuid;

/// Begins a superblock.
pub const MAGIC: [u8; 8] = *b"verity\0\0";
/// Bytes of a superblock; it has a block of its own.
pub const SUPERBLOCK: usize = 512;
/// Bytes of a block, of data and of hashes alike: what systemd and `veritysetup` use unless told otherwise, and the page
/// size of the machines Pintle knows.
pub const BLOCK: usize = 4096;
/// Bytes of a SHA-256 digest.
pub const HASH: usize = 32;
/// Hashes in a block.
pub const PER_BLOCK: usize = BLOCK / HASH;
/// Most bytes of a salt (`VERITY_MAX_SALT`, and the field's room).
pub const SALT_MAX: usize = 256;
/// Data blocks at most: their bytes are the most an offset in a file can be.
pub const DATA_BLOCKS_MAX: u64 = i64::MAX as u64 / BLOCK as u64;

const VERSION: u32 = 1;
const HASH_TYPE: u32 = 1;
const ALGORITHM: &[u8] = b"sha256";
const ALGORITHM_AT: usize = 32;
const ALGORITHM_LEN: usize = 32;
const SALT_AT: usize = 88;

/// What goes before the data into every hash: at most [`SALT_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salt(Vec<u8>);

/// A salt is too long, or its text is none.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadSalt {
    /// Too long.
    #[error("a salt of {0} bytes; dm-verity takes 256 at most")]
    TooLong(usize),
    /// Not hexadecimal.
    #[error("`{0}` is no salt: an even number of hexadecimal digits, or `-` for none")]
    NotHex(String),
}

impl Salt {
    /// A salt of these bytes.
    ///
    /// # Errors
    /// [`BadSalt::TooLong`].
    pub fn new(bytes: &[u8]) -> Result<Self, BadSalt> {
        if bytes.len() > SALT_MAX { Err(BadSalt::TooLong(bytes.len())) } else { Ok(Self(bytes.to_vec())) }
    }

    /// The salt of images that are given none: one for all, so that the same block has the same hash in every version of
    /// an image, and its tree tells an updater what it has already.
    #[must_use]
    pub fn common() -> Self {
        Self(Digest::of(b"pintle dm-verity salt").as_bytes().to_vec())
    }

    /// No salt.
    #[must_use]
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::str::FromStr for Salt {
    type Err = BadSalt;

    /// As `veritysetup --salt` takes it.
    fn from_str(text: &str) -> Result<Self, BadSalt> {
        if text == "-" {
            return Ok(Self::none());
        }
        let bad = || BadSalt::NotHex(text.chars().take(80).collect());
        if text.is_empty() || !text.len().is_multiple_of(2) {
            return Err(bad());
        }
        let digit = |c: u8| (c as char).to_digit(16).map(|digit| digit as u8);
        let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
        let bytes = text.as_bytes().chunks_exact(2).map(byte).collect::<Option<Vec<_>>>();
        Self::new(&bytes.ok_or_else(bad)?)
    }
}

impl std::fmt::Display for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("-");
        }
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a superblock says, less what can only have one value here: version 1, hash type 1, SHA-256, blocks of 4096 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Identity of the hash device.
    pub uuid: Uuid,
    /// Blocks of data that are covered.
    pub data_blocks: u64,
    /// Salt.
    pub salt: Salt,
}

/// Why bytes are no superblock that can be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SuperblockError {
    /// Something else.
    #[error("there is no dm-verity superblock: it does not begin with `verity`")]
    NoMagic,
    /// A kind of tree that is not made nor read here.
    #[error("a dm-verity {what} of {found} is not known here, only {known}")]
    Unknown {
        /// Which field.
        what: &'static str,
        /// What it says.
        found: String,
        /// What it could say.
        known: &'static str,
    },
    /// Out of bounds.
    #[error("the dm-verity superblock says {value} {what}; {from} to {to} are possible")]
    Bounds {
        /// Of what.
        what: &'static str,
        /// How many.
        value: u64,
        /// The least.
        from: u64,
        /// The most.
        to: u64,
    },
}

impl Superblock {
    /// Its 512 bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; SUPERBLOCK] {
        let mut out = [0; SUPERBLOCK];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        let salt = self.salt.as_bytes();
        put(0, &MAGIC);
        put(8, &VERSION.to_le_bytes());
        put(12, &HASH_TYPE.to_le_bytes());
        put(16, self.uuid.as_bytes());
        put(ALGORITHM_AT, ALGORITHM);
        put(64, &(BLOCK as u32).to_le_bytes());
        put(68, &(BLOCK as u32).to_le_bytes());
        put(72, &self.data_blocks.to_le_bytes());
        put(80, &(salt.len() as u16).to_le_bytes());
        put(SALT_AT, salt);
        out
    }

    /// From its 512 bytes.
    ///
    /// # Errors
    /// [`SuperblockError`].
    pub fn parse(bytes: &[u8; SUPERBLOCK]) -> Result<Self, SuperblockError> {
        if bytes[..8] != MAGIC {
            return Err(SuperblockError::NoMagic);
        }
        known(bytes, 8, "version", "1", VERSION)?;
        known(bytes, 12, "hash type", "1", HASH_TYPE)?;
        let name = &bytes[ALGORITHM_AT..ALGORITHM_AT + ALGORITHM_LEN];
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        if name != ALGORITHM {
            let found = format!("`{}`", String::from_utf8_lossy(name).escape_debug());
            return Err(SuperblockError::Unknown { what: "hash algorithm", found, known: "sha256" });
        }
        known(bytes, 64, "data block size", "4096", BLOCK as u32)?;
        known(bytes, 68, "hash block size", "4096", BLOCK as u32)?;
        let data_blocks = (72..80).rev().fold(0, |value, at| value << 8 | u64::from(bytes[at]));
        if !(1..=DATA_BLOCKS_MAX).contains(&data_blocks) {
            let what = "data blocks";
            return Err(SuperblockError::Bounds { what, value: data_blocks, from: 1, to: DATA_BLOCKS_MAX });
        }
        let salt_len = usize::from(u16::from_le_bytes([bytes[80], bytes[81]]));
        let salt = bytes.get(SALT_AT..SALT_AT + salt_len).and_then(|salt| Salt::new(salt).ok());
        let salt = salt.ok_or(SuperblockError::Bounds {
            what: "bytes of salt",
            value: salt_len as u64,
            from: 0,
            to: SALT_MAX as u64,
        })?;
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&bytes[16..32]);
        Ok(Self { uuid: Uuid::from_bytes(uuid), data_blocks, salt })
    }
}

fn known(
    bytes: &[u8; SUPERBLOCK],
    at: usize,
    what: &'static str,
    known: &'static str,
    value: u32,
) -> Result<(), SuperblockError> {
    let found = u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    if found == value {
        return Ok(());
    }
    Err(SuperblockError::Unknown { what, found: found.to_string(), known })
}

/// How many blocks the levels of a tree have; known from the length of the data alone, so that a disk can be laid out
/// before a byte of it was hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Blocks of data.
    pub data_blocks: u64,
    /// Blocks of each level, from the one above the data to the one of a single block, whose hash is the root hash. None
    /// for a single block of data: its own hash is the root.
    pub levels: Vec<u64>,
}

impl Shape {
    /// Of a tree over so many blocks; `None` where there are none, or more than a file can have.
    #[must_use]
    pub fn new(data_blocks: u64) -> Option<Self> {
        if !(1..=DATA_BLOCKS_MAX).contains(&data_blocks) {
            return None;
        }
        let above = |below: u64| below.div_ceil(PER_BLOCK as u64);
        let levels = std::iter::successors(Some(data_blocks), |below| Some(above(*below)));
        let levels = levels.take_while(|blocks| *blocks > 1).map(above).collect();
        Some(Self { data_blocks, levels })
    }

    /// Bytes of the whole hash device: superblock and tree.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "there is always a superblock")]
    pub fn len(&self) -> u64 {
        (1 + self.levels.iter().sum::<u64>()) * BLOCK as u64
    }
}
