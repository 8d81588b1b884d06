//! What a moved lock changes, as people ask about it: which source packages moved and why, what is new, what a
//! security fix, what became of the kernel, how much there is to download.

mod group;
mod text;

pub use group::source_of;
pub use text::Detail;

use pintle_model::{Lock, LockedPackage};
use pintle_package::control::changelog::Entry;
use pintle_package::control::version::compare;
use serde::{Serialize, Serializer};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// What the package itself says of it, for what a lock does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageFacts {
    /// Name and version of the source package.
    pub source: (String, String),
    /// `Installed-Size` in bytes.
    pub installed: Option<u64>,
    /// Names it replaces or provides.
    pub takes_over: BTreeSet<String>,
    /// Its changelogs: that of a rebuild, if any, before that of the source.
    pub changelogs: Vec<String>,
}

/// Facts by package name. Those of the old lock may be missing: its packages need not be at hand.
pub type Facts = BTreeMap<String, PackageFacts>;

/// Which way a version went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To a later one.
    Upgraded,
    /// To an earlier one.
    Downgraded,
    /// The same version, other content.
    Rebuilt,
    /// The same package, from another suite or for another use.
    Reassigned,
}

/// A package with another version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Its name.
    pub name: String,
    /// The version before.
    pub before: String,
    /// The version now.
    pub after: String,
    /// Which way.
    pub direction: Direction,
    /// The suite before, where it was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suite_before: Option<String>,
    /// The suite now.
    pub suite: String,
    /// Bytes of the .deb.
    pub size: u64,
    /// Installed bytes more than before; none where the old package is not at hand.
    pub installed_change: Option<i64>,
}

/// A source package whose packages moved together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MovedSource {
    /// Its name.
    pub source: String,
    /// Its version before, as far as known.
    pub before: Option<String>,
    /// Its version now.
    pub after: String,
    /// It came from a suite for security fixes, was uploaded to one, or names CVE numbers.
    pub security: bool,
    /// The highest urgency of the entries.
    pub urgency: String,
    /// CVE numbers that the entries name.
    pub cves: Vec<String>,
    /// Its packages in the lock.
    pub packages: Vec<Moved>,
    /// Entries of the changelog after the earlier version, newest first.
    #[serde(serialize_with = "entries")]
    pub changelog: Vec<Entry>,
    /// The changelog reaches back to the earlier version.
    pub changelog_complete: bool,
}

/// A package that is new, or gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Single {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its suite.
    pub suite: String,
    /// Bytes of the .deb.
    pub size: u64,
}

/// A package that makes way for another name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replaced {
    /// The one that is gone.
    pub before: Single,
    /// The one that is new.
    pub after: Single,
}

/// Kernel images before and now, as `NAME VERSION`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KernelChange {
    /// Before.
    pub before: Vec<String>,
    /// Now.
    pub after: Vec<String>,
}

/// A suite with another snapshot time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SuiteChange {
    /// Its name.
    pub name: String,
    /// Before; none for a new one.
    pub before: Option<String>,
    /// Now; none for one that is gone.
    pub after: Option<String>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Packages in the new lock.
    pub packages: usize,
    /// Suites that moved.
    pub suites: Vec<SuiteChange>,
    /// Source packages that moved, those with security fixes first.
    pub moved: Vec<MovedSource>,
    /// Packages that others replace.
    pub replaced: Vec<Replaced>,
    /// Packages that are new.
    pub added: Vec<Single>,
    /// Packages that are gone.
    pub removed: Vec<Single>,
    /// The kernel images, where they differ.
    pub kernel: Option<KernelChange>,
    /// Bytes of the new .debs.
    pub download: u64,
    /// Installed bytes more than before, as far as known.
    pub installed_change: i64,
}

