//! A lock made anew: what the archive has, what of the old lock stays, what the solver picks.

use super::PinError;
use crate::archive::{self, VerifiedSuite};
use crate::definition::Definition;
use crate::supply::Supply;
use crate::unpack::{UnpackError, Unpacked, unpack};
use pintle_assemble::Recipes;
use pintle_model::{Arch, Digest, LOCK_SCHEMA, Lock, LockedPackage};
use pintle_package::control::Limits;
use pintle_package::control::index::{self, PackageRecord};
use pintle_resolve::{Request, SuiteIndex, Universe, near_names, solve};
use pintle_world::fetch::FetchError;
use std::collections::{BTreeMap, BTreeSet};

/// Which packages of the old lock may get another version.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moves<'a> {
    /// All of them.
    All,
    /// None, but for what something new needs in another version.
    Nothing,
    /// Those called so (or of the source packages called so), and what they need in another version.
    Only(&'a [String]),
}

/// The lock's side of a definition.
pub(crate) struct Wanted<'a> {
    pub(crate) definition: &'a Definition,
    /// Packages of the boot chain.
    pub(crate) boot: &'a [String],
    /// Digest of the request.
    pub(crate) digest: Digest,
    /// The old lock.
    pub(crate) old: Option<&'a Lock>,
    /// What recipes say of recommendations.
    pub(crate) recipes: &'a Recipes,
}

/// Asks the archive and solves. What was locked before wins over other alternatives of a dependency.
pub(crate) fn choose(wanted: &Wanted<'_>, moves: Moves<'_>, supply: &Supply<'_>) -> Result<Lock, PinError> {
    let Wanted { definition, boot, digest, old, recipes } = *wanted;
    let system = definition.system();
    let debian = &system.source.debian;
    if system.source.nix.is_some() && boot.is_empty() {
        return Ok(nothing(digest, system.arch));
    }
    let known = old.map_or(&[][..], |old| &old.suites[..]);
    let suites = archive::read(debian, system.arch, &definition.folder, known, supply)?;
    let mut records = Vec::new();
    for suite in &suites {
        for text in &suite.indices {
            records.push((suite.locked.name.as_str(), suite.priority, parse(&suite.locked.name, text)?));
        }
    }
    let kept = match old {
        Some(old) => keep(old, wanted, moves, &records, supply)?,
        None => Kept::default(),
    };
    for (suite, text) in &kept.gone {
        records.push((suite, GONE_PRIORITY, parse(suite, text)?));
    }
    let indices: Vec<SuiteIndex<'_>> = records
        .iter()
        .map(|(name, priority, records)| SuiteIndex { name, priority: *priority, records })
        .collect();
    let universe = Universe::new(system.arch, &indices)?;
    let specs = |names: &[String]| names.iter().map(|name| name.parse()).collect::<Result<Vec<_>, _>>();
    let mut packages = specs(&system.packages)?;
    packages.extend(system.kernel.all_packages().map(str::parse).collect::<Result<Vec<_>, _>>()?);
    let request = Request {
        packages,
        boot: specs(boot)?,
        recommends: debian.recommends,
        needed: recipes.recommends(),
        // A closure brings its own.
        essential: system.source.nix.is_none(),
        prefer: old.map(|old| old.packages.iter().map(|p| p.name.clone()).collect()).unwrap_or_default(),
        keep: kept.digests,
    };
    let solution = solve(&universe, &request).map_err(|error| PinError::Unsolvable(Box::new(error)))?;
    let mut packages = solution.locked();
    for package in &mut packages {
        package.snapshot = kept.snapshots.get(&package.sha256).cloned();
    }
    Ok(Lock {
        version: LOCK_SCHEMA,
        request: digest,
        arch: system.arch,
        suites: suites.iter().map(|VerifiedSuite { locked, .. }| locked.clone()).collect(),
        packages,
        users: Vec::new(),
        groups: Vec::new(),
        closure: None,
    })
}

/// A lock for which no archive is asked: a closure brings its packages, folders the boot loaders.
fn nothing(request: Digest, arch: Arch) -> Lock {
    Lock {
        version: LOCK_SCHEMA,
        request,
        arch,
        suites: Vec::new(),
        packages: Vec::new(),
        users: Vec::new(),
        groups: Vec::new(),
        closure: None,
    }
}

/// Solves for each of `names` by itself, with the essential packages and nothing else of the definition's. The locks have
/// no accounts. A name that cannot be installed is no error: the reason stands in its place.
pub(crate) fn choose_each(
    definition: &Definition,
    names: &[String],
    recipes: &Recipes,
    supply: &Supply<'_>,
) -> Result<Vec<Result<Lock, String>>, PinError> {
    let system = definition.system();
    let debian = &system.source.debian;
    let suites = archive::read(debian, system.arch, &definition.folder, &[], supply)?;
    let mut records = Vec::new();
    for suite in &suites {
        for text in &suite.indices {
            records.push((suite.locked.name.as_str(), suite.priority, parse(&suite.locked.name, text)?));
        }
    }
    let indices: Vec<SuiteIndex<'_>> = records
        .iter()
        .map(|(name, priority, records)| SuiteIndex { name, priority: *priority, records })
        .collect();
    let universe = Universe::new(system.arch, &indices)?;
    let one = |name: &String| {
        let packages = vec![name.parse()?];
        let needed = recipes.recommends();
        let request = Request { packages, needed, essential: true, ..Request::default() };
        Ok(match solve(&universe, &request) {
            Err(error) => Err(error.to_string()),
            Ok(solution) => Ok(Lock {
                version: LOCK_SCHEMA,
                request: Digest::of(name.as_bytes()),
                arch: system.arch,
                suites: suites.iter().map(|VerifiedSuite { locked, .. }| locked.clone()).collect(),
                packages: solution.locked(),
                users: Vec::new(),
                groups: Vec::new(),
                closure: None,
            }),
        })
    };
    names.iter().map(one).collect()
}

