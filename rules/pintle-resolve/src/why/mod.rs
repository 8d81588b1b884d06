//! Why a package is in a lock: the chains of dependencies that lead to it, from the locked packages themselves.

mod text;

use crate::PackageSpec;
use crate::suggest::near_names;
use crate::universe::preference;
use pintle_package::control::index::PackageRecord;
use pintle_package::control::relations::{Group, Relation};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What makes a package be there without another package's doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Root {
    /// The definition, or a module, asks for it.
    Asked {
        /// As it is written: `nginx`, `nginx/trixie-backports`, or a name that the package provides.
        spec: String,
        /// Where: `system.toml:5:12`.
        places: Vec<String>,
    },
    /// `Essential: yes`: part of every Debian system.
    Essential,
    /// Parts of it make the system start.
    Boot,
}

/// A package of the lock and what is asked of it from outside.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// What it says of itself.
    pub record: &'a PackageRecord<'a>,
    /// Only parts of it enter the boot chain: its dependencies are not followed.
    pub boot: bool,
}

/// One step of a chain: a package and the dependency that leads on from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// `Depends`, `Pre-Depends` or `Recommends`.
    pub field: &'static str,
    /// The dependency as written, with its alternatives.
    pub relation: String,
    /// The package of the lock that answers it.
    pub answered_by: String,
    /// The name by which it does, where it is not its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provides: Option<String>,
    /// Other packages of the lock that answer it too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub or: Vec<String>,
}

/// A way from something asked for to the package; the shortest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// Why its first package is there.
    pub root: Root,
    /// The first package.
    pub first: String,
    /// Steps; none when it is the package itself.
    pub steps: Vec<Step>,
}

/// Everything that brings a package in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The name that was asked about, where the package only provides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provides: Option<String>,
    /// Chains, shortest first: one for each root that leads to it.
    pub chains: Vec<Chain>,
    /// All packages that depend on it themselves.
    pub dependers: Vec<Step>,
}

/// The name is not in the lock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not in the lock{}", crate::did_you_mean(.near))]
pub struct NotThere {
    /// The name.
    pub name: String,
    /// Names that may have been meant, nearest first.
    pub near: Vec<String>,
}

/// What the definition asks for, and where it does.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Packages, with the places that ask for each.
    pub packages: Vec<(PackageSpec, Vec<String>)>,
    /// Recommends are followed.
    pub recommends: bool,
}

/// Explains why `name`, or what provides it, is there. Several packages may provide it.
///
/// # Errors
/// [`NotThere`].
pub fn why(nodes: &[Node<'_>], asked: &Asked, name: &str) -> Result<Vec<Why>, NotThere> {
    let graph = Graph::new(nodes, asked);
    let targets: Vec<usize> = match graph.by_name.get(name) {
        Some(&target) => vec![target],
        None => graph.providers.get(name).cloned().unwrap_or_default(),
    };
    if targets.is_empty() {
        let near = near_names(name, nodes.iter().map(|node| node.record.name));
        return Err(NotThere { name: name.to_owned(), near });
    }
    Ok(targets.into_iter().map(|target| graph.explain(target, name)).collect())
}

struct Edge {
    to: usize,
    step: Step,
}

struct Graph<'a> {
    nodes: &'a [Node<'a>],
    by_name: BTreeMap<&'a str, usize>,
    /// Packages by the names they provide, their own aside.
    providers: BTreeMap<&'a str, Vec<usize>>,
    edges: Vec<Vec<Edge>>,
    roots: Vec<(usize, Root)>,
}

