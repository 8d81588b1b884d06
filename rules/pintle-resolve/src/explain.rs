//! Why a request has no solution, found anew and in words: what must be in is followed until something cannot be.
//! Where a dependency has several alternatives, each is tried and shown to fail by itself. (The solver's own proof is a
//! list of learnt clauses, which nobody can act on.)

use crate::solve::Roots;
use crate::universe::PackageId;
use crate::view::View;
use pintle_package::control::relations::{Group, Relation};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many alternatives are tried before the explanation gives up on naming one cause.
const MAX_PROBES: usize = 500;

/// Why packages cannot be installed; its `Display` is a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked for and has a part in it, nothing superfluous.
    pub asked: Vec<String>,
    /// The cause.
    pub cause: Cause,
}

/// What cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A package needs what cannot be had.
    Unmet {
        /// The package.
        why: Why,
        /// What it needs, as in its `Depends`.
        need: String,
        /// Each way to answer the need, and what is against it.
        alternatives: Vec<Alternative>,
    },
    /// Two packages that must be in exclude each other.
    Clash {
        /// The one that says so.
        why: Why,
        /// `Conflicts: exim4 (<< 4)`
        field: String,
        /// The other.
        enemy: Why,
    },
    /// No single reason was found.
    Tangled,
}

/// A way to answer a need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alternative {
    /// No version that counts answers it.
    Missing {
        /// The alternative.
        relation: String,
        /// What there is instead.
        note: String,
    },
    /// A package that is excluded by one that must be in.
    Excluded {
        /// Name and version.
        package: String,
        /// `Conflicts: exim4 (<< 4)`
        field: String,
        /// True when it is this package that says so.
        own: bool,
        /// The one that must be in.
        enemy: Why,
    },
    /// A package that fails for a reason of its own.
    Fails {
        /// Name and version.
        package: String,
        /// Why.
        cause: Arc<Cause>,
    },
}

/// A package that must be in, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// Name and version.
    pub package: String,
    /// Why.
    pub reason: Reason,
}

/// Why a package must be in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was asked for.
    Asked,
    /// It is essential.
    Essential,
    /// Another package needs it.
    Needed(Box<Why>),
    /// It is the alternative being looked at.
    Tried,
}

pub(crate) fn explain(view: &View<'_, '_>, roots: &Roots) -> Explanation {
    let mut asked: Vec<String> = roots.asked.iter().map(|&id| view.name(id).to_owned()).collect();
    if asked.is_empty() {
        asked = roots.essential.iter().map(|&id| view.name(id).to_owned()).collect();
    }
    let mut state = State { view, forced: BTreeMap::new(), banned: BTreeMap::new(), open: Vec::new() };
    let cause = state.force_roots(roots).err().or_else(|| state.search());
    Explanation { asked, cause: cause.unwrap_or(Cause::Tangled) }
}

#[derive(Clone)]
struct State<'v, 'u, 'a> {
    view: &'v View<'u, 'a>,
    forced: BTreeMap<PackageId, Source<'a>>,
    banned: BTreeMap<PackageId, Ban<'a>>,
    /// Needs that are not answered yet.
    open: Vec<(PackageId, Group<'a>)>,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Asked,
    Essential,
    Needed(PackageId, Group<'a>),
    Tried,
}

#[derive(Clone)]
enum Ban<'a> {
    Enemy { by: PackageId, own: bool, field: &'static str, relation: Relation<'a> },
    Fails(Arc<Cause>),
}

impl<'a> State<'_, '_, 'a> {
    fn force_roots(&mut self, roots: &Roots) -> Result<(), Cause> {
        for &id in &roots.asked {
            self.force(id, Source::Asked)?;
        }
        roots.essential.iter().try_for_each(|&id| self.force(id, Source::Essential))
    }

