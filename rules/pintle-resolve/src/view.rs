use crate::universe::{
    ExtraProviders, Offer, PackageId, Provider, Universe, answers_any, preference, provided,
};
use pintle_package::control::relations::{Group, Relation};
use std::collections::{BTreeMap, BTreeSet};

/// The universe as one request sees it: one version per package (the best, or the one the request pins), and names
/// that win among alternatives because they won before.
pub(crate) struct View<'u, 'a> {
    pub(crate) universe: &'u Universe<'a>,
    pins: BTreeMap<PackageId, Offer<'a>>,
    kept: BTreeMap<PackageId, Offer<'a>>,
    /// Names provided by versions that are pinned or kept.
    other_providers: ExtraProviders<'a>,
    preferred: BTreeSet<PackageId>,
    /// Recommends that count as needs.
    needed: &'u BTreeMap<String, BTreeSet<String>>,
}

/// Pin priority of suites that packages are taken from without being asked (apt_preferences(5)).
const NORMAL: u16 = 500;

impl<'u, 'a> View<'u, 'a> {
    pub(crate) fn new(
        universe: &'u Universe<'a>,
        pins: BTreeMap<PackageId, Offer<'a>>,
        preferred: BTreeSet<PackageId>,
        needed: &'u BTreeMap<String, BTreeSet<String>>,
    ) -> Self {
        let kept = BTreeMap::new();
        let mut view = Self { universe, pins, kept, other_providers: BTreeMap::new(), preferred, needed };
        view.carry_pins();
        view.find_providers();
        view
    }

    /// Lets `kept` count in place of the best versions, but for what the request pins.
    pub(crate) fn keep(&mut self, kept: BTreeMap<PackageId, Offer<'a>>) {
        self.kept = kept;
        self.kept.retain(|id, _| !self.pins.contains_key(id));
        self.find_providers();
    }

    /// Lets the best versions of `ids` count again.
    pub(crate) fn release(&mut self, ids: &BTreeSet<PackageId>) {
        self.kept.retain(|id, _| !ids.contains(id));
        self.find_providers();
    }

    /// The version of the package is kept.
    pub(crate) fn is_kept(&self, id: PackageId) -> bool {
        self.kept.contains_key(&id)
    }

    /// Nothing is kept.
    pub(crate) fn keeps_nothing(&self) -> bool {
        self.kept.is_empty()
    }

    fn find_providers(&mut self) {
        self.other_providers.clear();
        for (&id, offer) in self.pins.iter().chain(&self.kept) {
            for (name, provider) in provided(id, offer.record) {
                self.other_providers.entry(name).or_default().push(provider);
            }
        }
    }

