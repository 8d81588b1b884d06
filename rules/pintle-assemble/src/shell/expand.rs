//! Expansion of words (POSIX.1-2017 XCU 2.6), as far as values are known.

use super::commands;
use super::facts::matches;
use super::parse::parse;
use super::run::{DEPTH_MAX, Field, Findings, Phase, Printed, Run};
use super::syntax::{Form, Node, Part, Word};
use crate::effect::EffectClass;

impl Run<'_> {
    /// A word as one field, as in assignments and `case`.
    pub(super) fn single(&mut self, line: usize, word: &Word) -> Option<String> {
        // Every part is expanded even after an unknown one: a substitution in it may do something.
        let parts: Vec<Option<String>> = word.parts.iter().map(|part| self.part(line, part)).collect();
        parts.into_iter().collect()
    }

    pub(super) fn expand(&mut self, line: usize, word: &Word) -> Vec<Field> {
        let parts = match word.parts.as_slice() {
            // How `"$@"` begins.
            [Part::Text { text, quoted: true }, rest @ ..] if text.is_empty() && !rest.is_empty() => rest,
            parts => parts,
        };
        if let [Part::Variable { name, form: Form::Plain, quoted }] = parts
            && (name == "@" || name == "*" && !quoted)
        {
            return self.arguments.iter().map(|a| Field { value: a.clone(), glob: false }).collect();
        }
        let mut fields = vec![Field { value: Some(String::new()), glob: false }];
        let mut present = false;
        for part in &word.parts {
            let text = self.part(line, part);
            let quoted = match part {
                Part::Text { quoted, text } => {
                    let last = fields.last_mut().expect("invariant: fields start with one");
                    last.glob |= !quoted && text.contains(['*', '?']);
                    true
                }
                Part::Variable { quoted, .. } | Part::Substitution { quoted, .. } => *quoted,
                Part::Arithmetic => true,
            };
            present |= matches!(part, Part::Text { .. }) || quoted;
            let last = fields.last_mut().expect("invariant: fields start with one");
            match text {
                None => last.value = None,
                Some(text) if quoted => append(last, &text),
                Some(text) => {
                    let separators = self.variables.get("IFS").cloned().flatten().unwrap_or_default();
                    let mut words = text.split(|c| separators.contains(c)).filter(|word| !word.is_empty());
                    if let Some(word) = words.next() {
                        append(last, word);
                        present = true;
                    }
                    fields.extend(words.map(|word| Field { value: Some(word.to_owned()), glob: false }));
                }
            }
            present |= fields.iter().any(|field| field.value.is_none());
        }
        if present { fields.into_iter().flat_map(|field| self.paths(field)).collect() } else { Vec::new() }
    }

    /// Pathname expansion (POSIX.1-2017 XCU 2.6.6) over what packages ship and what this package's scripts made. A
    /// pattern stays one where it is not known what it stands for.
    fn paths(&self, field: Field) -> Vec<Field> {
        let Some(pattern) = field.value.as_deref().filter(|text| field.glob && text.starts_with('/')) else {
            return vec![field];
        };
        match self.facts.expand(pattern, self.made(), self.package) {
            // Before unpacking, who is there depends on the order of installation.
            Some(found) if !found.is_empty() && self.phase == Phase::Preinst => vec![field],
            Some(found) if found.is_empty() => vec![Field { glob: false, ..field }],
            Some(found) => found.into_iter().map(|path| Field { value: Some(path), glob: false }).collect(),
            None => vec![field],
        }
    }

    fn part(&mut self, line: usize, part: &Part) -> Option<String> {
        match part {
            Part::Text { text, .. } => Some(text.clone()),
            Part::Arithmetic => None,
            Part::Variable { name, form, .. } => {
                let value = self.variable(name);
                match form {
                    Form::Plain => value,
                    Form::Default(word) if value.as_deref() == Some("") => self.single(line, word),
                    Form::Default(_) => value,
                    Form::Alternative(word) => match value.as_deref() {
                        Some("") => Some(String::new()),
                        Some(_) => self.single(line, word),
                        None => None,
                    },
                    Form::Without { end, longest, pattern } => {
                        let pattern = self.single(line, pattern);
                        value.zip(pattern).map(|(value, pattern)| without(&value, &pattern, *end, *longest))
                    }
                    Form::Other => None,
                }
            }
            Part::Substitution { text, .. } => self.substitution(line, text),
        }
    }

    /// Unset variables are empty: dpkg gives scripts a small, known environment.
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "@" | "*" => self.arguments.iter().cloned().collect::<Option<Vec<_>>>().map(|all| all.join(" ")),
            "#" => Some(self.arguments.len().to_string()),
            "?" | "$" | "!" | "-" => None,
            "0" => Some("script".into()),
            "PATH" | "RET" | "PPID" | "PWD" | "OLDPWD" | "IFS" => self.variables.get(name).cloned().flatten(),
            _ => match name.parse::<usize>() {
                Ok(index) => {
                    let argument = index.checked_sub(1).and_then(|index| self.arguments.get(index));
                    argument.cloned().unwrap_or(Some(String::new()))
                }
                Err(_) => self.variables.get(name).cloned().unwrap_or(Some(String::new())),
            },
        }
    }

    /// What `$(text)` prints, where that is known; the commands in it must not do anything.
    fn substitution(&mut self, line: usize, text: &str) -> Option<String> {
        let Ok(script) = parse(text) else {
            self.unknown(line, EffectClass::Program);
            return None;
        };
        if self.depth >= DEPTH_MAX {
            self.unknown(line, EffectClass::Program);
            return None;
        }
        let mut inner = self.clone();
        inner.depth += 1;
        inner.found = Findings::default();
        let answer = match script.body.as_slice() {
            [Node::Command(command)] if command.assigns.is_empty() => {
                let words: Vec<Field> =
                    command.words.iter().flat_map(|word| inner.expand(line, word)).collect();
                let words: Option<Vec<String>> = words.into_iter().map(|field| field.value).collect();
                words.and_then(|words| commands::answer(&inner, &words))
            }
            _ => None,
        };
        inner.printed = Printed::Text(String::new());
        inner.list(&script.body);
        let answer = answer.or_else(|| match &inner.printed {
            Printed::Text(text) => Some(text.trim_end_matches('\n').to_owned()),
            Printed::Unread | Printed::Unknown => None,
        });
        self.steps = inner.steps;
        if !inner.found.harmless() {
            self.unknown(line, EffectClass::Program);
        }
        self.found.handled.append(&mut inner.found.handled);
        answer
    }
}

/// `text` without the shortest or longest beginning or end that matches.
fn without(text: &str, pattern: &str, end: bool, longest: bool) -> String {
    let mut cuts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    // The beginning that goes is shortest first; the end that goes, by where it begins, is longest first.
    if longest != end {
        cuts.reverse();
    }
    let fits = |at: &usize| matches(pattern, if end { &text[*at..] } else { &text[..*at] });
    match cuts.into_iter().find(fits) {
        Some(at) if end => text[..at].to_owned(),
        Some(at) => text[at..].to_owned(),
        None => text.to_owned(),
    }
}

fn append(field: &mut Field, text: &str) {
    if let Some(value) = &mut field.value {
        value.push_str(text);
    }
}
