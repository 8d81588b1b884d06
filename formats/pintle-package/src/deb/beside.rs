//! Kernel modules unpacked on a second thread: the package around them is itself packed, and reading that takes as
//! long as unpacking all of them. One after the other, a kernel is what everything else waits for.

use super::modules;
use crate::compress::Compression;
use pintle_model::{Digest, Hasher, Limit};
use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

/// Packed modules up to this size go the way through memory; of a larger one the bytes come as they are read.
const PACKED: u64 = 4 << 20;
/// So many bytes of a module are held unpacked; the rest of a larger one comes as it is read.
const PLAIN: u64 = 16 << 20;
/// Modules under way: what memory is bounded by, and enough that neither side waits for the other.
pub(super) const AHEAD: usize = 4;

/// True if a module of `packed` bytes is unpacked here.
pub(super) fn takes(packed: u64) -> bool {
    packed <= PACKED
}

struct Job {
    packed: Vec<u8>,
    kind: Compression,
}

/// A module that was unpacked.
pub(super) enum Module {
    /// All of its bytes.
    Whole(Vec<u8>, Digest),
    /// It is too large to be held; its packed bytes.
    Large(Vec<u8>, Compression),
}

/// The thread, started with the first module, and the modules it works at, by their places in the package. They come
/// back in the order in which they went.
pub(super) struct Beside<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    limit: Limit,
    thread: Option<(SyncSender<Job>, Receiver<io::Result<Module>>)>,
    waiting: VecDeque<usize>,
}

impl<'scope, 'env> Beside<'scope, 'env> {
    pub(super) fn new(scope: &'scope Scope<'scope, 'env>, limit: Limit) -> Self {
        Self { scope, limit, thread: None, waiting: VecDeque::new() }
    }

    /// Gives one to the thread; fewer than [`AHEAD`] may be there.
    pub(super) fn give(&mut self, place: usize, packed: Vec<u8>, kind: Compression) {
        let (scope, limit) = (self.scope, self.limit);
        let (jobs, _) = self.thread.get_or_insert_with(|| {
            let (jobs, to_do) = sync_channel::<Job>(AHEAD);
            let (results, done) = sync_channel(AHEAD);
            scope.spawn(move || {
                for job in to_do {
                    // Nobody waits any more once the reader has failed.
                    if results.send(unpack(job, limit)).is_err() {
                        return;
                    }
                }
            });
            (jobs, done)
        });
        jobs.send(Job { packed, kind }).expect("invariant: the thread ends after its jobs");
        self.waiting.push_back(place);
    }

    /// The next one, waiting for it; `None` when there are no more than `most`.
    pub(super) fn take(&mut self, most: usize) -> Option<(usize, io::Result<Module>)> {
        if self.waiting.len() <= most {
            return None;
        }
        let place = self.waiting.pop_front()?;
        let (_, done) = self.thread.as_ref()?;
        Some((place, done.recv().expect("invariant: the thread answers every job")))
    }
}

fn unpack(job: Job, limit: Limit) -> io::Result<Module> {
    let Job { packed, kind } = job;
    let mut plain = Vec::new();
    let most = PLAIN.min(limit.max);
    modules::reader(packed.as_slice(), kind, limit)?.take(most + 1).read_to_end(&mut plain)?;
    if plain.len() as u64 > most {
        return Ok(Module::Large(packed, kind));
    }
    let mut hasher = Hasher::new();
    hasher.update(&plain);
    Ok(Module::Whole(plain, hasher.finish().digest()))
}
