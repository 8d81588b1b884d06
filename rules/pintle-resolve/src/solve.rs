use crate::explain::{Explanation, explain};
use crate::keep;
use crate::minimal;
use crate::provider::{Packages, package, solvable};
use crate::request::{PackageSpec, Pin};
use crate::suggest;
use crate::universe::{Offer, PackageId, Universe};
use crate::view::View;
use pintle_model::{Digest, LockedPackage, PackageRole};
use resolvo::{ConditionalRequirement, Problem, SolvableId, Solver, UnsolvableOrCancelled};
use std::collections::{BTreeMap, BTreeSet};

/// What a system asks of the archive.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Packages of the system.
    pub packages: Vec<PackageSpec>,
    /// Packages of which only parts enter the boot chain: found, but their dependencies are not followed.
    pub boot: Vec<PackageSpec>,
    /// Install Recommends too, as far as they can be.
    pub recommends: bool,
    /// Recommends that count as needs, whether or not the others are installed: names by the package that recommends
    /// them. Recipes say so where a package does not work as it comes without another.
    pub needed: BTreeMap<String, BTreeSet<String>>,
    /// Install all essential packages too.
    pub essential: bool,
    /// Names that win over other alternatives of a dependency, whatever their order: the packages of the previous
    /// lock.
    pub prefer: BTreeSet<String>,
    /// Versions to keep as long as they go together with the rest, by package and digest of the .deb: those of the
    /// previous lock. The universe must have them; without an entry the best version is taken.
    pub keep: BTreeMap<String, Digest>,
}

/// A package of a solution.
#[derive(Clone, Copy, Debug)]
pub struct Picked<'a> {
    /// Version and suite.
    pub offer: Offer<'a>,
    /// What it is for.
    pub role: PackageRole,
}

/// Packages that can be installed together and answer the request, sorted by name.
#[derive(Clone, Debug)]
pub struct Solution<'a> {
    /// The packages; no name twice.
    pub packages: Vec<Picked<'a>>,
}

impl Solution<'_> {
    /// As they stand in a lock.
    #[must_use]
    pub fn locked(&self) -> Vec<LockedPackage> {
        let lock = |picked: &Picked<'_>| {
            let record = picked.offer.record;
            LockedPackage {
                name: record.name.to_owned(),
                version: record.version.to_string(),
                arch: record.arch.to_owned(),
                suite: picked.offer.suite.to_owned(),
                path: record.filename.to_owned(),
                size: record.size,
                sha256: record.sha256,
                role: picked.role,
                snapshot: None,
            }
        };
        self.packages.iter().map(lock).collect()
    }
}

/// The request has no solution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsolvable {
    /// Packages that are not there as asked for; all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Request(Vec<RequestProblem>),
    /// Every package is there, but they cannot all be installed.
    #[error("{0}")]
    Together(Box<Explanation>),
}

/// One package that is not there as asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestProblem {
    /// No suite has it.
    #[error("no package `{name}` in {}{}{}", list(.suites, "", "or"), did_you_mean(.near), elsewhere(name))]
    NoPackage {
        /// Its name.
        name: String,
        /// The suites.
        suites: Vec<String>,
        /// Names that may have been meant, nearest first.
        near: Vec<String>,
    },
    /// Only provided, by several packages.
    #[error("`{name}` is provided by several packages: ask for one of {}", list(.providers, "`", "or"))]
    Virtual {
        /// The name.
        name: String,
        /// The packages.
        providers: Vec<String>,
    },
    /// The suite that is asked for is none of the system's.
    #[error("no `{spec}`: the system takes nothing from {suite} (add it to `source.suites`: {} so far)", list(.suites, "", "and"))]
    NoSuite {
        /// What was asked for.
        spec: String,
        /// Its suite.
        suite: String,
        /// Those of the system.
        suites: Vec<String>,
    },
    /// The pinned version or suite does not have it.
    #[error("no `{spec}`: there is {}", list(.have, "", "and"))]
    NoSuchVersion {
        /// What was asked for.
        spec: String,
        /// What there is: `1.2-3 in trixie`.
        have: Vec<String>,
    },
    /// Asked for twice, differently.
    #[error("`{first}` and `{second}` are both asked for")]
    Twice {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
}

/// `a`, `a or b`, `a, b or c`.
pub(crate) fn list(words: &[String], quote: &str, conjunction: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{quote}{word}{quote}")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [some @ .., last] => format!("{} {conjunction} {last}", some.join(", ")),
    }
}

