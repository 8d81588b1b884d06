//! A lock that moves on: all of it, or the named packages and what they need.

use crate::definition::Definition;
use crate::pin::{Moves, PinError, make, source};
use crate::supply::Supply;
use crate::unpack::{self, Unpacked};
use pintle_assemble::Recipes;
use pintle_model::{Blob, Digest, Lock, LockedPackage};
use pintle_package::EntryKind;
use pintle_package::compress::Compression;
use pintle_package::control::changelog::CHANGELOG_MAX;
use pintle_package::control::relations::Relations;
pub use pintle_resolve::changes::{Changes, Detail};
use pintle_resolve::changes::{Facts, PackageFacts};
use pintle_resolve::lockfile;
use pintle_world::atomic;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Whether the new lock is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is written.
    Write,
    /// The old one stays.
    DryRun,
}

/// What a lock became.
#[derive(Debug)]
pub struct Updated {
    /// The new lock.
    pub lock: Lock,
    /// How it differs from the old one.
    pub changes: Changes,
    /// Its text differs from the old one's.
    pub differs: bool,
}

/// Moves the lock at `lock_file`: everything, or the packages (binary or source) in `names` and what they need in
/// another version. The new packages are fetched: their changelogs are in them.
///
/// # Errors
/// [`PinError`]; the old lock is as it was.
pub fn update(
    definition: &Definition,
    lock_file: &Path,
    names: &[String],
    effect: Effect,
    recipes: &Recipes,
    supply: &Supply<'_>,
) -> Result<Updated, PinError> {
    let (old, old_text) =
        crate::pin::read(lock_file)?.ok_or_else(|| PinError::Missing(lock_file.to_owned()))?;
    let before = old_packages(&old, supply)?;
    let moves = if names.is_empty() { Moves::All } else { Moves::Only(names) };
    let (lock, packages) = make(definition, Some(&old), moves, recipes, supply)?;
    let changed = changed(&old, &lock);
    let before = facts(&before, |_| false, supply);
    let after = facts(&packages, |name| changed.contains(name), supply);
    let changes = Changes::new(&old, &lock, &before, &after);
    let text = lockfile::print(&lock);
    if effect == Effect::Write && text != old_text {
        atomic::write(lock_file, text.as_bytes())?;
    }
    Ok(Updated { lock, changes, differs: text != old_text })
}

/// Packages of the old lock that were unpacked before; nothing is fetched to say what is gone.
fn old_packages(lock: &Lock, supply: &Supply<'_>) -> Result<Vec<Unpacked>, PinError> {
    let mut found = Vec::new();
    for package in &lock.packages {
        found.extend(unpack::open(package, supply)?);
    }
    Ok(found)
}

fn changed<'a>(old: &Lock, new: &'a Lock) -> BTreeSet<&'a str> {
    let old: BTreeSet<Digest> = old.packages.iter().map(|package| package.sha256).collect();
    let differs = |package: &&LockedPackage| !old.contains(&package.sha256);
    new.packages.iter().filter(differs).map(|package| package.name.as_str()).collect()
}

/// What the packages say of themselves; changelogs only of those that `wanted` names.
fn facts(packages: &[Unpacked], wanted: impl Fn(&str) -> bool, supply: &Supply<'_>) -> Facts {
    let by_name: BTreeMap<&str, &Unpacked> = packages.iter().map(|p| (p.locked.name.as_str(), p)).collect();
    let one = |package: &Unpacked| {
        let name = package.locked.name.as_str();
        let control = package.deb.control.text("control").unwrap_or_default();
        let field = |wanted: &str| {
            control.lines().find_map(|line| Some(line.strip_prefix(wanted)?.strip_prefix(':')?.trim()))
        };
        let mut takes_over = BTreeSet::new();
        for field in ["Provides", "Replaces"].into_iter().filter_map(field) {
            let names = Relations::new(field).unwrap_or_default();
            takes_over.extend(names.flat().map(|relation| relation.name.to_owned()));
        }
        let changelogs = if wanted(name) { changelogs(name, &by_name, supply) } else { Vec::new() };
        let installed = field("Installed-Size").and_then(|kib| kib.parse::<u64>().ok()?.checked_mul(1024));
        (name.to_owned(), PackageFacts { source: source(package), installed, takes_over, changelogs })
    };
    packages.iter().map(one).collect()
}

/// Links followed from one package's documentation to another's (`libssl-dev` to `libssl3t64`).
const HOPS: usize = 4;

/// The changelogs in `/usr/share/doc/NAME`, that of a rebuild first. Where the folder or the file is a link, those of
/// the package it leads to. A changelog that cannot be read is no reason to stop: it counts as missing.
fn changelogs(name: &str, packages: &BTreeMap<&str, &Unpacked>, supply: &Supply<'_>) -> Vec<String> {
    let mut folder = name.to_owned();
    for _ in 0..HOPS {
        let Some(package) = packages.get(folder.as_str()) else { return Vec::new() };
        let below = format!("usr/share/doc/{folder}");
        let link = package.deb.entries.iter().find_map(|entry| {
            let EntryKind::Symlink(target) = &entry.kind else { return None };
            let path = std::str::from_utf8(&entry.path).ok()?;
            let inside = path.strip_prefix(&below)?;
            let is_changelog = inside.strip_prefix("/changelog").is_some();
            (inside.is_empty() || is_changelog).then(|| (inside.is_empty(), String::from_utf8_lossy(target)))
        });
        let files = read_changelogs(package, &below, supply);
        match link {
            _ if !files.is_empty() => return files,
            Some((true, target)) => target.rsplit('/').next().unwrap_or_default().clone_into(&mut folder),
            // `../libssl3t64/changelog.Debian.gz`
            Some((false, target)) => {
                target.rsplit('/').nth(1).unwrap_or_default().clone_into(&mut folder);
            }
            None => return Vec::new(),
        }
    }
    Vec::new()
}

fn read_changelogs(package: &Unpacked, folder: &str, supply: &Supply<'_>) -> Vec<String> {
    let mut found: Vec<(u8, String)> = Vec::new();
    for entry in &package.deb.entries {
        let EntryKind::File { offset, len, .. } = entry.kind else { continue };
        let path = std::str::from_utf8(&entry.path).unwrap_or_default();
        let Some(name) = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix("/changelog")) else {
            continue;
        };
        // `changelog.Debian.amd64.gz` tells of rebuilds, `changelog.gz` is that of a native package (or upstream's).
        let rank = match name.trim_end_matches(".gz") {
            ".Debian" => 1,
            "" => 2,
            name if name.starts_with(".Debian.") => 0,
            _ => continue,
        };
        let blob = Blob::at(package.source, offset, len);
        let text = blob
            .read(supply.store, CHANGELOG_MAX)
            .and_then(|bytes| Compression::of_name(name).unpack(&bytes, CHANGELOG_MAX));
        found.extend(text.ok().map(|bytes| (rank, String::from_utf8_lossy(&bytes).into_owned())));
    }
    found.sort_by_key(|(rank, _)| *rank);
    let debian = found.iter().any(|(rank, _)| *rank == 1);
    found.into_iter().filter(|(rank, _)| !(debian && *rank == 2)).map(|(_, text)| text).collect()
}