    /// A pinned version often needs others of its own suite and source (`nginx` needs `nginx-common (= …)`). Where no
    /// version that counts answers a dependency but one of the pin's suite does, that one is pinned too.
    fn carry_pins(&mut self) {
        let mut open: Vec<PackageId> = self.pins.keys().copied().collect();
        while let Some(id) = open.pop() {
            let pinned = self.pins[&id];
            let groups = || pinned.record.pre_depends.groups().chain(pinned.record.depends.groups());
            // What only comes along from a suite that nothing is taken from unasked (a kernel behind its
            // metapackage) needs others of that suite in its turn.
            if pinned.priority < NORMAL {
                for group in groups() {
                    let first = self.candidates(group).first().copied();
                    let along = first.map(|id| (id, self.offer(id))).filter(|(_, o)| o.suite == pinned.suite);
                    if let Some((id, offer)) = along.filter(|(id, _)| !self.pins.contains_key(id)) {
                        self.pins.insert(id, offer);
                        open.push(id);
                    }
                }
            }
            for group in groups().filter(|group| self.candidates(*group).is_empty()).collect::<Vec<_>>() {
                let other = group.alternatives().find_map(|relation| {
                    let id = self.universe.find(relation.name)?;
                    let mut offers = self.universe.offers(id);
                    let fits = |o: &Offer<'a>| {
                        o.suite == pinned.suite && relation.accepts(Some(o.record.version.as_str()))
                    };
                    Some((id, offers.find(fits)?)).filter(|(id, _)| !self.pins.contains_key(id))
                });
                if let Some((id, offer)) = other {
                    self.pins.insert(id, offer);
                    open.push(id);
                }
            }
        }
    }

    /// The version of a package that counts here.
    pub(crate) fn offer(&self, id: PackageId) -> Offer<'a> {
        let other = self.pins.get(&id).or_else(|| self.kept.get(&id));
        other.copied().unwrap_or_else(|| self.universe.best(id))
    }

    pub(crate) fn is_pinned(&self, id: PackageId) -> bool {
        self.pins.contains_key(&id)
    }

    pub(crate) fn name(&self, id: PackageId) -> &'a str {
        self.universe.best(id).record.name
    }

    /// Providers of a name, by the versions that count here.
    fn providers(&self, name: &str) -> impl Iterator<Item = Provider<'a>> + '_ {
        let other =
            |p: &Provider<'a>| self.pins.contains_key(&p.package) || self.kept.contains_key(&p.package);
        let best = self.universe.providers(name).iter().filter(move |p| !other(p));
        best.chain(self.other_providers.get(name).into_iter().flatten()).copied()
    }

    /// The packages that answer a relation, best first.
    pub(crate) fn answers(&self, relation: &Relation<'_>) -> Vec<PackageId> {
        let arch = self.universe.arch().debian();
        let any = match relation.qualifier {
            None | Some("native") => false,
            Some("any") => true,
            Some(qualifier) if qualifier == arch => false,
            Some(_) => return Vec::new(),
        };
        if !relation.applies_to(arch) {
            return Vec::new();
        }
        let real = self.universe.find(relation.name).filter(|&id| {
            let record = self.offer(id).record;
            (!any || answers_any(record)) && relation.accepts(Some(record.version.as_str()))
        });
        let provided = self.providers(relation.name).filter(|p| p.any == any && relation.accepts(p.version));
        let mut ids: Vec<PackageId> = real.into_iter().chain(provided.map(|p| p.package)).collect();
        if ids.len() > 1 {
            ids.sort_by_cached_key(|&id| preference(self.offer(id).record, relation.name));
            ids.dedup();
        }
        ids
    }

    /// The packages of which any answers a group, in the order in which they should be tried.
    pub(crate) fn candidates(&self, group: Group<'_>) -> Vec<PackageId> {
        let mut ids: Vec<PackageId> = Vec::new();
        for relation in group.alternatives() {
            for id in self.answers(&relation) {
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
        }
        ids.sort_by_key(|id| !self.preferred.contains(id));
        ids
    }

    /// What a package needs: `Pre-Depends`, then `Depends`, then what of `Recommends` counts as a need.
    pub(crate) fn needs(&self, id: PackageId) -> impl Iterator<Item = Group<'a>> + use<'u, 'a> {
        let record = self.offer(id).record;
        let needed = self.needed.get(record.name);
        let recommended = needed.map(|names| {
            let counts =
                |group: &Group<'_>| group.alternatives().any(|relation| names.contains(relation.name));
            record.recommends.groups().filter(counts)
        });
        record.pre_depends.groups().chain(record.depends.groups()).chain(recommended.into_iter().flatten())
    }

    /// What a package cannot be together with, each with the words of the field. A package may provide what it
    /// conflicts with: that is how only one of a kind is allowed (Policy 7.6.2).
    pub(crate) fn enemies(&self, id: PackageId) -> Vec<(PackageId, &'static str, Relation<'a>)> {
        let record = self.offer(id).record;
        let fields = [("Conflicts", record.conflicts), ("Breaks", record.breaks)];
        let arch = self.universe.arch().debian();
        // `libc6-x32:i386` is a package of another architecture, which is never here.
        let elsewhere = |relation: &Relation<'_>| {
            relation.qualifier.is_some_and(|name| !matches!(name, "any" | "native") && name != arch)
        };
        let mut enemies = Vec::new();
        for (field, relations) in fields {
            for relation in relations.flat().filter(|relation| !elsewhere(relation)) {
                // Other qualifiers narrow nothing in a system of one architecture.
                let plain = Relation { qualifier: None, ..relation };
                let others = self.answers(&plain).into_iter().filter(|&other| other != id);
                enemies.extend(others.map(|other| (other, field, relation)));
            }
        }
        enemies
    }
}