/// `; did you mean …?` for the end of a sentence; nothing where no name is near.
#[must_use]
pub fn did_you_mean(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", list(near, "`", "or")) }
}

/// Where packages of that kind are, other than in `main`.
fn elsewhere(name: &str) -> &'static str {
    if name.starts_with("firmware-") || name.ends_with("-microcode") {
        "; firmware is in the component `non-free-firmware` (`source.components`)"
    } else {
        ""
    }
}

/// Finds packages that answer the request and can be installed together.
///
/// Of alternatives the first that is possible is taken, unless another is there anyway. Versions that are to be kept
/// give way where something needs another, and all of them where that is not enough.
///
/// # Errors
/// [`Unsolvable`] says what stands in the way.
pub fn solve<'a>(universe: &Universe<'a>, request: &Request) -> Result<Solution<'a>, Unsolvable> {
    let mut problems = Vec::new();
    let mut find = |specs: &[PackageSpec]| -> Vec<Wanted<'a>> {
        let found = specs.iter().map(|spec| Wanted::find(universe, spec));
        found.filter_map(|found| found.map_err(|problem| problems.push(problem)).ok()).collect()
    };
    let (wanted, boot) = (find(&request.packages), find(&request.boot));
    let mut pins: BTreeMap<PackageId, Offer<'a>> = BTreeMap::new();
    for want in wanted.iter().chain(&boot) {
        let Some(offer) = want.pin else { continue };
        if let Some(first) = pins.insert(want.id, offer).filter(|first| first.record != offer.record) {
            let spec = |o: Offer<'_>| format!("{}={}", o.record.name, o.record.version);
            problems.push(RequestProblem::Twice { first: spec(first), second: spec(offer) });
        }
    }
    if !problems.is_empty() {
        return Err(Unsolvable::Request(problems));
    }
    let preferred = request.prefer.iter().filter_map(|name| universe.find(name)).collect();
    let mut view = View::new(universe, pins, preferred, &request.needed);
    let roots = Roots {
        essential: if request.essential { essential(&view) } else { Vec::new() },
        asked: wanted.iter().map(|want| want.id).collect(),
    };
    keep::keep(&mut view, &roots, &request.keep);
    let mut chosen = choose(&view, &roots, request);
    if chosen.is_none() && !view.keeps_nothing() {
        view.keep(BTreeMap::new());
        chosen = choose(&view, &roots, request);
    }
    let chosen = chosen.ok_or_else(|| {
        let minimal = shrink(&view, &roots);
        Unsolvable::Together(Box::new(explain(&view, &minimal)))
    })?;
    let needed = minimal::minimal(&view, &roots, &chosen, request.recommends);
    let mut packages: BTreeMap<&str, Picked<'a>> = BTreeMap::new();
    let boot = boot.iter().map(|want| (want.id, PackageRole::Boot));
    for (id, role) in boot.chain(needed.into_iter().map(|id| (id, PackageRole::System))) {
        packages.insert(view.name(id), Picked { offer: view.offer(id), role });
    }
    Ok(Solution { packages: packages.into_values().collect() })
}

fn choose(view: &View<'_, '_>, roots: &Roots, request: &Request) -> Option<BTreeSet<PackageId>> {
    if request.recommends { with_recommends(view, roots) } else { run(view, roots, &[]) }
}

/// What must be in a solution.
#[derive(Clone, Debug)]
pub(crate) struct Roots {
    pub(crate) essential: Vec<PackageId>,
    pub(crate) asked: Vec<PackageId>,
}

impl Roots {
    pub(crate) fn all(&self) -> impl Iterator<Item = PackageId> + '_ {
        self.essential.iter().chain(&self.asked).copied()
    }
}

struct Wanted<'a> {
    id: PackageId,
    pin: Option<Offer<'a>>,
}

impl<'a> Wanted<'a> {
    fn find(universe: &Universe<'a>, spec: &PackageSpec) -> Result<Self, RequestProblem> {
        let Some(id) = universe.find(&spec.name) else { return Self::find_provider(universe, spec) };
        if let Pin::Suite(suite) = &spec.pin
            && !universe.suites().contains(&suite.as_str())
        {
            let suites = universe.suites().iter().map(ToString::to_string).collect();
            return Err(RequestProblem::NoSuite { spec: spec.to_string(), suite: suite.clone(), suites });
        }
        let fits = |offer: &Offer<'a>| match &spec.pin {
            Pin::Best => true,
            Pin::Version(version) => offer.record.version.as_str() == version,
            Pin::Suite(suite) => offer.suite == suite,
        };
        let offer = universe.offers(id).find(fits).ok_or_else(|| RequestProblem::NoSuchVersion {
            spec: spec.to_string(),
            have: universe.offers(id).map(|o| format!("{} in {}", o.record.version, o.suite)).collect(),
        })?;
        Ok(Self { id, pin: (spec.pin != Pin::Best).then_some(offer) })
    }

    /// A name that exactly one package provides stands for that package, as for apt.
    fn find_provider(universe: &Universe<'a>, spec: &PackageSpec) -> Result<Self, RequestProblem> {
        let mut providers: Vec<PackageId> =
            universe.providers(&spec.name).iter().map(|p| p.package).collect();
        providers.sort_unstable();
        providers.dedup();
        match providers.as_slice() {
            [one] if spec.pin == Pin::Best => Ok(Self { id: *one, pin: None }),
            [] | [_] => Err(RequestProblem::NoPackage {
                name: spec.name.clone(),
                suites: universe.suites().iter().map(ToString::to_string).collect(),
                near: suggest::near(universe, &spec.name),
            }),
            _ => {
                let mut names: Vec<String> =
                    providers.iter().map(|&id| universe.best(id).record.name.to_owned()).collect();
                names.sort_unstable();
                Err(RequestProblem::Virtual { name: spec.name.clone(), providers: names })
            }
        }
    }
}

fn essential(view: &View<'_, '_>) -> Vec<PackageId> {
    let mut ids: Vec<PackageId> = view.universe.ids().filter(|&id| view.offer(id).record.essential).collect();
    ids.sort_by_key(|&id| view.name(id));
    ids
}

/// One run of the solver: all of `roots`, and as many of `wishes` as can be, in order. `None`: impossible.
fn run(view: &View<'_, '_>, roots: &Roots, wishes: &[PackageId]) -> Option<BTreeSet<PackageId>> {
    let mut seen = BTreeSet::new();
    let requirements: Vec<ConditionalRequirement> =
        roots.all().filter(|&id| seen.insert(id)).map(Packages::exactly).collect();
    let wishes: Vec<SolvableId> = wishes.iter().map(|&id| solvable(id)).collect();
    let mut solver = Solver::new(Packages::new(view));
    match solver.solve(Problem::new().requirements(requirements).soft_requirements(wishes)) {
        Ok(chosen) => Some(chosen.into_iter().map(package).collect()),
        Err(UnsolvableOrCancelled::Unsolvable(_) | UnsolvableOrCancelled::Cancelled(_)) => None,
    }
}

/// Recommends are wishes: each round wishes for what the packages of the last one recommend, until nothing is new. An
/// alternative that could not be had gives way to the next.
fn with_recommends(view: &View<'_, '_>, roots: &Roots) -> Option<BTreeSet<PackageId>> {
    let mut wishes: Vec<PackageId> = Vec::new();
    let mut chosen = run(view, roots, &wishes)?;
    loop {
        let before = wishes.len();
        let mut names: Vec<PackageId> = chosen.iter().copied().collect();
        names.sort_by_key(|&id| view.name(id));
        for id in names {
            for group in view.offer(id).record.recommends.groups() {
                let candidates = view.candidates(group);
                if candidates.iter().any(|id| chosen.contains(id)) {
                    continue;
                }
                wishes.extend(candidates.into_iter().find(|id| !wishes.contains(id)));
            }
        }
        if wishes.len() == before {
            return Some(chosen);
        }
        chosen = run(view, roots, &wishes)?;
    }
}

/// Leaves out what was asked for but has no part in the trouble.
fn shrink(view: &View<'_, '_>, roots: &Roots) -> Roots {
    let mut roots = roots.clone();
    let mut at = 0;
    while at < roots.asked.len() {
        let mut fewer = roots.clone();
        fewer.asked.remove(at);
        if run(view, &fewer, &[]).is_none() {
            roots = fewer;
        } else {
            at += 1;
        }
    }
    let without = Roots { essential: Vec::new(), ..roots.clone() };
    if run(view, &without, &[]).is_none() { without } else { roots }
}
