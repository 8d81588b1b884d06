use pintle_model::Arch;
use pintle_package::control::index::{MultiArch, PackageRecord, Priority};
use pintle_package::control::version::Version;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// The packages of one component of one suite. Several may share the suite's name.
#[derive(Clone, Copy, Debug)]
pub struct SuiteIndex<'a> {
    /// Name of the suite, as the definition has it.
    pub name: &'a str,
    /// Pin priority, as apt_preferences(5) has it: 500 as a rule, 100 for suites that only upgrade what was taken
    /// from them (backports), 1 for suites that nothing is taken from unless asked.
    pub priority: u16,
    /// Its packages.
    pub records: &'a [PackageRecord<'a>],
}

/// One version of a package and the suite that has it.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// Name of the suite.
    pub suite: &'a str,
    /// Pin priority of the suite.
    pub(crate) priority: u16,
    /// The package.
    pub record: &'a PackageRecord<'a>,
}

impl<'a> Offer<'a> {
    fn rank(&self) -> (u16, Version<'a>) {
        (self.priority, self.record.version)
    }
}

/// A package name that some suite has, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub(crate) u32);

/// A package that provides a name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Provider<'a> {
    pub(crate) package: PackageId,
    /// The version it provides, if it says so.
    pub(crate) version: Option<&'a str>,
    /// It provides `name:any`.
    pub(crate) any: bool,
}

/// Everything that the suites offer together. Of each package the best version counts: that of the suite with the
/// highest pin priority, among equals the highest version, among equals the suite listed first.
#[derive(Debug)]
pub struct Universe<'a> {
    arch: Arch,
    suites: Vec<&'a str>,
    packages: Vec<Package<'a>>,
    // Looked up by name only, never walked.
    by_name: HashMap<&'a str, PackageId>,
    providers: HashMap<&'a str, Vec<Provider<'a>>>,
}

#[derive(Debug)]
struct Package<'a> {
    best: Offer<'a>,
    others: Vec<Offer<'a>>,
}

/// A package of another architecture in an index.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("package `{package}` of suite `{suite}` is for `{found}`, the system is `{wanted}`")]
pub struct ForeignPackage {
    /// The package.
    pub package: String,
    /// The suite.
    pub suite: String,
    /// Its architecture.
    pub found: String,
    /// That of the system.
    pub wanted: Arch,
}

impl<'a> Universe<'a> {
    /// Puts the suites together.
    ///
    /// # Errors
    /// [`ForeignPackage`]: an index of another architecture was passed.
    pub fn new(arch: Arch, suites: &[SuiteIndex<'a>]) -> Result<Self, ForeignPackage> {
        let count = suites.iter().map(|suite| suite.records.len()).sum();
        let mut universe = Self {
            arch,
            suites: Vec::new(),
            packages: Vec::with_capacity(count),
            by_name: HashMap::with_capacity(count),
            providers: HashMap::new(),
        };
        for suite in suites {
            if !universe.suites.contains(&suite.name) {
                universe.suites.push(suite.name);
            }
            for record in suite.records {
                if record.arch != "all" && record.arch != arch.debian() {
                    return Err(ForeignPackage {
                        package: record.name.to_owned(),
                        suite: suite.name.to_owned(),
                        found: record.arch.to_owned(),
                        wanted: arch,
                    });
                }
                universe.add(Offer { suite: suite.name, priority: suite.priority, record });
            }
        }
        universe.index_provides();
        Ok(universe)
    }

    fn add(&mut self, offer: Offer<'a>) {
        let next = PackageId(u32::try_from(self.packages.len()).expect("invariant: indices are limited"));
        let id = *self.by_name.entry(offer.record.name).or_insert(next);
        let Some(package) = self.packages.get_mut(id.0 as usize) else {
            self.packages.push(Package { best: offer, others: Vec::new() });
            return;
        };
        // Among equals the earlier stays.
        let worse = if offer.rank() > package.best.rank() {
            std::mem::replace(&mut package.best, offer)
        } else {
            offer
        };
        package.others.push(worse);
        package.others.sort_by(|a, b| b.rank().cmp(&a.rank()));
    }

    fn index_provides(&mut self) {
        for (n, package) in (0u32..).zip(&self.packages) {
            for (name, provider) in provided(PackageId(n), package.best.record) {
                self.providers.entry(name).or_default().push(provider);
            }
        }
    }

    /// Architecture of the system.
    #[must_use]
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// Names of the suites, in the order given.
    #[must_use]
    pub fn suites(&self) -> &[&'a str] {
        &self.suites
    }

    /// The package called `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<PackageId> {
        self.by_name.get(name).copied()
    }

    /// The version that counts.
    #[must_use]
    pub fn best(&self, id: PackageId) -> Offer<'a> {
        self.packages[id.0 as usize].best
    }

    /// Every version, best first.
    pub fn offers(&self, id: PackageId) -> impl Iterator<Item = Offer<'a>> + '_ {
        let package = &self.packages[id.0 as usize];
        std::iter::once(package.best).chain(package.others.iter().copied())
    }

    /// Every package, in a fixed order.
    pub fn ids(&self) -> impl Iterator<Item = PackageId> + use<> {
        (0u32..).take(self.packages.len()).map(PackageId)
    }

    /// Packages whose best version provides `name`.
    pub(crate) fn providers(&self, name: &str) -> &[Provider<'a>] {
        self.providers.get(name).map_or(&[], Vec::as_slice)
    }
}

/// The names that a package provides, its own aside.
pub(crate) fn provided<'a>(
    package: PackageId,
    record: &PackageRecord<'a>,
) -> impl Iterator<Item = (&'a str, Provider<'a>)> + use<'a> {
    let own = record.name;
    record.provides.flat().filter(move |relation| relation.name != own).map(move |relation| {
        let version = relation.version.map(|(_, version)| version.as_str());
        (relation.name, Provider { package, version, any: relation.qualifier == Some("any") })
    })
}

/// Names provided by packages whose version is not the best one, for [`crate::view::View`].
pub(crate) type ExtraProviders<'a> = BTreeMap<&'a str, Vec<Provider<'a>>>;

/// Which of several packages that provide the same name is taken first, as apt orders them: essential, protected, of
/// that very name, by priority; then by name, so that the choice depends on nothing else.
pub(crate) fn preference<'a>(
    record: &PackageRecord<'a>,
    wanted: &str,
) -> (Reverse<bool>, Reverse<bool>, Reverse<bool>, Priority, &'a str) {
    (
        Reverse(record.essential),
        Reverse(record.protected),
        Reverse(record.name == wanted),
        record.priority,
        record.name,
    )
}

/// True when the package answers `name:any` (Policy has only `Multi-Arch: allowed` do so).
pub(crate) fn answers_any(record: &PackageRecord<'_>) -> bool {
    record.multi_arch == MultiArch::Allowed
}
