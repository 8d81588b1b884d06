//! Paths of a Nix store in `pintle size` and on the page.

use crate::facts::Facts;
use crate::inventory::store_name;
use crate::size::PackageSize;
use pintle_model::{Kind, Origin};
use std::collections::BTreeMap;

/// What each path takes, why it is there, and what would go with it.
pub(crate) fn paths(facts: &Facts<'_>) -> Vec<PackageSize> {
    let mut shares: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (_, inode) in facts.root.inodes() {
        let Origin::StorePath(path) = facts.root.origin_of(inode.origin) else { continue };
        if let Kind::File(blob) = &inode.kind {
            let share = shares.entry(path).or_default();
            *share = (share.0 + 1, share.1 + blob.len());
        }
    }
    let graph = Graph::new(facts);
    let bytes = |at: usize| shares.get(facts.paths[at].path.as_str()).map_or(0, |share| share.1);
    let sums = graph.only_by(&bytes);
    let row = |(at, locked): (usize, &pintle_model::LockedPath)| PackageSize {
        name: store_name(&locked.path).to_owned(),
        version: String::new(),
        bytes: bytes(at),
        files: shares.get(locked.path.as_str()).map_or(0, |share| share.0),
        why: graph.why(at, facts),
        with_it: sums[at].1,
        packages_with_it: sums[at].0,
    };
    facts.paths.iter().enumerate().map(row).collect()
}

/// Who refers to whom, by number in the lock's list.
struct Graph {
    to: Vec<Vec<usize>>,
    from: Vec<Vec<usize>>,
}

impl Graph {
    fn new(facts: &Facts<'_>) -> Self {
        let base = |path: &'_ str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let numbers: BTreeMap<String, usize> =
            facts.paths.iter().enumerate().map(|(at, locked)| (base(&locked.path), at)).collect();
        let (mut to, mut from) = (vec![Vec::new(); facts.paths.len()], vec![Vec::new(); facts.paths.len()]);
        for (at, locked) in facts.paths.iter().enumerate() {
            for other in
                locked.references.iter().filter_map(|name| numbers.get(name)).filter(|other| **other != at)
            {
                to[at].push(*other);
                from[*other].push(at);
            }
        }
        Self { to, from }
    }

    fn why(&self, at: usize, facts: &Facts<'_>) -> String {
        let names: Vec<&str> = self.from[at].iter().map(|by| store_name(&facts.paths[*by].path)).collect();
        match names[..] {
            [] => "the system".to_owned(),
            [one] => format!("needed by {one}"),
            [first, ..] => format!("needed by {first} and {} more", names.len() - 1),
        }
    }

    /// For each path, how many are there only because of it, itself included, and their `bytes` together: what it
    /// dominates. References make no circles, so one pass in their order finds who dominates whom.
    fn only_by(&self, bytes: &dyn Fn(usize) -> u64) -> Vec<(u64, u64)> {
        let order = self.order();
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, path)| place[*path] = at);
        // By place in the order; `None`: only everything together.
        let mut above: Vec<Option<usize>> = Vec::with_capacity(order.len());
        for path in &order {
            let mut by = self.from[*path].iter().map(|by| place[*by]);
            let first = by.next();
            above.push(by.fold(first, |one, other| common(&above, one, Some(other))));
        }
        let mut sums: Vec<(u64, u64)> = order.iter().map(|path| (1, bytes(*path))).collect();
        for at in (0..order.len()).rev() {
            if let Some(above) = above[at] {
                let (count, bytes) = sums[at];
                sums[above] = (sums[above].0 + count, sums[above].1 + bytes);
            }
        }
        (0..order.len()).map(|path| sums[place[path]]).collect()
    }

    /// Every path after all that refer to it.
    fn order(&self) -> Vec<usize> {
        let mut left: Vec<usize> = self.from.iter().map(Vec::len).collect();
        let mut order: Vec<usize> = (0..left.len()).filter(|path| left[*path] == 0).collect();
        let mut at = 0;
        while let Some(path) = order.get(at).copied() {
            at += 1;
            for other in &self.to[path] {
                left[*other] -= 1;
                if left[*other] == 0 {
                    order.push(*other);
                }
            }
        }
        order
    }
}

/// The nearest that is above both.
fn common(above: &[Option<usize>], mut one: Option<usize>, mut other: Option<usize>) -> Option<usize> {
    while one != other {
        match (one, other) {
            (Some(a), Some(b)) if a > b => one = above[a],
            (Some(_), Some(b)) => other = above[b],
            _ => return None,
        }
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_with_a_path() {
        // 0 -> 1 -> 3 -> 4, 0 -> 2 -> 3, 2 -> 5
        let edges = [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (2, 5)];
        let (mut to, mut from) = (vec![Vec::new(); 6], vec![Vec::new(); 6]);
        for (a, b) in edges {
            to[a].push(b);
            from[b].push(a);
        }
        let sums = Graph { to, from }.only_by(&|path| 10 + path as u64);
        assert_eq!(sums, [(6, 75), (1, 11), (2, 27), (2, 27), (1, 14), (1, 15)]);
    }
}
