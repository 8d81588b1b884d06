//! The contributions of active modules, with their expressions evaluated.

use crate::collected::{By, Collected};
use crate::fields::{Fields, to_json};
use crate::merged::{Merged, Priority, Value};
use crate::problem::Problem;
use crate::raw::{Data, Raw};
use crate::schema::{Contribution, Kind, Module};
use crate::source::{Place, Sources};
use crate::template::{TemplateError, Templates, Variables};
use std::collections::BTreeMap;

/// What all contributions share.
pub(crate) struct Contribute<'a> {
    pub(crate) templates: &'a Templates<'a>,
    pub(crate) sources: &'a Sources,
    /// `system` and `modules`.
    pub(crate) globals: Variables,
    pub(crate) collected: Collected,
    pub(crate) problems: Vec<Problem>,
    pub(crate) notices: Vec<Problem>,
}

/// Which contributions are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// `[[require]]` and `[[warn]]`.
    Requirements,
    /// Everything that adds to the system.
    Additions,
}

impl Pass {
    fn takes(self, kind: Kind) -> bool {
        (self == Self::Requirements) == matches!(kind, Kind::Require | Kind::Warn)
    }
}

/// One evaluation of a contribution: for the whole module or for one element.
pub(crate) struct Turn<'a> {
    pub(crate) module: &'a Module,
    pub(crate) contribution: &'a Contribution,
    pub(crate) variables: Variables,
    /// The element, or the module's value.
    pub(crate) subject: &'a Merged,
    /// What wrote it: the element in the definition, else the contribution.
    pub(crate) place: Place,
}

impl<'a> Contribute<'a> {
    /// Goes through what `module` contributes; `value` is its merged value.
    pub(crate) fn module(&mut self, module: &'a Module, value: &'a Merged, pass: Pass) {
        let mut variables = self.globals.clone();
        match &value.value {
            Value::Record(fields) => {
                for (name, field) in fields {
                    variables.insert(name.replace('-', "_"), jinja(field));
                }
            }
            _ => {
                variables.insert("value".to_owned(), jinja(value));
            }
        }
        for contribution in module.contributions.iter().filter(|contribution| pass.takes(contribution.kind)) {
            let turn = |variables, subject, place| Turn { module, contribution, variables, subject, place };
            let Some(path) = &contribution.each else {
                self.turn(&turn(variables.clone(), value, contribution.place));
                continue;
            };
            let Some(many) = value.at(path) else {
                let message = format!("`for-each`: the module has no option `{}`", path.join("."));
                self.problems.push(Problem::new(message, contribution.place));
                continue;
            };
            for (key, element) in elements(many) {
                let mut variables = variables.clone();
                variables.insert("key".to_owned(), key.into());
                variables.insert("value".to_owned(), jinja(element));
                let place = element.place().unwrap_or(contribution.place);
                self.turn(&turn(variables, element, place));
            }
        }
    }

    fn turn(&mut self, turn: &Turn<'a>) {
        if !self.applies(turn) {
            return;
        }
        match turn.contribution.kind {
            Kind::Require | Kind::Warn => self.requirement(turn),
            _ => {
                if let Some(fields) = self.fields(turn) {
                    self.collect(turn, fields);
                }
            }
        }
    }

    fn applies(&mut self, turn: &Turn<'a>) -> bool {
        let Some(when) = &turn.contribution.when else { return true };
        self.holds(when, "when", turn)
    }

    fn holds(&mut self, raw: &Raw, what: &str, turn: &Turn<'a>) -> bool {
        let result = match &raw.data {
            Data::Bool(value) => return *value,
            Data::String(expression) => self.templates.holds(expression, &turn.variables),
            _ => {
                self.problems
                    .push(Problem::new(format!("`{what}` must be an expression in a string"), raw.place));
                return false;
            }
        };
        result.unwrap_or_else(|error| {
            self.failed(&error, raw.place, turn);
            false
        })
    }

    /// All fields, their strings rendered.
    fn fields(&mut self, turn: &Turn<'a>) -> Option<Fields> {
        let mut fields = BTreeMap::new();
        let mut complete = true;
        for (name, entry) in &turn.contribution.fields {
            match to_json(&entry.value, &|text| self.templates.value(text, &turn.variables)) {
                Ok(json) => {
                    fields.insert(name.clone(), json);
                }
                Err((error, place)) => {
                    self.failed(&error, place, turn);
                    complete = false;
                }
            }
        }
        complete.then_some(Fields(fields))
    }

    /// A `[[require]]` or `[[warn]]`.
    fn requirement(&mut self, turn: &Turn<'a>) {
        let fields = &turn.contribution.fields;
        let (Some(that), Some(message)) = (fields.get("that"), fields.get("message")) else {
            self.problems.push(Problem::new("this needs `that` and `message`", turn.contribution.place));
            return;
        };
        if self.holds(&that.value, "that", turn) {
            return;
        }
        let message = match self.templates.text(message.value.as_str().unwrap_or_default(), &turn.variables) {
            Ok(message) => message,
            Err(error) => {
                self.failed(&error, message.value.place, turn);
                return;
            }
        };
        let place = fields
            .get("at")
            .and_then(|at| {
                turn.subject.at(&at.value.as_str()?.split('.').map(str::to_owned).collect::<Vec<_>>())
            })
            .and_then(Merged::place)
            .or_else(|| turn.subject.place())
            .unwrap_or(turn.place);
        let (message, help) = match message.split_once('\n') {
            Some((message, help)) => (message.to_owned(), Some(help.trim().to_owned())),
            None => (message, None),
        };
        let mut problem = Problem::new(message, place);
        if let Some(help) = help {
            problem = problem.help(help);
        }
        match turn.contribution.kind {
            Kind::Warn => self.notices.push(problem),
            _ => self.problems.push(problem),
        }
    }

    /// Reports an expression or template that failed, at the line of its file where that is known.
    pub(crate) fn failed(&mut self, error: &TemplateError, place: Place, turn: &Turn<'a>) {
        let label = format!("in module `{}`", turn.module.name);
        let problem = match template_place(error, self.sources) {
            Some(line) => {
                Problem::new(error.message.clone(), line).label("in this template").related(place, label)
            }
            None => Problem::new(error.message.clone(), place).label(label),
        };
        let problem = if turn.place == turn.contribution.place {
            problem
        } else {
            problem.related(turn.place, "for this element")
        };
        self.problems.push(problem);
    }
}

/// The line of a template file that an error names.
pub(crate) fn template_place(error: &TemplateError, sources: &Sources) -> Option<Place> {
    let file = sources.find(error.name.as_deref()?)?;
    let text = sources.text(file);
    let start: usize = text.split_inclusive('\n').take(error.line?.saturating_sub(1)).map(str::len).sum();
    let line = text[start..].lines().next().unwrap_or_default();
    let indent = line.len() - line.trim_start().len();
    Some(Place { file, start: (start + indent) as u32, end: (start + line.len()) as u32 })
}

fn elements(many: &Merged) -> Vec<(String, &Merged)> {
    match &many.value {
        Value::Map(entries) | Value::Record(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        Value::List(items) => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        _ => Vec::new(),
    }
}

pub(crate) fn jinja(merged: &Merged) -> minijinja::Value {
    minijinja::Value::from(minijinja::value::Serde(merged.template_json()))
}

/// `what`, said to come from the turn's place.
pub(crate) fn by<T>(turn: &Turn<'_>, what: T) -> By<T> {
    let forced = turn.place != turn.contribution.place
        && turn.subject.set.iter().any(|setting| setting.priority >= Priority::Force);
    By { what, place: turn.place, forced }
}
