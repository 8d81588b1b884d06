//! Our solutions against apt's, on the real archive. Needs the network: the archive is the one that the machine's own
//! apt sources name.
//!
//! Two judgements per set of packages:
//! - asked for exactly our packages, apt adds none and removes none: ours is a solution;
//! - asked for the same set, apt picks the same packages and versions, or more where [`SETS`] says why. For sets at
//!   random, where nobody can say why, this must hold nearly always.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

mod judge;
mod sets;

use judge::Apt;
use pintle_model::Arch;
use pintle_package::control::Limits;
use pintle_package::control::index::{self, PackageRecord};
use pintle_resolve::apt_sources::{parse_list, parse_sources, pick_mirrors};
use pintle_resolve::{Request, SuiteIndex, Universe, Unsolvable, solve};
use sets::{IMPOSSIBLE, SETS};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const SUITES: [&str; 3] = ["trixie", "trixie-updates", "trixie-security"];

/// All packages of all suites, each with its text.
pub(crate) struct Index<'a> {
    pub(crate) records: Vec<&'a PackageRecord<'a>>,
    /// Their stanzas.
    pub(crate) stanzas: Vec<&'a str>,
    /// Packages by the names they have and provide.
    pub(crate) by_name: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Index<'a> {
    fn new(texts: &'a [String], records: &'a [Vec<PackageRecord<'a>>]) -> Self {
        let records: Vec<&PackageRecord<'_>> = records.iter().flatten().collect();
        let stanzas: Vec<&str> = texts
            .iter()
            .flat_map(|text| text.split("\n\n").filter(|stanza| !stanza.trim().is_empty()))
            .collect();
        assert_eq!(stanzas.len(), records.len());
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, record) in records.iter().enumerate() {
            for name in record.provides.flat().map(|relation| relation.name).chain([record.name]) {
                by_name.entry(name).or_default().push(at);
            }
        }
        Self { records, stanzas, by_name }
    }
}

/// The indices of [`SUITES`], as apt itself fetched them.
fn indices() -> Vec<String> {
    let mirrors =
        pick_mirrors(&machine_sources(), &SUITES).expect("this machine's apt sources name an archive");
    // What is compared is the solver; signatures have tests of their own.
    let lines =
        SUITES.iter().zip(&mirrors).map(|(suite, uri)| format!("deb [trusted=yes] {uri} {suite} main\n"));
    let apt = Apt::new(&lines.collect::<String>());
    let update = apt.run(&["update"]);
    assert!(update.1, "apt-get update failed: {}", update.0);
    let files: Vec<PathBuf> =
        fs::read_dir(apt.folder().join("lib/apt/lists")).unwrap().map(|e| e.unwrap().path()).collect();
    let index = |suite: &str| {
        let wanted = format!("_dists_{suite}_main_binary-amd64_Packages");
        let file = files.iter().find(|path| path.to_string_lossy().ends_with(&wanted));
        fs::read_to_string(file.unwrap_or_else(|| panic!("apt fetched no index of {suite}"))).unwrap()
    };
    SUITES.iter().map(|suite| index(suite)).collect()
}

fn machine_sources() -> Vec<pintle_resolve::apt_sources::AptSource> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(folder) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(folder.map(|entry| entry.unwrap().path()));
    }
    files.sort();
    let is = |path: &Path, extension: &str| path.extension().is_some_and(|e| e == extension);
    let mut sources = Vec::new();
    for path in files.iter().filter(|path| path.exists()) {
        let text = fs::read_to_string(path).unwrap();
        if is(path, "list") {
            sources.extend(parse_list(&text).unwrap());
        } else if is(path, "sources") {
            sources.extend(parse_sources(&text).unwrap());
        }
    }
    sources
}

fn request(names: &str) -> Request {
    Request {
        packages: names.split(' ').map(|name| name.parse().unwrap()).collect(),
        essential: true,
        ..Request::default()
    }
}

/// What both make of one set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// The same packages.
    Same,
    /// All of ours, and more that nothing needs.
    AptTakesMore,
    /// Another alternative here or there.
    Other,
    /// Neither finds a solution.
    Impossible,
    /// Only we find one, and apt agrees that it is one.
    OnlyOurs,
}

struct Judge<'a> {
    apt: Apt,
    index: Index<'a>,
    universe: Universe<'a>,
    essential: Vec<&'a str>,
}

/// The verdict, what only apt takes, and what only we do; or what is wrong with ours.
type Judged = Result<(Verdict, BTreeSet<String>, BTreeSet<String>), String>;