impl Changes {
    /// Compares two locks.
    #[must_use]
    pub fn new(old: &Lock, new: &Lock, before: &Facts, after: &Facts) -> Self {
        let diff = crate::LockDiff::new(old, new);
        let mut changes = Self { packages: new.packages.len(), ..Self::default() };
        let suite = |(name, before, after)| SuiteChange { name, before, after };
        changes.suites = diff.suites.iter().cloned().map(suite).collect();
        changes.kernel = kernels(&old.packages, &new.packages);
        let new_ones = diff.added.iter().chain(diff.changed.iter().map(|(_, after)| after));
        changes.download = new_ones.map(|package| package.size).sum();
        changes.installed_change = installed_change(&diff, before, after);
        changes.moved = group::sources(&diff.changed, before, after);
        changes.pair(&diff.added, &diff.removed, before, after);
        changes
    }

    /// Sorts what is new and what is gone into replacements and the rest.
    fn pair(&mut self, added: &[LockedPackage], removed: &[LockedPackage], before: &Facts, after: &Facts) {
        let mut left: Vec<&LockedPackage> = added.iter().collect();
        for gone in removed {
            let place = left.iter().position(|new| group::takes_over(gone, new, before, after));
            match place.map(|place| left.remove(place)) {
                Some(new) => self.replaced.push(Replaced { before: single(gone), after: single(new) }),
                None => self.removed.push(single(gone)),
            }
        }
        self.added = left.into_iter().map(single).collect();
    }

    /// True when the packages are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.moved.is_empty() && self.replaced.is_empty() && self.added.is_empty() && self.removed.is_empty()
    }

    /// Packages that moved in `direction`.
    #[must_use]
    pub fn count(&self, direction: Direction) -> usize {
        let moved = self.moved.iter().flat_map(|source| &source.packages);
        moved.filter(|package| package.direction == direction).count()
    }

    /// The text for people.
    #[must_use]
    pub fn text(&self, detail: Detail) -> String {
        text::text(self, detail)
    }
}

fn single(package: &LockedPackage) -> Single {
    Single {
        name: package.name.clone(),
        version: package.version.clone(),
        suite: package.suite.clone(),
        size: package.size,
    }
}

fn kernels(old: &[LockedPackage], new: &[LockedPackage]) -> Option<KernelChange> {
    // `linux-image-6.12.48+deb13-cloud-amd64`, not the package that only depends on the newest.
    let is_image = |name: &str| {
        name.strip_prefix("linux-image-").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let images = |packages: &[LockedPackage]| -> Vec<String> {
        packages.iter().filter(|p| is_image(&p.name)).map(|p| format!("{} {}", p.name, p.version)).collect()
    };
    let (before, after) = (images(old), images(new));
    (before != after).then_some(KernelChange { before, after })
}

fn installed_change(diff: &crate::LockDiff, before: &Facts, after: &Facts) -> i64 {
    let size = |facts: &Facts, name: &str| {
        facts.get(name).and_then(|facts| facts.installed).and_then(|size| i64::try_from(size).ok())
    };
    let added = diff.added.iter().filter_map(|p| size(after, &p.name));
    let removed = diff.removed.iter().filter_map(|p| size(before, &p.name)).map(|size| -size);
    let moved =
        diff.changed.iter().filter_map(|(old, new)| Some(size(after, &new.name)? - size(before, &old.name)?));
    added.chain(removed).chain(moved).sum()
}

fn direction(old: &LockedPackage, new: &LockedPackage) -> Direction {
    match compare(&new.version, &old.version) {
        Ordering::Greater => Direction::Upgraded,
        Ordering::Less => Direction::Downgraded,
        Ordering::Equal if old.sha256 != new.sha256 => Direction::Rebuilt,
        Ordering::Equal => Direction::Reassigned,
    }
}

fn entries<S: Serializer>(entries: &[Entry], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Wire<'a> {
        version: &'a str,
        distribution: &'a str,
        urgency: &'a str,
        date: Option<String>,
        changes: &'a [String],
    }
    serializer.collect_seq(entries.iter().map(|entry| Wire {
        version: &entry.version,
        distribution: &entry.distribution,
        urgency: &entry.urgency,
        date: entry.date.map(pintle_package::control::date::rfc3339),
        changes: &entry.changes,
    }))
}
