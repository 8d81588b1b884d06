//! Work that is done in any order, and announced in one.

use pintle_nix::NarInfo;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What is ready and may not be announced yet.
#[derive(Default)]
pub(super) struct Order(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    /// By its place in the order.
    ready: BTreeMap<usize, NarInfo>,
    /// The first that was not announced.
    next: usize,
    bytes: u64,
}

impl Order {
    /// The one with this number is ready: it and those after it are announced, as far as there is no gap.
    ///
    /// # Errors
    /// Of `announce`; it and what comes after it stay unannounced.
    pub(super) fn done<E>(
        &self,
        number: usize,
        info: NarInfo,
        mut announce: impl FnMut(&NarInfo) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.ready.insert(number, info);
        loop {
            let next = waiting.next;
            let Some(info) = waiting.ready.remove(&next) else { return Ok(()) };
            announce(&info)?;
            waiting.next += 1;
            waiting.bytes += info.file_size.unwrap_or(0);
        }
    }

    /// Bytes of all archives that were announced.
    pub(super) fn bytes(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::Digest;
    use pintle_nix::compress::Compression;
    use pintle_nix::{PathInfo, StoreDir};

    fn info(number: usize) -> NarInfo {
        let path = StoreDir::default().path(&format!("{}-{number}", "0".repeat(32))).unwrap();
        NarInfo {
            info: PathInfo::new(path, Digest::of(b""), 8),
            url: "nar/x".parse().unwrap(),
            compression: Compression::None,
            file_hash: None,
            file_size: Some(10),
        }
    }

    #[test]
    fn nothing_is_announced_before_what_it_may_need() {
        let order = Order::default();
        let mut said: Vec<String> = Vec::new();
        let mut done = |number| {
            order.done(number, info(number), |info| {
                said.push(info.info.path.name().to_owned());
                if said.len() == 4 { Err("full") } else { Ok(()) }
            })
        };
        done(2).unwrap();
        done(1).unwrap();
        done(0).unwrap();
        // What cannot be announced holds back all that follow.
        assert_eq!(done(3), Err("full"));
        done(4).unwrap();
        assert_eq!(said, ["0", "1", "2", "3"]);
        assert_eq!(order.bytes(), 30);
    }
}
