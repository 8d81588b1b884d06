use crate::universe::PackageId;
use crate::view::View;
use resolvo::{
    Candidates, Condition, ConditionId, ConditionalRequirement, Dependencies, DependencyProvider, Interner,
    KnownDependencies, NameId, Requirement, SolvableId, SolverCache, StringId, VersionSetId,
    VersionSetUnionId,
};
use std::cell::RefCell;
use std::fmt::Display;

/// The view as resolvo sees it. Each package has one version, so a name, its only solvable and the package share a
/// number, and a package has two version sets: itself (`2n`) and nothing (`2n + 1`). A dependency is a union of the
/// packages that answer it, virtual names already looked up; a conflict constrains every package it hits to nothing.
pub(crate) struct Packages<'v, 'u, 'a> {
    view: &'v View<'u, 'a>,
    unions: RefCell<Vec<Vec<PackageId>>>,
}

pub(crate) fn solvable(id: PackageId) -> SolvableId {
    SolvableId::from_raw(id.0)
}

pub(crate) fn package(id: SolvableId) -> PackageId {
    PackageId(id.into_raw())
}

fn itself(id: PackageId) -> VersionSetId {
    VersionSetId(id.0 * 2)
}

fn nothing(id: PackageId) -> VersionSetId {
    VersionSetId(id.0 * 2 + 1)
}

impl<'v, 'u, 'a> Packages<'v, 'u, 'a> {
    pub(crate) fn new(view: &'v View<'u, 'a>) -> Self {
        Self { view, unions: RefCell::default() }
    }

    /// A requirement for any of `candidates` on behalf of `parent`.
    pub(crate) fn any_of(&self, parent: PackageId, candidates: Vec<PackageId>) -> ConditionalRequirement {
        match candidates.as_slice() {
            [] => nothing(parent).into(),
            [one] => itself(*one).into(),
            _ => {
                let mut unions = self.unions.borrow_mut();
                unions.push(candidates);
                let n =
                    u32::try_from(unions.len() - 1).expect("invariant: fewer unions than bytes of an index");
                VersionSetUnionId(n).into()
            }
        }
    }

    /// A requirement for exactly `id`.
    pub(crate) fn exactly(id: PackageId) -> ConditionalRequirement {
        Requirement::Single(itself(id)).into()
    }
}

impl Interner for Packages<'_, '_, '_> {
    type NameId = NameId;
    type SolvableId = SolvableId;

    fn display_solvable(&self, solvable: SolvableId) -> impl Display + '_ {
        self.view.offer(package(solvable)).record.version
    }

    fn display_name(&self, name: NameId) -> impl Display + '_ {
        self.view.name(PackageId(name.into_raw()))
    }

    fn display_version_set(&self, version_set: VersionSetId) -> impl Display + '_ {
        if version_set.0.is_multiple_of(2) { "any" } else { "none" }
    }

    fn display_string(&self, _: StringId) -> impl Display + '_ {
        ""
    }

    fn version_set_name(&self, version_set: VersionSetId) -> NameId {
        NameId::from_raw(version_set.0 / 2)
    }

    fn solvable_name(&self, solvable: SolvableId) -> NameId {
        NameId::from_raw(solvable.into_raw())
    }

    fn version_sets_in_union(&self, union: VersionSetUnionId) -> impl Iterator<Item = VersionSetId> {
        let ids = self.unions.borrow()[union.0 as usize].clone();
        ids.into_iter().map(itself)
    }

    fn resolve_condition(&self, condition: ConditionId) -> Condition {
        // No requirement made here has a condition, so none is ever resolved.
        Condition::Requirement(VersionSetId(condition.as_u32()))
    }
}

impl DependencyProvider for Packages<'_, '_, '_> {
    async fn filter_candidates(
        &self,
        candidates: &[SolvableId],
        version_set: VersionSetId,
        inverse: bool,
    ) -> Vec<SolvableId> {
        let all = version_set.0.is_multiple_of(2) != inverse;
        if all { candidates.to_vec() } else { Vec::new() }
    }

    async fn get_candidates(&self, name: NameId) -> Option<Candidates<SolvableId>> {
        Some(Candidates { candidates: vec![SolvableId::from_raw(name.into_raw())], ..Candidates::default() })
    }

    async fn sort_candidates(&self, _: &SolverCache<Self>, _: &mut [SolvableId]) {}

    async fn get_dependencies(&self, solvable: SolvableId) -> Dependencies {
        let id = package(solvable);
        let requirements =
            self.view.needs(id).map(|group| self.any_of(id, self.view.candidates(group))).collect();
        let mut constrains: Vec<VersionSetId> =
            self.view.enemies(id).into_iter().map(|(enemy, ..)| nothing(enemy)).collect();
        constrains.sort_unstable();
        constrains.dedup();
        Dependencies::Known(KnownDependencies { requirements, constrains })
    }
}
