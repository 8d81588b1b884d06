use crate::solve::Roots;
use crate::universe::{Offer, PackageId};
use crate::view::View;
use pintle_model::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// Lets the versions named by `keep` count, but for those that cannot stay: something needs a newer one of them, or
/// they need an older one of something.
pub(crate) fn keep(view: &mut View<'_, '_>, roots: &Roots, keep: &BTreeMap<String, Digest>) {
    let mut kept: BTreeMap<PackageId, Offer<'_>> = BTreeMap::new();
    for (name, digest) in keep {
        let Some(id) = view.universe.find(name) else { continue };
        let offer = view.universe.offers(id).find(|offer| offer.record.sha256 == *digest);
        // The best version needs no keeping, and so can give way to nothing.
        kept.extend(offer.filter(|o| o.record != view.universe.best(id).record).map(|offer| (id, offer)));
    }
    view.keep(kept);
    while !view.keeps_nothing() {
        let torn = torn(view, &likely(view, roots));
        if torn.is_empty() {
            return;
        }
        view.release(&torn);
    }
}

/// The packages that a solution is likely to have: the first candidate of each dependency. Those of the old lock come
/// first among candidates.
fn likely(view: &View<'_, '_>, roots: &Roots) -> BTreeSet<PackageId> {
    let mut found: BTreeSet<PackageId> = roots.all().collect();
    let mut open: Vec<PackageId> = found.iter().copied().collect();
    while let Some(id) = open.pop() {
        for group in view.needs(id) {
            open.extend(view.candidates(group).first().copied().filter(|&id| found.insert(id)));
        }
    }
    found
}

/// Kept versions that do not go together with the others of `among`.
fn torn(view: &View<'_, '_>, among: &BTreeSet<PackageId>) -> BTreeSet<PackageId> {
    let mut torn = BTreeSet::new();
    for &id in among {
        for group in view.needs(id).filter(|group| view.candidates(*group).is_empty()) {
            let helps = group.alternatives().find_map(|relation| {
                let other = view.universe.find(relation.name).filter(|&other| view.is_kept(other))?;
                let best = view.universe.best(other).record.version;
                relation.accepts(Some(best.as_str())).then_some(other)
            });
            torn.extend(helps.or(Some(id).filter(|&id| view.is_kept(id))));
        }
        for (enemy, ..) in view.enemies(id).into_iter().filter(|(enemy, ..)| among.contains(enemy)) {
            torn.extend([enemy, id].into_iter().find(|&one| view.is_kept(one)));
        }
    }
    torn
}
