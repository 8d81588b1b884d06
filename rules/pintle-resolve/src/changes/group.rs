use super::{Direction, Facts, Moved, MovedSource, PackageFacts, direction};
use pintle_model::LockedPackage;
use pintle_package::control::changelog::{Entry, Range, cve_key, since};
use std::collections::BTreeMap;

/// Packages that moved, by source package and its versions.
pub(super) fn sources(
    changed: &[(LockedPackage, LockedPackage)],
    before: &Facts,
    after: &Facts,
) -> Vec<MovedSource> {
    let mut sources: BTreeMap<(String, Option<String>, String), MovedSource> = BTreeMap::new();
    for (old, new) in changed {
        let none =
            PackageFacts { source: source_of(&new.name, &new.version, None), ..PackageFacts::default() };
        let facts = after.get(&new.name).unwrap_or(&none);
        let (source, now) = facts.source.clone();
        let was = source_before(old, new, facts, before);
        let key = (source.clone(), was.clone(), now.clone());
        let group = sources.entry(key).or_insert_with(|| MovedSource {
            source,
            before: was,
            after: now,
            security: false,
            urgency: String::new(),
            cves: Vec::new(),
            packages: Vec::new(),
            changelog: Vec::new(),
            changelog_complete: false,
        });
        group.packages.push(moved(old, new, before, after));
        if group.changelog.is_empty() {
            let range = range(facts, old, group.before.as_deref(), direction(old, new));
            group.changelog_complete = range.complete;
            group.changelog = range.entries;
        }
    }
    let mut sources: Vec<MovedSource> = sources.into_values().map(finished).collect();
    sources.sort_by(|a, b| b.security.cmp(&a.security).then_with(|| a.source.cmp(&b.source)));
    sources
}

fn moved(old: &LockedPackage, new: &LockedPackage, before: &Facts, after: &Facts) -> Moved {
    let size = |facts: &Facts, name: &str| facts.get(name)?.installed.and_then(|n| i64::try_from(n).ok());
    let change = size(after, &new.name).zip(size(before, &old.name)).map(|(now, was)| now - was);
    Moved {
        name: new.name.clone(),
        before: old.version.clone(),
        after: new.version.clone(),
        direction: direction(old, new),
        suite_before: (old.suite != new.suite).then(|| old.suite.clone()),
        suite: new.suite.clone(),
        size: new.size,
        installed_change: change,
    }
}

/// The source version of the earlier package: as it says itself, else as the later one's versions relate. None where
/// binary and source versions differ (`gcc` 4:14.2.0 of gcc-defaults 1.220) and the earlier package is not at hand.
fn source_before(
    old: &LockedPackage,
    new: &LockedPackage,
    facts: &PackageFacts,
    before: &Facts,
) -> Option<String> {
    if let Some(known) = before.get(&old.name) {
        return Some(known.source.1.clone());
    }
    let same = source_of("", &new.version, None).1 == facts.source.1;
    same.then(|| source_of("", &old.version, None).1)
}

fn range(facts: &PackageFacts, old: &LockedPackage, before: Option<&str>, direction: Direction) -> Range {
    if !matches!(direction, Direction::Upgraded | Direction::Rebuilt) {
        return Range { entries: Vec::new(), complete: true };
    }
    let mut whole = Range { entries: Vec::new(), complete: false };
    for text in &facts.changelogs {
        // The changelog of a rebuild has the binary's versions: `1.2-3+b1`.
        let rebuild = text.lines().next().is_some_and(|line| line.contains("binary-only=yes"));
        let range = since(text, if rebuild { Some(old.version.as_str()) } else { before });
        whole.complete |= range.complete;
        whole.entries.extend(range.entries);
    }
    whole
}

fn finished(mut source: MovedSource) -> MovedSource {
    let rank = |urgency: &str| match urgency {
        "critical" | "emergency" => 4,
        "high" => 3,
        "medium" => 2,
        "low" => 1,
        _ => 0,
    };
    let urgencies = source.changelog.iter().map(|entry| entry.urgency.as_str());
    source.urgency = urgencies.max_by_key(|urgency| rank(urgency)).unwrap_or_default().to_owned();
    source.cves = source.changelog.iter().flat_map(Entry::cves).collect();
    source.cves.sort_unstable_by_key(|cve| cve_key(cve));
    source.cves.dedup();
    let upgraded = source.packages.iter().any(|package| package.direction == Direction::Upgraded);
    source.security = upgraded
        && (source.packages.iter().any(|package| package.suite.ends_with("-security"))
            || source.changelog.iter().any(Entry::is_security)
            || !source.cves.is_empty());
    source
}

/// A package that is gone and one that is new are the same thing: the new one says so, or both come from one source
/// and their names differ in digits only (`linux-image-6.12.48-…`, `libssl3` and `libssl4`).
pub(super) fn takes_over(gone: &LockedPackage, new: &LockedPackage, before: &Facts, after: &Facts) -> bool {
    let says_so = after.get(&new.name).is_some_and(|facts| facts.takes_over.contains(&gone.name));
    let source = |facts: &Facts, name: &str| facts.get(name).map(|facts| facts.source.0.clone());
    let (was, now) = (source(before, &gone.name), source(after, &new.name));
    let same_source = was.is_none() || now.is_none() || was == now;
    says_so || (same_source && without_digits(&gone.name) == without_digits(&new.name))
}

/// `linux-image-+deb-cloud-amd`: runs of digits and the dots between them left out.
fn without_digits(name: &str) -> String {
    name.chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect()
}

/// Name and version of the source package of `name` `version`, by the `Source` field of its control file (Policy
/// 5.6.1): without one it is the package's own, less the `+bN` of a rebuild.
#[must_use]
pub fn source_of(name: &str, version: &str, field: Option<&str>) -> (String, String) {
    let own = || match version.rsplit_once("+b") {
        Some((source, n)) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => source.to_owned(),
        _ => version.to_owned(),
    };
    match field.map(|field| field.split_once(" (").unwrap_or((field, ""))) {
        None => (name.to_owned(), own()),
        Some((source, "")) => (source.trim().to_owned(), own()),
        Some((source, version)) => {
            (source.trim().to_owned(), version.trim_end_matches([')', ' ']).to_owned())
        }
    }
}
