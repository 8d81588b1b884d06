//! Whose files take the most room, for those who have too little of it.

use pintle_model::{Kind, Origin, Size, Tree};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// So many are named.
const NAMED: usize = 3;

/// Packages and store paths with the most bytes in their files, largest first.
pub(crate) fn largest(tree: &Tree) -> Vec<(String, Size)> {
    let mut bytes: BTreeMap<&Origin, u64> = BTreeMap::new();
    for (_, inode) in tree.inodes() {
        let origin = tree.origin_of(inode.origin);
        if let (Kind::File(blob), Origin::Package { .. } | Origin::StorePath(_)) = (&inode.kind, origin) {
            *bytes.entry(origin).or_default() += blob.len();
        }
    }
    let mut all: Vec<(&Origin, u64)> = bytes.into_iter().filter(|(_, bytes)| *bytes > 0).collect();
    all.sort_by_key(|(_, bytes)| Reverse(*bytes));
    all.into_iter().take(NAMED).map(|(origin, bytes)| (origin.to_string(), Size(bytes))).collect()
}