impl<'a> Judge<'a> {
    fn set(&self, number: usize, set: &str) -> Judged {
        let names = || set.split(' ');
        let wanted = || self.essential.iter().copied().chain(names());
        let known = |name: &str| self.index.by_name.get_key_value(name).map(|(name, _)| *name);
        let part = self.apt.part(&self.index, number, wanted().filter_map(known));
        let theirs = self.apt.install(&part, wanted());
        let ours: BTreeMap<String, String> = match solve(&self.universe, &request(set)) {
            Ok(solution) => solution.locked().into_iter().map(|p| (p.name, p.version)).collect(),
            Err(error) if theirs.is_none() => {
                let tangled = error.to_string().contains("ask for fewer");
                let told = matches!(error, Unsolvable::Request(_) | Unsolvable::Together(_)) && !tangled;
                return told
                    .then(|| (Verdict::Impossible, BTreeSet::new(), BTreeSet::new()))
                    .ok_or(error.to_string());
            }
            Err(error) => return Err(format!("apt finds a solution, we do not: {error}")),
        };
        if self.apt.install(&part, ours.keys().map(String::as_str)).as_ref() != Some(&ours) {
            return Err("apt does not take our packages as they are".to_owned());
        }
        fs::remove_file(part).unwrap();
        let Some(theirs) = theirs else { return Ok((Verdict::OnlyOurs, BTreeSet::new(), BTreeSet::new())) };
        let only = |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>| -> BTreeSet<String> {
            a.iter()
                .filter(|(name, version)| b.get(*name) != Some(version))
                .map(|(name, _)| name.clone())
                .collect()
        };
        let (more, other) = (only(&theirs, &ours), only(&ours, &theirs));
        let verdict = match (more.is_empty(), other.is_empty()) {
            (true, true) => Verdict::Same,
            (false, true) => Verdict::AptTakesMore,
            _ => Verdict::Other,
        };
        Ok((verdict, more, other))
    }

    /// All of `sets`, on two threads; in their order.
    fn all(&self, sets: &[String]) -> Vec<Judged> {
        let next = std::sync::atomic::AtomicUsize::new(0);
        let done = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
                        && let Some(set) = sets.get(n)
                    {
                        let judged = self.set(n, set);
                        done.lock().unwrap().push((n, judged));
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap();
        done.sort_by_key(|(n, _)| *n);
        done.into_iter().map(|(_, judged)| judged).collect()
    }
}

#[test]
fn picks_what_apt_picks() {
    let texts = indices();
    let records: Vec<Vec<PackageRecord<'_>>> =
        texts.iter().map(|text| index::parse(text, &Limits::default()).unwrap()).collect();
    let suites: Vec<SuiteIndex<'_>> = SUITES
        .iter()
        .zip(&records)
        .map(|(name, records)| SuiteIndex { name, priority: 500, records })
        .collect();
    let universe = Universe::new(Arch::Amd64, &suites).unwrap();
    let essential: Vec<&str> =
        universe.ids().map(|id| universe.best(id).record).filter(|r| r.essential).map(|r| r.name).collect();
    let names: Vec<&str> = universe.ids().map(|id| universe.best(id).record.name).collect();
    let judge = Judge { apt: Apt::new(""), index: Index::new(&texts, &records), universe, essential };

    let mut faults = Vec::new();
    let sets: Vec<String> = SETS.iter().map(|(set, _)| (*set).to_owned()).collect();
    for ((set, more), judged) in SETS.iter().zip(judge.all(&sets)) {
        let more: BTreeSet<String> = more.iter().map(|name| (*name).to_owned()).collect();
        match judged {
            Ok((Verdict::Same | Verdict::AptTakesMore, apt, _)) if apt.is_subset(&more) => {}
            Ok((_, apt, ours)) => faults.push(format!("{set}: only apt has {apt:?}, only we have {ours:?}")),
            Err(fault) => faults.push(format!("{set}: {fault}")),
        }
    }
    let impossible: Vec<String> = IMPOSSIBLE.iter().map(|set| (*set).to_owned()).collect();
    for (set, judged) in impossible.iter().zip(judge.all(&impossible)) {
        if !matches!(judged, Ok((Verdict::Impossible, ..))) {
            faults.push(format!("{set} must be impossible: {judged:?}"));
        }
    }
    let random = sets::random(&names);
    let mut verdicts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for (set, judged) in random.iter().zip(judge.all(&random)) {
        match judged {
            Ok((verdict, apt, ours)) => {
                *verdicts.entry(verdict).or_default() += 1;
                if verdict == Verdict::Other {
                    println!("{set}: only apt has {apt:?}, only we have {ours:?}");
                }
            }
            Err(fault) => faults.push(format!("{set}: {fault}")),
        }
    }
    println!("{verdicts:?}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let count = |verdict| verdicts.get(&verdict).copied().unwrap_or_default();
    assert!(count(Verdict::Same) * 10 >= sets::RANDOM * 8, "too few alike: {verdicts:?}");
}
