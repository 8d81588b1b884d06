//! Why a package is there, and what would go with it.

use crate::facts::Facts;
use crate::inventory::Control;
use pintle_model::PackageRole;
use pintle_package::control::relations::Relations;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// Why a package is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Reason {
    /// Something asked for it by name.
    Asked {
        /// The places.
        by: Vec<String>,
    },
    /// Every Debian system has it.
    Essential,
    /// Parts of it are in the boot chain.
    Boot,
    /// Another package depends on it.
    Dependency {
        /// From what was asked for to what depends on it.
        chain: Vec<String>,
    },
    /// Another package recommends it.
    Recommended {
        /// From what was asked for to what recommends it.
        chain: Vec<String>,
    },
    /// Nothing installed asks for it any more.
    Unknown,
}

impl Reason {
    /// In a few words.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Asked { by } if by.is_empty() => "asked for".to_owned(),
            Self::Asked { by } => format!("asked for by {}", by.join(", ")),
            Self::Essential => "essential".to_owned(),
            Self::Boot => "starts the system".to_owned(),
            Self::Dependency { chain } => format!("needed by {}", chain.join(" › ")),
            Self::Recommended { chain } => format!("recommended by {}", chain.join(" › ")),
            Self::Unknown => "nothing depends on it".to_owned(),
        }
    }
}

/// Who needs whom among the packages of an image.
pub struct Graph {
    names: Vec<String>,
    /// Numbers of what each depends on, sorted.
    strong: Vec<Vec<usize>>,
    weak: Vec<Vec<usize>>,
    roots: Vec<Option<Reason>>,
    /// How each was reached first from a root: by whom, and whether by a dependency.
    reached: Vec<Option<(usize, bool)>>,
}

impl Graph {
    pub(crate) fn new(facts: &Facts<'_>, controls: &[Control<'_>]) -> Self {
        let names: Vec<String> = facts.packages.iter().map(|package| package.locked.name.clone()).collect();
        let mut providers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, (name, control)) in names.iter().zip(controls).enumerate() {
            providers.entry(name).or_default().insert(0, index);
            let provided =
                control.get("Provides").and_then(|text| Relations::new(text).ok()).unwrap_or_default();
            for relation in provided.flat() {
                providers.entry(relation.name).or_default().push(index);
            }
        }
        let edges = |fields: &[&str]| -> Vec<Vec<usize>> {
            controls
                .iter()
                .enumerate()
                .map(|(own, control)| targets(own, control, fields, &providers))
                .collect()
        };
        let strong = edges(&["Depends", "Pre-Depends"]);
        let debian = &facts.system.source.debian;
        let weak = if debian.recommends { edges(&["Recommends"]) } else { vec![Vec::new(); names.len()] };
        let roots: Vec<Option<Reason>> = facts
            .packages
            .iter()
            .zip(controls)
            .map(|(package, control)| {
                if package.locked.role == PackageRole::Boot {
                    return Some(Reason::Boot);
                }
                let name = &package.locked.name;
                let asked =
                    facts.system.packages.iter().any(|spec| spec.split(['=', '/', ':']).next() == Some(name));
                if asked {
                    return Some(Reason::Asked { by: package.asked_by.to_vec() });
                }
                (control.get("Essential") == Some("yes")).then_some(Reason::Essential)
            })
            .collect();
        let mut graph = Self { names: names.clone(), strong, weak, reached: vec![None; roots.len()], roots };
        graph.reached = graph.reach(None);
        if !debian.recommends && graph.reached.contains(&None) {
            // What nothing depends on is there by a recommendation that counts as a need.
            graph.weak = edges(&["Recommends"]);
            for targets in &mut graph.weak {
                targets.retain(|target| graph.reached[*target].is_none());
            }
            graph.reached = graph.reach(None);
        }
        graph
    }

    /// Breadth first, so that chains are short; recommendations only from what dependencies do not reach.
    fn reach(&self, without: Option<usize>) -> Vec<Option<(usize, bool)>> {
        let mut reached = vec![None; self.names.len()];
        let roots =
            (0..self.names.len()).filter(|index| self.roots[*index].is_some() && Some(*index) != without);
        let mut queue: VecDeque<usize> = roots.collect();
        queue.iter().for_each(|root| reached[*root] = Some((*root, true)));
        let mut later = VecDeque::new();
        loop {
            while let Some(at) = queue.pop_front() {
                later.push_back(at);
                for next in &self.strong[at] {
                    if reached[*next].is_none() && Some(*next) != without {
                        reached[*next] = Some((at, true));
                        queue.push_back(*next);
                    }
                }
            }
            let Some(at) = later.pop_front() else { return reached };
            for next in &self.weak[at] {
                if reached[*next].is_none() && Some(*next) != without {
                    reached[*next] = Some((at, false));
                    queue.push_back(*next);
                }
            }
        }
    }

    /// Why package number `index` is there.
    #[must_use]
    pub fn reason(&self, index: usize) -> Reason {
        if let Some(reason) = &self.roots[index] {
            return reason.clone();
        }
        let Some((mut at, strong)) = self.reached[index] else { return Reason::Unknown };
        let mut chain = vec![self.names[at].clone()];
        // A chain ends at a root, which is its own parent.
        while let Some((parent, _)) = self.reached[at].filter(|(parent, _)| *parent != at) {
            chain.insert(0, self.names[parent].clone());
            at = parent;
        }
        if strong { Reason::Dependency { chain } } else { Reason::Recommended { chain } }
    }

    /// What package number `index` depends on.
    #[must_use]
    pub fn depends(&self, index: usize) -> Vec<usize> {
        self.strong[index].clone()
    }

    /// Numbers of the packages that depend on `index`.
    #[must_use]
    pub fn dependents(&self, index: usize) -> Vec<usize> {
        (0..self.names.len()).filter(|other| self.strong[*other].contains(&index)).collect()
    }

    /// Packages that are there only because of `index`, itself first: what would go with it.
    #[must_use]
    pub fn goes_with(&self, index: usize) -> Vec<usize> {
        let left = self.reach(Some(index));
        let gone = (0..self.names.len()).filter(|at| *at != index && left[*at].is_none());
        // What is unreachable anyway does not go because of this one.
        std::iter::once(index).chain(gone.filter(|at| self.reached[*at].is_some())).collect()
    }
}

/// Installed packages that `fields` lead to: of each group the first alternative that is there.
fn targets(
    own: usize,
    control: &Control<'_>,
    fields: &[&str],
    providers: &BTreeMap<&str, Vec<usize>>,
) -> Vec<usize> {
    let mut found = Vec::new();
    for text in fields.iter().filter_map(|field| control.get(field)) {
        let Ok(relations) = Relations::new(text) else { continue };
        for group in relations.groups() {
            let there =
                group.alternatives().find_map(|relation| providers.get(relation.name)?.first().copied());
            found.extend(there.filter(|there| *there != own));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}