    fn force(&mut self, id: PackageId, source: Source<'a>) -> Result<(), Cause> {
        if self.forced.contains_key(&id) {
            return Ok(());
        }
        self.forced.insert(id, source);
        if let Some(Ban::Enemy { by, own, field, relation }) = self.banned.get(&id) {
            let (owner, other) = if *own { (id, *by) } else { (*by, id) };
            return Err(self.clash(owner, field, relation, other));
        }
        for (enemy, field, relation) in self.view.enemies(id) {
            if self.forced.contains_key(&enemy) {
                return Err(self.clash(id, field, &relation, enemy));
            }
            self.banned.entry(enemy).or_insert(Ban::Enemy { by: id, own: false, field, relation });
        }
        self.open.extend(self.view.needs(id).map(|group| (id, group)));
        Ok(())
    }

    fn clash(&self, owner: PackageId, field: &str, relation: &Relation<'_>, other: PackageId) -> Cause {
        self.within_choices(owner, |stop| Cause::Clash {
            why: self.why(owner, stop),
            field: format!("{field}: {relation}"),
            enemy: self.why(other, None),
        })
    }

    /// The cause that concerns `subject`, inside the choices that led to it: where it (or what needs it) was the last
    /// possible of several alternatives, the others are shown too.
    fn within_choices(&self, subject: PackageId, cause: impl FnOnce(Option<PackageId>) -> Cause) -> Cause {
        let mut choices: Vec<(PackageId, PackageId, Group<'a>)> = Vec::new();
        let mut at = subject;
        while let Source::Needed(parent, group) = self.forced[&at] {
            if group.alternatives().count() > 1 {
                choices.push((at, parent, group));
            }
            at = parent;
        }
        let stop = |n: usize| choices.get(n).map(|(chosen, ..)| *chosen);
        let innermost = cause(stop(0));
        choices.iter().enumerate().fold(innermost, |cause, (n, (chosen, parent, group))| {
            let candidates = self.view.candidates(*group);
            let tried = candidates.iter().map(|id| {
                if id == chosen {
                    Alternative::Fails { package: self.shown(*id), cause: Arc::new(cause.clone()) }
                } else {
                    self.alternative(*id)
                }
            });
            Cause::Unmet {
                why: self.why(*parent, stop(n + 1)),
                need: group.to_string(),
                alternatives: tried.chain(self.missing(*group)).collect(),
            }
        })
    }

    /// Follows needs with one possible answer until none is left.
    fn propagate(&mut self) -> Result<(), Cause> {
        loop {
            let mut progress = false;
            for (parent, group) in std::mem::take(&mut self.open) {
                let candidates = self.view.candidates(group);
                if candidates.iter().any(|id| self.forced.contains_key(id)) {
                    continue;
                }
                let mut possible =
                    candidates.iter().copied().filter(|&id| !self.is_banned(id)).collect::<Vec<_>>();
                match (possible.pop(), possible.len()) {
                    (None, _) => return Err(self.unmet(parent, group, &candidates)),
                    (Some(one), 0) => {
                        progress = true;
                        self.force(one, Source::Needed(parent, group))?;
                    }
                    _ => self.open.push((parent, group)),
                }
            }
            if !progress {
                return Ok(());
            }
        }
    }

    fn is_banned(&mut self, id: PackageId) -> bool {
        if !self.banned.contains_key(&id) {
            let mut enemies = self.view.enemies(id).into_iter();
            if let Some((by, field, relation)) = enemies.find(|(by, ..)| self.forced.contains_key(by)) {
                self.banned.insert(id, Ban::Enemy { by, own: true, field, relation });
            }
        }
        self.banned.contains_key(&id)
    }

    /// Tries every alternative of every open need; one that fails by itself is banned, and the search goes on from
    /// there.
    fn search(&mut self) -> Option<Cause> {
        let mut probes = 0;
        loop {
            if let Err(cause) = self.propagate() {
                return Some(cause);
            }
            let mut failed = None;
            'open: for (_, group) in &self.open {
                for id in self.view.candidates(*group) {
                    if self.banned.contains_key(&id) {
                        continue;
                    }
                    probes += 1;
                    if probes > MAX_PROBES {
                        return None;
                    }
                    let mut trial = self.clone();
                    let outcome = trial.force(id, Source::Tried).and_then(|()| trial.propagate());
                    if let Err(cause) = outcome {
                        failed = Some((id, cause));
                        break 'open;
                    }
                }
            }
            let (id, cause) = failed?;
            self.banned.insert(id, Ban::Fails(Arc::new(cause)));
        }
    }

