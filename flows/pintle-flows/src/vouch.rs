//! Unpacked packages of earlier runs, compared with the digests of their files before anything is built from them.

use crate::supply::Supply;
use crate::unpack::{UnpackError, Unpacked};
use pintle_model::{Contents as _, Digest, Hasher, SourceId};
use pintle_package::{EntryKind, UNPACK_FORMAT};
use pintle_world::Store;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes compared at once.
const CHUNK: usize = 256 << 10;

/// A package that was opened, and whether the store vouches for its bytes.
pub(crate) type Opened = (Unpacked, bool);

/// Takes out of `found` those whose bytes are not what their index says: they are unpacked again. Compares on
/// `supply.threads`, and only what was not compared since the machine was started.
///
/// # Errors
/// [`UnpackError::Stopped`].
pub(crate) fn whole(
    found: Vec<Option<Opened>>,
    supply: &Supply<'_>,
) -> Result<Vec<Option<Unpacked>>, UnpackError> {
    let doubtful: Vec<(usize, &Unpacked)> = found
        .iter()
        .enumerate()
        .filter_map(|(at, slot)| match slot {
            Some((unpacked, false)) => Some((at, unpacked)),
            _ => None,
        })
        .collect();
    let damaged = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut buffer = vec![0; CHUNK];
        while !supply.fetcher.cancelled()
            && let Some((at, unpacked)) = doubtful.get(next.fetch_add(1, Ordering::Relaxed))
        {
            if is_whole(unpacked, supply.store, &mut buffer) {
                supply.store.vouch(&unpacked.locked.sha256, UNPACK_FORMAT);
            } else {
                damaged.lock().unwrap_or_else(PoisonError::into_inner).push(*at);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..supply.threads.min(doubtful.len()) {
            scope.spawn(work);
        }
    });
    if supply.fetcher.cancelled() {
        return Err(UnpackError::Stopped);
    }
    let damaged = damaged.into_inner().unwrap_or_else(PoisonError::into_inner);
    let keep = |(at, slot): (usize, Option<Opened>)| {
        slot.filter(|_| !damaged.contains(&at)).map(|(unpacked, _)| unpacked)
    };
    Ok(found.into_iter().enumerate().map(keep).collect())
}

fn is_whole(unpacked: &Unpacked, store: &Store, buffer: &mut [u8]) -> bool {
    let files = unpacked.deb.entries.iter().filter_map(|entry| match &entry.kind {
        EntryKind::File { offset, len, digest } => Some((*offset, *len, *digest)),
        _ => None,
    });
    are_whole(unpacked.source, files, store, buffer)
}

/// Every file has the digest that was taken when it was unpacked. What cannot be read is damaged too.
fn are_whole(
    source: SourceId,
    mut files: impl Iterator<Item = (u64, u64, Digest)>,
    store: &Store,
    buffer: &mut [u8],
) -> bool {
    files.all(|(offset, len, digest)| {
        let mut hasher = Hasher::new();
        let mut done = 0;
        while done < len {
            let n = (len - done).min(buffer.len() as u64) as usize;
            if store.read_exact_at(source, offset + done, &mut buffer[..n]).is_err() {
                return false;
            }
            hasher.update(&buffer[..n]);
            done += n as u64;
        }
        hasher.finish().digest() == digest
    })
}
