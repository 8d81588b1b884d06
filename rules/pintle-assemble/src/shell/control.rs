//! Branches and loops: followed where the decision is known, else only allowed to do nothing.

use super::commands;
use super::facts::matches;
use super::run::{Field, Flow, Printed, Run, Status};
use super::syntax::{Command, Join, Node, Word};
use crate::effect::{Effect, EffectClass};

impl Run<'_> {
    pub(super) fn and_or(&mut self, first: &Node, rest: &[(Join, Node)]) -> Flow {
        let mut flow = self.node(first);
        for (join, node) in rest {
            let Flow::Next(status) = flow else { return flow };
            let wanted = if *join == Join::And { Status::True } else { Status::False };
            flow = match status {
                // What would end in failure does not happen: packages can be installed.
                Status::Unknown if self.fails(std::slice::from_ref(node)) => {
                    Flow::Next(Status::of(*join == Join::Or))
                }
                Status::Unknown => self.either(*join, node),
                _ if status == wanted => self.node(node),
                _ => Flow::Next(status),
            };
        }
        flow
    }

    /// `? && node`, `? || node`: known all the same where the second decides by itself.
    fn either(&mut self, join: Join, node: &Node) -> Flow {
        let mut branch = self.clone();
        let second = branch.node(node);
        let flow = self.speculate(line_of(node), &[std::slice::from_ref(node)]);
        let decides = Status::of(join == Join::Or);
        if flow == Flow::Next(Status::Unknown) && second == Flow::Next(decides) { second } else { flow }
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
                Flow::Next(Status::Unknown) if self.fails(body) => {}
                Flow::Next(Status::Unknown) if index + 1 == arms.len() && self.fails(otherwise) => {
                    return self.list(body);
                }
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
            return self.repeat(line, &[body]);
        }
        let lenient = std::mem::replace(&mut self.lenient, false);
        let flow = self.each(name, fields, body);
        self.lenient = lenient;
        flow
    }

    fn each(&mut self, name: &str, fields: Vec<Field>, body: &[Node]) -> Flow {
        let mut status = Status::True;
        for field in fields {
            self.assign(name, field.value);
            match self.list(body) {
                Flow::Next(next) => status = next,
                Flow::Continue => {}
                Flow::Break => break,
                leave => return leave,
            }
        }
        Flow::Next(status)
    }

    /// A loop of which it is not known how often it runs.
    pub(super) fn repeat(&mut self, line: usize, bodies: &[&[Node]]) -> Flow {
        let lenient = std::mem::replace(&mut self.lenient, true);
        let flow = self.speculate(line, bodies);
        self.lenient = lenient;
        flow
    }

    /// True if `body` ends in failure. It is followed on the side.
    fn fails(&mut self, body: &[Node]) -> bool {
        if body.is_empty() {
            return false;
        }
        let mut branch = self.clone();
        let flow = branch.list(body);
        self.steps = branch.steps;
        flow == Flow::Fail
    }

    pub(super) fn pipeline(&mut self, nodes: &[Node]) -> Flow {
        if let [Node::Command(asks), Node::Command(filters)] = nodes
            && let (Some(asks), Some(filters)) = (self.plain_words(asks), self.plain_words(filters))
            && let Some(status) = commands::membership(self, &asks, &filters)
        {
            return Flow::Next(status);
        }
        let outside = std::mem::replace(&mut self.printed, Printed::Unread);
        let text = if outside == Printed::Unread { None } else { self.piped(nodes) };
        self.printed = Printed::Unread;
        // `… | while read …`, where nothing is printed.
        if let [before @ .., Node::Loop { condition, .. }] = nodes
            && let [Node::Command(read), ..] = condition.as_slice()
            && self.plain_words(read).is_some_and(|words| words[0] == "read")
            && self.piped(before).as_deref() == Some("")
        {
            self.printed = outside;
            return Flow::Next(Status::True);
        }
        for node in nodes {
            let variables = self.variables.clone();
            self.node(node);
            self.variables = variables;
        }
        self.printed = outside;
        self.printed.add(text.as_deref());
        Flow::Next(Status::Unknown)
    }

    /// The words of a command, where all are known; it must have at least one.
    fn plain_words(&mut self, command: &Command) -> Option<Vec<String>> {
        let fields: Vec<Field> =
            command.words.iter().flat_map(|word| self.expand(command.line, word)).collect();
        let words: Option<Vec<String>> = fields.into_iter().map(|field| field.value).collect();
        words.filter(|words| !words.is_empty())
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
            if flow == Flow::Fail {
                continue;
            }
            let stays = match flow {
                Flow::Next(_) => true,
                Flow::Break | Flow::Continue => self.lenient,
                _ => false,
            };
            if !branch.found.harmless() || !stays {
                after.unknown.insert((line, EffectClass::Decision));
                after.unknown.extend(branch.found.unknown);
                after.unknown.extend(branch.found.effects.iter().map(|(at, effect)| (*at, class_of(effect))));
            }
            if branch.printed != self.printed {
                self.printed.add(None);
            }
            for (name, value) in branch.variables {
                if self.variables.get(&name) != Some(&value) {
                    self.variables.insert(name, None);
                }
            }
            self.functions.append(&mut branch.functions);
            for (question, answer) in branch.answers {
                if self.answers.get(&question) != Some(&answer) {
                    self.answers.insert(question, None);
                }
            }
        }
        self.found = after;
        Flow::Next(Status::Unknown)
    }

    /// What a pipeline of `echo` and simple filters prints; `None` where that is not known.
    fn piped(&mut self, nodes: &[Node]) -> Option<String> {
        let (first, filters) = nodes.split_first()?;
        let mut inner = self.clone();
        inner.printed = Printed::Text(String::new());
        inner.node(first);
        let Printed::Text(mut text) = inner.printed else { return None };
        for filter in filters {
            let Node::Command(command) = filter else { return None };
            text = commands::filter(&self.plain_words(command)?, &text)?;
        }
        Some(text)
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
        Effect::Change { .. }
        | Effect::ChangeAll { .. }
        | Effect::Mode { .. }
        | Effect::Capabilities { .. }
        | Effect::StatOverride { .. } => EffectClass::Owners,
        Effect::Enable { .. } | Effect::Remember { .. } | Effect::RunLevels { .. } => EffectClass::Units,
        _ => EffectClass::Files,
    }
}