impl<'a> Graph<'a> {
    fn new(nodes: &'a [Node<'a>], asked: &Asked) -> Self {
        let by_name = nodes.iter().enumerate().map(|(n, node)| (node.record.name, n)).collect();
        let mut providers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (n, node) in nodes.iter().enumerate().filter(|(_, node)| !node.boot) {
            for relation in node.record.provides.flat().filter(|r| r.name != node.record.name) {
                let list = providers.entry(relation.name).or_default();
                if !list.contains(&n) {
                    list.push(n);
                }
            }
        }
        let mut graph = Self { nodes, by_name, providers, edges: Vec::new(), roots: Vec::new() };
        graph.edges = (0..nodes.len()).map(|n| graph.edges_of(n, asked.recommends)).collect();
        graph.roots = graph.find_roots(asked);
        if !asked.recommends {
            graph.add_needed_recommendations();
        }
        graph
    }

    /// What nothing depends on and nobody asked for is there by a recommendation that counts as a need.
    fn add_needed_recommendations(&mut self) {
        let mut reached: BTreeSet<usize> = BTreeSet::new();
        let mut open: Vec<usize> = self.roots.iter().map(|(n, _)| *n).collect();
        while let Some(n) = open.pop() {
            if reached.insert(n) {
                open.extend(self.edges[n].iter().map(|edge| edge.to));
            }
        }
        if reached.len() < self.nodes.len() {
            for n in 0..self.nodes.len() {
                let mut edges = self.edges_of(n, true);
                edges.retain(|edge| edge.step.field != "Recommends" || !reached.contains(&edge.to));
                self.edges[n] = edges;
            }
        }
    }

    fn find_roots(&self, asked: &Asked) -> Vec<(usize, Root)> {
        let mut roots = Vec::new();
        for (spec, places) in &asked.packages {
            let provided = || self.providers.get(spec.name.as_str())?.first().copied();
            let root = Root::Asked { spec: spec.to_string(), places: places.clone() };
            roots.extend(self.by_name.get(spec.name.as_str()).copied().or_else(provided).map(|n| (n, root)));
        }
        roots.sort_by_key(|(n, _)| self.nodes[*n].record.name);
        let essential = |n: &usize| self.nodes[*n].record.essential;
        roots.extend((0..self.nodes.len()).filter(essential).map(|n| (n, Root::Essential)));
        roots.extend((0..self.nodes.len()).filter(|n| self.nodes[*n].boot).map(|n| (n, Root::Boot)));
        roots
    }

    fn edges_of(&self, n: usize, recommends: bool) -> Vec<Edge> {
        let Node { record, boot } = &self.nodes[n];
        if *boot {
            return Vec::new();
        }
        let fields = [
            ("Pre-Depends", record.pre_depends),
            ("Depends", record.depends),
            ("Recommends", if recommends { record.recommends } else { Default::default() }),
        ];
        let mut edges = Vec::new();
        for (field, relations) in fields {
            for group in relations.groups() {
                edges.extend(self.answers(group).into_iter().filter(|(to, _)| *to != n).map(|(to, name)| {
                    let mut step = self.step(n, field, group);
                    step.or.retain(|other| *other != self.nodes[to].record.name);
                    step.answered_by = self.nodes[to].record.name.to_owned();
                    step.provides = name.map(str::to_owned);
                    Edge { to, step }
                }));
            }
        }
        edges
    }

    fn step(&self, n: usize, field: &'static str, group: Group<'_>) -> Step {
        let record = self.nodes[n].record;
        Step {
            package: record.name.to_owned(),
            version: record.version.to_string(),
            field,
            relation: group.to_string(),
            answered_by: String::new(),
            provides: None,
            or: self.answers(group).into_iter().map(|(n, _)| self.nodes[n].record.name.to_owned()).collect(),
        }
    }

    /// Packages of the lock that answer a group, with the name by which they do where it is not their own.
    fn answers(&self, group: Group<'a>) -> Vec<(usize, Option<&'a str>)> {
        let mut found: Vec<(usize, Option<&str>)> = Vec::new();
        for relation in group.alternatives() {
            let mut these: Vec<(usize, Option<&str>)> = Vec::new();
            these.extend(self.real(&relation).map(|n| (n, None)));
            let provided = self.providers.get(relation.name).into_iter().flatten();
            these.extend(
                provided.filter(|n| self.provides(**n, &relation)).map(|n| (*n, Some(relation.name))),
            );
            these.sort_by_key(|(n, _)| preference(self.nodes[*n].record, relation.name));
            for one in these {
                if !found.iter().any(|(n, _)| *n == one.0) {
                    found.push(one);
                }
            }
        }
        found
    }

    fn real(&self, relation: &Relation<'_>) -> Option<usize> {
        let n = *self.by_name.get(relation.name)?;
        let node = &self.nodes[n];
        (!node.boot && relation.accepts(Some(node.record.version.as_str()))).then_some(n)
    }

    fn provides(&self, n: usize, relation: &Relation<'_>) -> bool {
        let same = |provided: &Relation<'_>| provided.name == relation.name;
        let mut provided = self.nodes[n].record.provides.flat().filter(same);
        provided.any(|provided| relation.accepts(provided.version.map(|(_, version)| version.as_str())))
    }

    fn explain(&self, target: usize, name: &str) -> Why {
        let record = self.nodes[target].record;
        // From the package upwards: one search finds the shortest way to every root.
        let mut above: Vec<Vec<(usize, usize)>> = self.nodes.iter().map(|_| Vec::new()).collect();
        for (from, edges) in self.edges.iter().enumerate() {
            for (at, edge) in edges.iter().enumerate() {
                above[edge.to].push((from, at));
            }
        }
        let mut next: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        let mut seen = BTreeSet::from([target]);
        let mut open = VecDeque::from([target]);
        while let Some(at) = open.pop_front() {
            for &(from, edge) in above[at].iter().filter(|(from, _)| seen.insert(*from)).collect::<Vec<_>>() {
                next.insert(from, (at, edge));
                open.push_back(from);
            }
        }
        let mut chains: Vec<Chain> = Vec::new();
        for (first, root) in self.roots.iter().filter(|(first, _)| seen.contains(first)) {
            let mut steps = Vec::new();
            let mut at = *first;
            while let Some(&(below, edge)) = next.get(&at) {
                steps.push(self.edges[at][edge].step.clone());
                at = below;
            }
            let first = self.nodes[*first].record.name.to_owned();
            chains.push(Chain { root: root.clone(), first, steps });
        }
        chains.sort_by_key(|chain| (rank(&chain.root), chain.steps.len()));
        let mut dependers: Vec<Step> = Vec::new();
        for &(from, edge) in &above[target] {
            dependers.push(self.edges[from][edge].step.clone());
        }
        dependers.sort_by(|a, b| a.package.cmp(&b.package));
        Why {
            package: record.name.to_owned(),
            version: record.version.to_string(),
            provides: (record.name != name).then(|| name.to_owned()),
            chains,
            dependers,
        }
    }
}

/// What somebody asked for says more than what is always there.
fn rank(root: &Root) -> u8 {
    match root {
        Root::Asked { .. } => 0,
        Root::Boot => 1,
        Root::Essential => 2,
    }
}
