//! What a path refers to is what it mentions: Nix finds references by looking for hash parts in the archive's bytes.

use crate::StorePath;
use crate::base32;
use crate::store_path::HASH_LEN;
use pintle_model::{Hashed, Hasher};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

type HashPart = [u8; HASH_LEN];

fn hash_part(path: &StorePath) -> HashPart {
    let mut part = [0; HASH_LEN];
    part.copy_from_slice(path.hash_part().as_bytes());
    part
}

/// Looks for the hash parts of candidates in a stream of bytes, in pieces of any size.
///
/// At most bytes it only looks at every 32nd: a byte that is no digit rules out the 32 windows it lies in.
#[derive(Clone, Debug)]
pub struct ReferenceScanner {
    /// Not found yet.
    wanted: BTreeMap<HashPart, Vec<StorePath>>,
    found: BTreeSet<StorePath>,
    /// The last bytes, fewer than a hash part.
    tail: Vec<u8>,
}

impl ReferenceScanner {
    /// Looks for `candidates`, usually the closure of what was there when the content was made, and itself.
    pub fn new(candidates: impl IntoIterator<Item = StorePath>) -> Self {
        let mut wanted: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for path in candidates {
            wanted.entry(hash_part(&path)).or_default().push(path);
        }
        Self { wanted, found: BTreeSet::new(), tail: Vec::new() }
    }

    /// Looks through the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let mut seam = std::mem::take(&mut self.tail);
        seam.extend_from_slice(&bytes[..bytes.len().min(HASH_LEN - 1)]);
        self.search(&seam);
        self.search(bytes);
        let mut tail = if bytes.len() < HASH_LEN { seam } else { bytes[bytes.len() - HASH_LEN..].to_vec() };
        tail.drain(..tail.len().saturating_sub(HASH_LEN - 1));
        self.tail = tail;
    }

    /// The candidates that were found.
    #[must_use]
    pub fn finish(self) -> BTreeSet<StorePath> {
        self.found
    }

    fn search(&mut self, bytes: &[u8]) {
        let mut at = 0;
        // All bytes from `at` to here are digits.
        let mut known = 0;
        while let Some(window) = bytes.get(at..at + HASH_LEN) {
            let skip = known - at;
            match window[skip..].iter().rposition(|byte| !base32::is_digit(*byte)) {
                Some(other) => {
                    at = known + other + 1;
                    known = at;
                }
                None => {
                    if let Some(paths) = self.wanted.remove(window) {
                        self.found.extend(paths);
                    }
                    known = at + HASH_LEN;
                    at += 1;
                }
            }
        }
    }
}

impl io::Write for ReferenceScanner {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hashes an archive with every mention of its own hash part as zeros: the hash part of a content-addressed path
/// that mentions itself is made from this. (As Nix does since 2.16; before, it also hashed where they were.)
#[derive(Clone)]
pub struct SelfHasher {
    own: HashPart,
    hasher: Hasher,
    /// The last bytes, fewer than a hash part: one may begin in them.
    tail: Vec<u8>,
}

impl SelfHasher {
    /// For the archive of `path`.
    #[must_use]
    pub fn new(path: &StorePath) -> Self {
        Self { own: hash_part(path), hasher: Hasher::new(), tail: Vec::new() }
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let mut bytes = [&std::mem::take(&mut self.tail), bytes].concat();
        let mut at = 0;
        while let Some(window) = bytes.get(at..at + HASH_LEN) {
            match window.iter().rposition(|byte| !base32::is_digit(*byte)) {
                Some(other) => at += other + 1,
                None if *window == self.own => {
                    bytes[at..at + HASH_LEN].fill(0);
                    at += HASH_LEN;
                }
                None => at += 1,
            }
        }
        let done = bytes.len().saturating_sub(HASH_LEN - 1);
        self.tail = bytes.split_off(done);
        self.hasher.update(&bytes);
    }

    /// Digest and length of what was seen.
    #[must_use]
    pub fn finish(mut self) -> Hashed {
        self.hasher.update(&self.tail);
        self.hasher.finish()
    }
}

impl io::Write for SelfHasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreDir;
    use proptest::prelude::*;

    const ONE: &str = "0mdqa9w1p6cmli6976v4wi0sw9r4p5pr";
    const TWO: &str = "1nhx2f78afnbxn8llwwiyks1hvghch39";

    fn path(hash: &str) -> StorePath {
        StoreDir::default().path(&format!("{hash}-x")).unwrap()
    }

    fn scan(pieces: &[&[u8]]) -> Vec<String> {
        let mut scanner = ReferenceScanner::new([path(ONE), path(TWO)]);
        pieces.iter().for_each(|piece| scanner.update(piece));
        scanner.finish().iter().map(|path| path.hash_part().to_owned()).collect()
    }

    #[test]
    fn hash_parts_are_found_wherever_they_stand() {
        assert!(scan(&[b"", &ONE.as_bytes()[1..], &TWO.as_bytes()[..31]]).is_empty());
        assert_eq!(scan(&[ONE.as_bytes()]), [ONE]);
        assert_eq!(scan(&[b"/nix/store/", ONE.as_bytes(), b"-x\0", TWO.as_bytes()]), [ONE, TWO]);
        assert_eq!(scan(&[format!("000{ONE}{TWO}zzz").as_bytes()]), [ONE, TWO]);
        let one = ONE.as_bytes().chunks(1).collect::<Vec<_>>();
        assert_eq!(scan(&one), [ONE]);
    }

    #[test]
    fn own_hash_parts_count_as_zeros() {
        let text = format!("a{ONE}{ONE}{TWO}b{}", &ONE[..30]);
        let zeroed = text.replace(ONE, &"\0".repeat(32));
        for size in [1, 7, 31, 32, 33, 500] {
            let mut hasher = SelfHasher::new(&path(ONE));
            text.as_bytes().chunks(size).for_each(|piece| hasher.update(piece));
            let hashed = hasher.finish();
            assert_eq!(hashed.digest(), pintle_model::Digest::of(zeroed.as_bytes()), "pieces of {size}");
            assert_eq!(hashed.len(), text.len() as u64);
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..300),
            at in 0usize..300,
            cuts in proptest::collection::vec(1usize..80, 1..20),
        ) {
            let at = at.min(bytes.len());
            bytes.splice(at..at, ONE.bytes());
            let mut pieces = Vec::new();
            let mut rest = &bytes[..];
            for cut in cuts {
                let (piece, more) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = more;
            }
            pieces.push(rest);
            prop_assert_eq!(scan(&pieces), [ONE]);
        }
    }
}
