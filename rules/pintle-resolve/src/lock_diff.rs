use pintle_model::{Lock, LockedClosure, LockedPackage, LockedSuite};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a new lock changes; its `Display` has one line per change, and none if there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockDiff {
    /// Packages that are new.
    pub added: Vec<LockedPackage>,
    /// Packages that are gone.
    pub removed: Vec<LockedPackage>,
    /// Packages that differ in anything: before, after.
    pub changed: Vec<(LockedPackage, LockedPackage)>,
    /// Suites with another snapshot time: name, before (`None`: new), after (`None`: gone).
    pub suites: Vec<(String, Option<String>, Option<String>)>,
    /// Another closure.
    pub closure: Option<ClosureDiff>,
}

/// What another closure brings. Its paths are told by their names only: a path is never the same and different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosureDiff {
    /// The system before; none: there was no closure.
    pub before: Option<String>,
    /// The system after; none: there is none any more.
    pub after: Option<String>,
    /// How many paths are new.
    pub added: usize,
    /// How many are gone.
    pub removed: usize,
    /// The boot loaders that folders give are others.
    pub boot_files: bool,
}

impl ClosureDiff {
    fn new(old: Option<&LockedClosure>, new: Option<&LockedClosure>) -> Option<Self> {
        if old == new {
            return None;
        }
        let paths = |closure: Option<&LockedClosure>| -> BTreeSet<String> {
            closure.into_iter().flat_map(|closure| &closure.paths).map(|path| path.path.clone()).collect()
        };
        let (before, after) = (paths(old), paths(new));
        Some(Self {
            before: old.map(|closure| closure.system.clone()),
            after: new.map(|closure| closure.system.clone()),
            added: after.difference(&before).count(),
            removed: before.difference(&after).count(),
            boot_files: old.and_then(|closure| closure.boot_files)
                != new.and_then(|closure| closure.boot_files),
        })
    }
}

impl LockDiff {
    /// Compares two locks.
    #[must_use]
    pub fn new(old: &Lock, new: &Lock) -> Self {
        let by_name = |lock: &'_ Lock| -> BTreeMap<String, LockedPackage> {
            lock.packages.iter().map(|p| (p.name.clone(), p.clone())).collect()
        };
        let (mut before, after) = (by_name(old), by_name(new));
        let closure = ClosureDiff::new(old.closure.as_ref(), new.closure.as_ref());
        let mut diff = Self { suites: suites(&old.suites, &new.suites), closure, ..Self::default() };
        for (name, package) in after {
            match before.remove(&name) {
                None => diff.added.push(package),
                // When the archive still had it says nothing about the package.
                Some(earlier)
                    if (LockedPackage { snapshot: package.snapshot.clone(), ..earlier.clone() })
                        != package =>
                {
                    diff.changed.push((earlier, package));
                }
                Some(_) => {}
            }
        }
        diff.removed = before.into_values().collect();
        diff
    }

    /// True when nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn suites(old: &[LockedSuite], new: &[LockedSuite]) -> Vec<(String, Option<String>, Option<String>)> {
    let find = |suites: &[LockedSuite], name: &str| {
        suites.iter().find(|suite| suite.name == name).map(|suite| suite.snapshot.clone())
    };
    let names = new.iter().chain(old.iter().filter(|suite| find(new, &suite.name).is_none()));
    names
        .map(|suite| (suite.name.clone(), find(old, &suite.name), find(new, &suite.name)))
        .filter(|(_, before, after)| before != after)
        .collect()
}

impl fmt::Display for LockDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, before, after) in &self.suites {
            match (before, after) {
                (Some(before), Some(after)) => writeln!(f, "  suite {name} {before} -> {after}")?,
                (None, Some(after)) => writeln!(f, "+ suite {name} {after}")?,
                (Some(before), None) => writeln!(f, "- suite {name} {before}")?,
                (None, None) => {}
            }
        }
        if let Some(ClosureDiff { before, after, added, removed, boot_files }) = &self.closure {
            let shown = |system: &Option<String>| system.clone().unwrap_or_else(|| "none".to_owned());
            if before != after || added + removed > 0 {
                writeln!(
                    f,
                    "  closure {} -> {} (+{added}, -{removed} store paths)",
                    shown(before),
                    shown(after)
                )?;
            }
            if *boot_files {
                writeln!(f, "  boot loaders of `source.nix-boot-files`: others")?;
            }
        }
        for (before, after) in &self.changed {
            write!(f, "  {} {}", after.name, before.version)?;
            if before.version != after.version {
                write!(f, " -> {}", after.version)?;
            }
            if before.suite != after.suite {
                write!(f, " (from {}, was from {})", after.suite, before.suite)?;
            }
            if before.version == after.version && before.sha256 != after.sha256 {
                write!(f, " (same version, other content)")?;
            }
            writeln!(f)?;
        }
        for package in &self.added {
            writeln!(f, "+ {} {}", package.name, package.version)?;
        }
        for package in &self.removed {
            writeln!(f, "- {} {}", package.name, package.version)?;
        }
        Ok(())
    }
}