/// Pin priority of what the archive no longer has: whatever it has comes first.
const GONE_PRIORITY: u16 = 0;

fn parse<'a>(suite: &str, text: &'a str) -> Result<Vec<PackageRecord<'a>>, PinError> {
    index::parse(text, &Limits::default())
        .map_err(|source| PinError::Index { suite: suite.to_owned(), source })
}

/// What of the old lock is to stay.
#[derive(Default)]
struct Kept {
    /// By package, the .deb.
    digests: BTreeMap<String, Digest>,
    /// Stanzas of those that the archive no longer has, by suite.
    gone: BTreeMap<String, String>,
    /// When it still had them.
    snapshots: BTreeMap<Digest, String>,
}

type Records<'a> = [(&'a str, u16, Vec<PackageRecord<'a>>)];

fn keep(
    old: &Lock,
    wanted: &Wanted<'_>,
    moves: Moves<'_>,
    records: &Records<'_>,
    supply: &Supply<'_>,
) -> Result<Kept, PinError> {
    let moved = match moves {
        Moves::All => return Ok(Kept::default()),
        Moves::Nothing => BTreeSet::new(),
        Moves::Only(names) => moved(old, names, supply)?,
    };
    let debian = &wanted.definition.system().source.debian;
    let stays = |package: &&LockedPackage| {
        !moved.contains(package.name.as_str()) && debian.suites.iter().any(|s| s.name == package.suite)
    };
    let stays: Vec<&LockedPackage> = old.packages.iter().filter(stays).collect();
    let mut gone: BTreeSet<Digest> = stays.iter().map(|package| package.sha256).collect();
    for record in records.iter().flat_map(|(.., records)| records) {
        gone.remove(&record.sha256);
    }
    let mut kept = Kept::default();
    for package in stays {
        if gone.contains(&package.sha256) {
            let Some(unpacked) = still_there(package, old, wanted, supply)? else { continue };
            kept.gone.entry(package.suite.clone()).or_default().push_str(&stanza(&unpacked));
            let snapshot = package.snapshot.clone().or_else(|| snapshot_of(old, &package.suite));
            kept.snapshots.extend(snapshot.map(|time| (package.sha256, time)));
        }
        kept.digests.insert(package.name.clone(), package.sha256);
    }
    Ok(kept)
}

fn snapshot_of(lock: &Lock, suite: &str) -> Option<String> {
    lock.suites.iter().find(|locked| locked.name == suite).map(|locked| locked.snapshot.clone())
}

/// Names of the lock's packages that `names` stand for: a package, or all of a source package.
fn moved<'a>(old: &'a Lock, names: &[String], supply: &Supply<'_>) -> Result<BTreeSet<&'a str>, PinError> {
    let mut moved = BTreeSet::new();
    for name in names {
        let before = moved.len();
        moved.extend(old.packages.iter().map(|p| p.name.as_str()).filter(|other| other == name));
        if moved.len() == before {
            for package in &old.packages {
                let unpacked = crate::unpack::open(package, supply)?;
                let source = unpacked.as_ref().map(|unpacked| source(unpacked).0);
                moved.extend(source.filter(|source| source == name).map(|_| package.name.as_str()));
            }
        }
        if moved.len() == before && !old.packages.iter().any(|package| package.name == *name) {
            let near = near_names(name, old.packages.iter().map(|package| package.name.as_str()));
            return Err(PinError::NotLocked { name: name.clone(), near });
        }
    }
    Ok(moved)
}

/// A package that the index no longer lists: from the cache, or where old files are kept. None where it is gone for
/// good; then it has to move.
fn still_there(
    package: &LockedPackage,
    old: &Lock,
    wanted: &Wanted<'_>,
    supply: &Supply<'_>,
) -> Result<Option<Unpacked>, PinError> {
    let debian = &wanted.definition.system().source.debian;
    let folder = &wanted.definition.folder;
    let mirrors = archive::package_mirrors(debian, folder, old, supply)?;
    match unpack(std::slice::from_ref(package), &mirrors, supply) {
        Ok(unpacked) => Ok(unpacked.into_iter().next()),
        Err(UnpackError::Fetch { source: FetchError::NotFound(_) | FetchError::Offline(_), .. }) => {
            let text = format!("{} can no longer be had: another version is taken", package.version);
            supply.progress.note(&package.name, &text);
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// As an index would list it.
pub(crate) fn stanza(package: &Unpacked) -> String {
    let control = package.deb.control.text("control").unwrap_or_default().trim_end();
    let LockedPackage { path, size, sha256, .. } = &package.locked;
    format!("{control}\nFilename: {path}\nSize: {size}\nSHA256: {}\n\n", sha256.hex())
}

/// Name and version of the source package.
pub(crate) fn source(package: &Unpacked) -> (String, String) {
    let LockedPackage { name, version, .. } = &package.locked;
    let control = package.deb.control.text("control").unwrap_or_default();
    let field = control.lines().find_map(|line| line.strip_prefix("Source:")).map(str::trim);
    pintle_resolve::source_of(name, version, field)
}
