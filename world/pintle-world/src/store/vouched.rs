//! Which packs were compared with the digests of their files, so that the next build need not compare them again.
//!
//! A pack is not synced when it is written, and lies in a cache that people copy, restore and clean by hand. It counts
//! as compared only while it is the same file, unchanged, and the machine was not started anew since: after a power
//! cut, or when anything wrote to it, the digests are taken again (some tenths of a second for a server's packages).
//!
//! Folders that are read where they are (store paths of this machine) are noted by a witness instead of a file's stamp.

use crate::kept;
use pintle_model::Digest;
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What changes when a file is written, replaced or copied (stat(2)): length, inode, modification and change time.
type Stamp = [i64; 6];
/// Digest of what was unpacked, and the format.
type Key = ([u8; 32], u32);
/// In place of a format: the stamp is a witness.
const SEEN: u32 = u32::MAX;
/// Bytes of a key and its stamp in the file.
const RECORD: usize = 32 + 4 + 6 * 8;

/// The file: the kernel's name of this boot (36 bytes), then records.
#[derive(Debug)]
pub(super) struct Vouched {
    path: PathBuf,
    boot: Vec<u8>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    stamps: BTreeMap<Key, Stamp>,
    changed: bool,
}

impl Vouched {
    /// What was noted since the machine was started. A damaged file, or none, is an empty one.
    pub(super) fn open(path: PathBuf) -> Self {
        let boot = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let kept = kept::read(&path).ok().flatten().unwrap_or_default();
        let stamps = kept.strip_prefix(boot.as_slice()).map(parse).unwrap_or_default();
        Self { path, boot, table: Mutex::new(Table { stamps, changed: false }) }
    }

    /// True while the pack is the file that was noted.
    pub(super) fn has(&self, digest: &Digest, format: u32, pack: &Metadata) -> bool {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.stamps.get(&(*digest.as_bytes(), format)) == Some(&stamp(pack))
    }

    /// Notes the pack.
    pub(super) fn add(&self, digest: &Digest, format: u32, pack: &Path) {
        // What cannot be looked at is looked at again.
        let Ok(metadata) = std::fs::metadata(pack) else { return };
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.stamps.insert((*digest.as_bytes(), format), stamp(&metadata));
        table.changed = true;
    }

    /// True while what has this digest has the witness that was noted.
    pub(super) fn has_seen(&self, digest: &Digest, witness: &Digest) -> bool {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.stamps.get(&(*digest.as_bytes(), SEEN)) == Some(&witness_stamp(witness))
    }

    /// Notes the witness.
    pub(super) fn note_seen(&self, digest: &Digest, witness: &Digest) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.stamps.insert((*digest.as_bytes(), SEEN), witness_stamp(witness));
        table.changed = true;
    }
}

impl Drop for Vouched {
    /// Keeps the notes. Where that fails, the next build compares once more.
    fn drop(&mut self) {
        let table = self.table.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !table.changed {
            return;
        }
        let mut bytes = self.boot.clone();
        for ((digest, format), stamp) in &table.stamps {
            bytes.extend_from_slice(digest);
            bytes.extend_from_slice(&format.to_le_bytes());
            stamp.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        }
        kept::write(&self.path, bytes).ok();
    }
}

fn stamp(file: &Metadata) -> Stamp {
    [
        file.len().cast_signed(),
        file.ino().cast_signed(),
        file.mtime(),
        file.mtime_nsec(),
        file.ctime(),
        file.ctime_nsec(),
    ]
}

fn witness_stamp(witness: &Digest) -> Stamp {
    let mut stamp = Stamp::default();
    let (numbers, _) = witness.as_bytes().as_chunks::<8>();
    stamp.iter_mut().zip(numbers).for_each(|(to, from)| *to = i64::from_le_bytes(*from));
    stamp
}

fn parse(records: &[u8]) -> BTreeMap<Key, Stamp> {
    let (records, _) = records.as_chunks::<RECORD>();
    let mut stamps = BTreeMap::new();
    for record in records {
        let (Some((digest, rest)), mut stamp) = (record.split_first_chunk::<32>(), Stamp::default()) else {
            continue;
        };
        let Some((format, numbers)) = rest.split_first_chunk::<4>() else { continue };
        let (numbers, _) = numbers.as_chunks::<8>();
        stamp.iter_mut().zip(numbers).for_each(|(to, from)| *to = i64::from_le_bytes(*from));
        stamps.insert((*digest, u32::from_le_bytes(*format)), stamp);
    }
    stamps
}
