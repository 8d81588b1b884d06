//! How two locks, systems or images differ: data first, then a text that begins with a summary.

mod facts;
mod text;

pub use facts::{Facts, FileFact, flatten};
pub use text::Detail;

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Something that only one side has, or that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change<T> {
    /// Its name or path.
    pub name: String,
    /// On the first side; none: added.
    pub before: Option<T>,
    /// On the second side; none: removed.
    pub after: Option<T>,
}

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Its path.
    pub path: String,
    /// On the first side; none: added.
    pub before: Option<FileFact>,
    /// On the second side; none: removed.
    pub after: Option<FileFact>,
    /// What differs: `kind`, `content`, `mode`, `owner`.
    pub what: Vec<&'static str>,
    /// Its package differs in version, is new, or is gone: that the file differs is no surprise.
    pub with_package: bool,
}

/// All of it. Parts that a side cannot tell are listed in `unknown`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Differences {
    /// Kinds of the two sides.
    pub kinds: [&'static str; 2],
    /// Packages: versions.
    pub packages: Vec<Change<String>>,
    /// Kernel releases: added and removed.
    pub kernels: Vec<Change<String>>,
    /// The command line, where it differs.
    pub cmdline: Option<[String; 2]>,
    /// Units: states.
    pub units: Vec<Change<String>>,
    /// Users: numbers.
    pub users: Vec<Change<String>>,
    /// Groups: numbers.
    pub groups: Vec<Change<String>>,
    /// Disk and partitions: bytes.
    pub sizes: Vec<Change<u64>>,
    /// Values of the definition.
    pub options: Vec<Change<String>>,
    /// Files.
    pub files: Vec<FileChange>,
    /// Bytes of all files: before, after.
    pub file_bytes: Option<[u64; 2]>,
    /// Parts that could not be compared, because one side does not have them.
    pub unknown: Vec<&'static str>,
}

/// Files on both sides, of one kind and size, whose content has to be looked at.
pub fn same_size<'a>(a: &'a Facts, b: &'a Facts) -> impl Iterator<Item = &'a str> {
    let others = b.files.as_ref();
    let pair = move |(path, fact): (&'a String, &'a FileFact)| {
        let other = others?.get(path)?;
        (fact.kind == "file" && other.kind == "file" && fact.size == other.size && fact.size > 0)
            .then_some(path.as_str())
    };
    a.files.iter().flatten().filter_map(pair)
}

/// Compares; `content` names the files of [`same_size`] whose bytes differ.
#[must_use]
pub fn compare(a: &Facts, b: &Facts, content: &BTreeSet<String>) -> Differences {
    let mut unknown = Vec::new();
    let mut out = Differences { kinds: [a.kind, b.kind], ..Differences::default() };
    out.packages = maps("packages", &a.packages, &b.packages, &mut unknown);
    let releases = |side: &Option<Vec<String>>| {
        side.as_ref().map(|names| names.iter().map(|name| (name.clone(), name.clone())).collect())
    };
    out.kernels = maps("kernel", &releases(&a.kernels), &releases(&b.kernels), &mut unknown);
    out.units = maps("units", &a.units, &b.units, &mut unknown);
    out.users = maps("users", &a.users, &b.users, &mut unknown);
    out.groups = maps("groups", &a.groups, &b.groups, &mut unknown);
    out.sizes = maps("sizes", &a.sizes, &b.sizes, &mut unknown);
    out.options = maps("options", &a.options, &b.options, &mut unknown);
    match (&a.cmdline, &b.cmdline) {
        (Some(before), Some(after)) if before != after => out.cmdline = Some([before.clone(), after.clone()]),
        (Some(_), None) | (None, Some(_)) => unknown.push("command line"),
        _ => {}
    }
    match (&a.files, &b.files) {
        (Some(before), Some(after)) => {
            let moved: BTreeSet<&str> = out.packages.iter().map(|change| change.name.as_str()).collect();
            out.files = files(before, after, content, &moved);
            let sum = |files: &BTreeMap<String, FileFact>| files.values().map(|file| file.size).sum();
            out.file_bytes = Some([sum(before), sum(after)]);
        }
        (None, None) => {}
        _ => unknown.push("files"),
    }
    out.unknown = unknown;
    out
}

impl Differences {
    /// True when nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { packages, kernels, cmdline, units, users, groups, sizes, options, files, .. } = self;
        let changes = [packages, kernels, units, users, groups, options];
        changes.iter().all(|list| list.is_empty())
            && cmdline.is_none()
            && sizes.is_empty()
            && files.is_empty()
    }

    /// The text for people.
    #[must_use]
    pub fn text(&self, detail: Detail) -> String {
        text::text(self, detail)
    }
}

fn maps<T: Clone + PartialEq>(
    what: &'static str,
    a: &Option<BTreeMap<String, T>>,
    b: &Option<BTreeMap<String, T>>,
    unknown: &mut Vec<&'static str>,
) -> Vec<Change<T>> {
    let (before, after) = match (a, b) {
        (Some(before), Some(after)) => (before, after),
        (None, None) => return Vec::new(),
        _ => {
            unknown.push(what);
            return Vec::new();
        }
    };
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |name: &&String| Change {
        name: (*name).clone(),
        before: before.get(*name).cloned(),
        after: after.get(*name).cloned(),
    };
    names.iter().map(change).filter(|change| change.before != change.after).collect()
}

fn files(
    before: &BTreeMap<String, FileFact>,
    after: &BTreeMap<String, FileFact>,
    content: &BTreeSet<String>,
    moved: &BTreeSet<&str>,
) -> Vec<FileChange> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut changes = Vec::new();
    for path in paths {
        let (old, new) = (before.get(path), after.get(path));
        let mut what = Vec::new();
        if let (Some(old), Some(new)) = (old, new) {
            if old.kind != new.kind {
                what.push("kind");
            } else if old.size != new.size || content.contains(path) {
                what.push("content");
            }
            what.extend((old.mode != new.mode).then_some("mode"));
            what.extend((old.owner != new.owner).then_some("owner"));
            if what.is_empty() {
                continue;
            }
        }
        let owner = new.or(old).and_then(|fact| fact.package.as_deref());
        changes.push(FileChange {
            path: path.clone(),
            before: old.cloned(),
            after: new.cloned(),
            what,
            with_package: owner.is_some_and(|package| moved.contains(package)),
        });
    }
    changes
}
