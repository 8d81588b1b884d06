//! Whether some paths are a closure: everything that is referred to is there, and nothing refers to itself in a circle.

use crate::ClosureError;
use pintle_nix::{PathInfo, StorePath};
use std::collections::BTreeMap;

/// Most paths of one closure: a desktop of NixOS has some 5,000.
pub const PATHS: usize = 200_000;

/// The paths that `toplevel` needs, of `all`; each after those that it refers to.
///
/// # Errors
/// [`ClosureError::Missing`], [`ClosureError::Circle`], [`ClosureError::TooMany`].
pub fn complete<'a>(
    toplevel: &StorePath,
    all: &'a BTreeMap<StorePath, PathInfo>,
) -> Result<Vec<&'a PathInfo>, ClosureError> {
    let mut done: BTreeMap<&StorePath, bool> = BTreeMap::new();
    let mut order = Vec::new();
    let first = all.get(toplevel).ok_or_else(|| missing(toplevel, toplevel))?;
    // Paths under way, with the references still to be looked at: no recursion, so depth costs no stack.
    let mut way = vec![(first, references(first))];
    done.insert(&first.path, false);
    while let Some((info, left)) = way.last_mut() {
        let info: &PathInfo = info;
        let Some(next) = left.pop() else {
            done.insert(&info.path, true);
            order.push(info);
            way.pop();
            continue;
        };
        match done.get(next) {
            Some(true) => {}
            Some(false) => return Err(circle(next, &way)),
            None => {
                let found = all.get(next).ok_or_else(|| missing(next, &info.path))?;
                if done.len() >= PATHS {
                    return Err(ClosureError::TooMany { max: PATHS });
                }
                done.insert(&found.path, false);
                way.push((found, references(found)));
            }
        }
    }
    Ok(order)
}

fn references(info: &PathInfo) -> Vec<&StorePath> {
    info.references.iter().filter(|path| **path != info.path).rev().collect()
}

fn missing(path: &StorePath, from: &StorePath) -> ClosureError {
    ClosureError::Missing { missing: path.clone(), from: from.clone() }
}

fn circle(back: &StorePath, way: &[(&PathInfo, Vec<&StorePath>)]) -> ClosureError {
    let part = way.iter().map(|(info, _)| &info.path).skip_while(|path| *path != back);
    ClosureError::Circle(part.chain([back]).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::Digest;
    use pintle_nix::StoreDir;

    fn path(name: &str) -> StorePath {
        StoreDir::default().path(&format!("{}-{name}", "0".repeat(32))).unwrap()
    }

    fn world(lines: &[(&str, &[&str])]) -> BTreeMap<StorePath, PathInfo> {
        let info = |(name, references): &(&str, &[&str])| {
            let mut info = PathInfo::new(path(name), Digest::of(name.as_bytes()), 8);
            info.references = references.iter().map(|name| path(name)).collect();
            (info.path.clone(), info)
        };
        lines.iter().map(info).collect()
    }

    fn names(world: &BTreeMap<StorePath, PathInfo>) -> Result<Vec<String>, String> {
        let order = complete(&path("top"), world).map_err(|error| error.to_string())?;
        Ok(order.iter().map(|info| info.path.name().to_owned()).collect())
    }

    #[test]
    fn what_is_needed_comes_first_and_what_is_not_is_left() {
        let world =
            world(&[("top", &["a", "b", "top"]), ("a", &["c"]), ("b", &["a", "c"]), ("c", &[]), ("x", &[])]);
        assert_eq!(names(&world).unwrap(), ["c", "a", "b", "top"]);
    }

    #[test]
    fn a_deep_closure_needs_no_stack() {
        let names: Vec<String> = (0..50_000).map(|n| format!("n{n:05}")).collect();
        let next = |n: usize| names.get(n + 1).map(|name| vec![name.as_str()]).unwrap_or_default();
        let mut lines: Vec<(&str, Vec<&str>)> =
            names.iter().enumerate().map(|(n, name)| (name.as_str(), next(n))).collect();
        lines.push(("top", vec![&names[0]]));
        let lines: Vec<(&str, &[&str])> = lines.iter().map(|(name, refs)| (*name, refs.as_slice())).collect();
        assert_eq!(complete(&path("top"), &world(&lines)).unwrap().len(), 50_001);
    }

    #[test]
    fn what_is_wrong_is_named() {
        insta::assert_snapshot!(names(&world(&[("top", &["a"])])).unwrap_err(), @"/nix/store/00000000000000000000000000000000-a is not there, and /nix/store/00000000000000000000000000000000-top refers to it");
        insta::assert_snapshot!(names(&world(&[("top", &["a"]), ("a", &["b"]), ("b", &["a"])])).unwrap_err(), @r"
        store paths refer to each other in a circle:
          /nix/store/00000000000000000000000000000000-a
          /nix/store/00000000000000000000000000000000-b
          /nix/store/00000000000000000000000000000000-a
        ");
    }
}
