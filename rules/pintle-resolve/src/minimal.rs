use crate::solve::Roots;
use crate::universe::PackageId;
use crate::view::View;
use std::collections::{BTreeMap, BTreeSet};

/// For each package its needs, each as the packages of the solution that answer it.
type Answers = BTreeMap<PackageId, Vec<Vec<PackageId>>>;

/// The part of a solution that is needed. While it searches, the solver takes packages for reasons that it gives up
/// later; and it takes the first alternative of a dependency before something else brings the second, which is then
/// there anyway.
pub(crate) fn minimal(
    view: &View<'_, '_>,
    roots: &Roots,
    chosen: &BTreeSet<PackageId>,
    recommends: bool,
) -> BTreeSet<PackageId> {
    let answers: Answers = chosen.iter().map(|&id| (id, answered(view, id, chosen, recommends))).collect();
    let roots: BTreeSet<PackageId> = roots.all().collect();
    let mut kept = reachable(&answers, &roots, chosen, None);
    while let Some(fewer) = without_one(view, &answers, &roots, &kept) {
        kept = fewer;
    }
    kept
}

fn answered(
    view: &View<'_, '_>,
    id: PackageId,
    chosen: &BTreeSet<PackageId>,
    recommends: bool,
) -> Vec<Vec<PackageId>> {
    let wishes = view.offer(id).record.recommends.groups().filter(|_| recommends);
    let groups = view.needs(id).chain(wishes);
    let within = |ids: Vec<PackageId>| ids.into_iter().filter(|id| chosen.contains(id)).collect::<Vec<_>>();
    groups.map(|group| within(view.candidates(group))).filter(|ids| !ids.is_empty()).collect()
}

/// The packages of `among` that `roots` lead to. With `without`, that package is left out, and so is every need that it
/// answers.
fn reachable(
    answers: &Answers,
    roots: &BTreeSet<PackageId>,
    among: &BTreeSet<PackageId>,
    without: Option<PackageId>,
) -> BTreeSet<PackageId> {
    let mut found = roots.clone();
    let mut open: Vec<PackageId> = roots.iter().copied().collect();
    while let Some(id) = open.pop() {
        let groups = answers.get(&id).into_iter().flatten();
        for &id in groups.filter(|group| without.is_none_or(|id| !group.contains(&id))).flatten() {
            if among.contains(&id) && found.insert(id) {
                open.push(id);
            }
        }
    }
    found
}

/// The solution without one package that nothing needs: every need it answers is also answered by a package that is in
/// for another reason. (An alternative that only the package itself brings is no such reason: `gnupg | gpg` asks for
/// `gnupg`, which depends on `gpg`.) Candidates are tried by name, so that the outcome depends on names alone.
fn without_one(
    view: &View<'_, '_>,
    answers: &Answers,
    roots: &BTreeSet<PackageId>,
    kept: &BTreeSet<PackageId>,
) -> Option<BTreeSet<PackageId>> {
    let mut needed = roots.clone();
    for id in kept {
        for group in &answers[id] {
            let mut left = group.iter().filter(|id| kept.contains(id));
            if let (Some(only), None) = (left.next(), left.next()) {
                needed.insert(*only);
            }
        }
    }
    let mut candidates: Vec<PackageId> = kept.difference(&needed).copied().collect();
    candidates.sort_by_key(|&id| view.name(id));
    candidates.into_iter().find_map(|id| {
        let rest = reachable(answers, roots, kept, Some(id));
        let mut its_needs = rest.iter().flat_map(|id| &answers[id]).filter(|group| group.contains(&id));
        its_needs.all(|group| group.iter().any(|other| *other != id && rest.contains(other))).then_some(rest)
    })
}