    fn unmet(&self, parent: PackageId, group: Group<'a>, candidates: &[PackageId]) -> Cause {
        let alternatives: Vec<Alternative> =
            candidates.iter().map(|&id| self.alternative(id)).chain(self.missing(group)).collect();
        self.within_choices(parent, |stop| Cause::Unmet {
            why: self.why(parent, stop),
            need: group.to_string(),
            alternatives,
        })
    }

    fn missing(&self, group: Group<'a>) -> impl Iterator<Item = Alternative> + '_ {
        let missing = group.alternatives().filter(|relation| self.view.answers(relation).is_empty());
        missing.map(|relation| Alternative::Missing {
            relation: relation.to_string(),
            note: self.note(&relation),
        })
    }

    fn alternative(&self, id: PackageId) -> Alternative {
        let package = self.shown(id);
        match &self.banned[&id] {
            Ban::Fails(cause) => Alternative::Fails { package, cause: Arc::clone(cause) },
            Ban::Enemy { by, own, field, relation } => Alternative::Excluded {
                package,
                field: format!("{field}: {relation}"),
                own: *own,
                enemy: self.why(*by, None),
            },
        }
    }

    /// Why nothing answers a relation.
    fn note(&self, relation: &Relation<'_>) -> String {
        let universe = self.view.universe;
        let Some(id) = universe.find(relation.name) else { return self.note_on_providers(relation) };
        let here = self.view.offer(id);
        let accepted = relation.accepts(Some(here.record.version.as_str()));
        match relation.qualifier {
            Some("any") if accepted => return format!("{} is not `Multi-Arch: allowed`", here.record.name),
            Some(arch) if accepted => return format!("nothing of `{arch}` is installed"),
            _ => {}
        }
        let mut offers = universe.offers(id);
        let fits = offers.find(|offer| relation.accepts(Some(offer.record.version.as_str())));
        match fits {
            Some(fit) if self.view.is_pinned(id) => {
                format!("{} is pinned; {} in {} would do", here.record.version, fit.record.version, fit.suite)
            }
            Some(fit) => format!(
                "{} in {} counts; ask for `{}={}` to have the other",
                here.record.version, here.suite, fit.record.name, fit.record.version
            ),
            None => {
                let have: Vec<String> =
                    universe.offers(id).map(|o| format!("{} in {}", o.record.version, o.suite)).collect();
                format!("there is {}", crate::solve::list(&have, "", "and"))
            }
        }
    }

    fn note_on_providers(&self, relation: &Relation<'_>) -> String {
        let provided = self.view.universe.providers(relation.name).iter().map(|provider| {
            let version = provider.version.map_or("without a version".to_owned(), |v| format!("as {v}"));
            format!("{} provides it {version}", self.shown(provider.package))
        });
        let provided: Vec<String> = provided.collect();
        if provided.is_empty() { "no suite has it".to_owned() } else { provided.join(", ") }
    }

    fn shown(&self, id: PackageId) -> String {
        format!("{} {}", self.view.name(id), self.view.offer(id).record.version)
    }

    /// Why a package must be in, up to `stop`, which is then what is being looked at.
    fn why(&self, id: PackageId, stop: Option<PackageId>) -> Why {
        let reason = match self.forced[&id] {
            _ if stop == Some(id) => Reason::Tried,
            Source::Asked => Reason::Asked,
            Source::Essential => Reason::Essential,
            Source::Tried => Reason::Tried,
            Source::Needed(parent, _) => Reason::Needed(Box::new(self.why(parent, stop))),
        };
        Why { package: self.shown(id), reason }
    }
}
