//! Branches and loops: followed where the decision is known, else only allowed to do nothing.

use super::facts::matches;
use super::run::{Field, Flow, Run, Status};
use super::syntax::{Join, Node, Word};
use crate::effect::{Effect, EffectClass};

impl Run<'_> {
    pub(super) fn and_or(&mut self, first: &Node, rest: &[(Join, Node)]) -> Flow {
        let mut flow = self.node(first);
        for (join, node) in rest {
            let Flow::Next(status) = flow else { return flow };
            let wanted = if *join == Join::And { Status::True } else { Status::False };
            flow = match status {
                Status::Unknown => self.speculate(line_of(node), &[std::slice::from_ref(node)]),
                _ if status == wanted => self.node(node),
                _ => Flow::Next(status),
            };
        }
        flow
    }

    pub(super) fn if_node(
        &mut self,
        line: usize,
        arms: &[(Vec<Node>, Vec<Node>)],
        otherwise: &[Node],
    ) -> Flow {
        for (index, (condition, body)) in arms.iter().enumerate() {
            match self.list(condition) {
                Flow::Next(Status::True) => return self.list(body),
                Flow::Next(Status::False) => {}
                Flow::Next(Status::Unknown) => {
                    let mut bodies: Vec<&[Node]> = vec![body, otherwise];
                    for (condition, body) in &arms[index + 1..] {
                        bodies.extend([condition.as_slice(), body.as_slice()]);
                    }
                    return self.speculate(line, &bodies);
                }
                leave => return leave,
            }
        }
        self.list(otherwise)
    }

    pub(super) fn case(&mut self, line: usize, subject: &Word, arms: &[(Vec<Word>, Vec<Node>)]) -> Flow {
        let subject = self.single(line, subject);
        let Some(subject) = subject else {
            let bodies: Vec<&[Node]> = arms.iter().map(|(_, body)| body.as_slice()).collect();
            return self.speculate(line, &bodies);
        };
        for (patterns, body) in arms {
            for pattern in patterns {
                match self.single(line, pattern) {
                    Some(pattern) if matches(&pattern, &subject) => return self.list(body),
                    Some(_) => {}
                    None => return self.speculate(line, &[body]),
                }
            }
        }
        Flow::Next(Status::True)
    }

    pub(super) fn for_node(
        &mut self,
        line: usize,
        name: &str,
        items: Option<&[Word]>,
        body: &[Node],
    ) -> Flow {
        let fields = match items {
            Some(words) => words.iter().flat_map(|word| self.expand(line, word)).collect(),
            None => {
                self.arguments.iter().map(|a| Field { value: a.clone(), glob: false }).collect::<Vec<_>>()
            }
        };
        if fields.iter().any(|field| field.value.is_none() || field.glob) {
            self.assign(name, None);
            return self.speculate(line, &[body]);
        }
        let mut status = Status::True;
        for field in fields {
            self.assign(name, field.value);
            match self.list(body) {
                Flow::Next(next) => status = next,
                leave => return leave,
            }
        }
        Flow::Next(status)
    }

    pub(super) fn pipeline(&mut self, nodes: &[Node]) -> Flow {
        for node in nodes {
            let variables = self.variables.clone();
            self.node(node);
            self.variables = variables;
        }
        Flow::Next(Status::Unknown)
    }

    /// Follows commands of which it is not known whether they run. That is fine as long as none of them does anything
    /// and none ends the script.
    pub(super) fn speculate(&mut self, line: usize, bodies: &[&[Node]]) -> Flow {
        let before = std::mem::take(&mut self.found);
        let mut after = before;
        for body in bodies {
            let mut branch = self.clone();
            let flow = branch.list(body);
            self.steps = branch.steps;
            if !branch.found.harmless() || !matches!(flow, Flow::Next(_)) {
                after.unknown.insert((line, EffectClass::Decision));
                after.unknown.extend(branch.found.unknown);
                after.unknown.extend(branch.found.effects.iter().map(|(at, effect)| (*at, class_of(effect))));
            }
            for (name, value) in branch.variables {
                if self.variables.get(&name) != Some(&value) {
                    self.variables.insert(name, None);
                }
            }
            self.functions.append(&mut branch.functions);
        }
        self.found = after;
        Flow::Next(Status::Unknown)
    }
}

fn line_of(node: &Node) -> usize {
    match node {
        Node::Command(command) => command.line,
        Node::If { line, .. }
        | Node::Case { line, .. }
        | Node::For { line, .. }
        | Node::Loop { line, .. }
        | Node::Redirected { line, .. } => *line,
        Node::Not(inner) => line_of(inner),
        Node::AndOr(first, _) => line_of(first),
        Node::Pipeline(nodes) | Node::Group(nodes) | Node::Subshell(nodes) => {
            nodes.first().map_or(0, line_of)
        }
        Node::Function { body, .. } => body.first().map_or(0, line_of),
    }
}

fn class_of(effect: &Effect) -> EffectClass {
    match effect {
        Effect::User(_) | Effect::Group { .. } | Effect::Member { .. } => EffectClass::Accounts,
        Effect::Change { .. } | Effect::StatOverride { .. } => EffectClass::Owners,
        Effect::Enable { .. } => EffectClass::Units,
        _ => EffectClass::Files,
    }
}
