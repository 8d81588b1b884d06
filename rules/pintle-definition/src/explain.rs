//! What a value is, what it is for, and what set it.

use crate::evaluate::Evaluation;
use crate::merged::{Merged, Setting, Value};
use crate::near;
use crate::raw::{Raw, bare, quoted};
use crate::schema::{OptionDecl, Type};
use crate::source::Sources;
use serde::Serialize;
use serde_json::Value as Json;
use std::fmt::{self, Write as _};

/// One place that set a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetBy {
    /// `system.toml:12:3`; `builtin:…` for a shipped module.
    pub place: String,
    /// How strongly: `the option's default`, `default`, `normal`, `force` or `replace`.
    pub priority: &'static str,
    /// The value as written there; empty for a table, whose entries say more.
    pub value: String,
}

/// A part of a value: a field, an entry or an element.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// The path that explains it further.
    pub path: String,
    /// Its value.
    pub value: Json,
    /// What set it, where anything did.
    pub place: Option<String>,
}

/// All that is known of one value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// Its path, as asked.
    pub path: String,
    /// Its type, as in the reference.
    #[serde(rename = "type")]
    pub ty: String,
    /// What it is for.
    pub doc: String,
    /// The value; null where it is unset.
    pub value: Json,
    /// The option's default, as TOML.
    pub default: Option<String>,
    /// An example, as TOML.
    pub example: Option<String>,
    /// What it was made from.
    pub set_by: Vec<SetBy>,
    /// What lost against that.
    pub overridden: Vec<SetBy>,
    /// Its fields, entries or elements.
    pub parts: Vec<Part>,
}

/// The path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no option `{path}`{}", suggestion.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
pub struct NoSuchPath {
    /// The path as asked.
    pub path: String,
    /// One that exists.
    pub suggestion: Option<String>,
}

pub(crate) fn explain(evaluation: &Evaluation, path: &str) -> Result<Explanation, NoSuchPath> {
    let keys = parse_path(path).map_err(|()| NoSuchPath { path: path.to_owned(), suggestion: None })?;
    let found = find(&evaluation.options, evaluation, &keys)
        .map_err(|suggestion| NoSuchPath { path: path.to_owned(), suggestion })?;
    let (decl, ty, element) = (found.decl, found.ty, found.element);
    let sources = &evaluation.sources;
    let none = Merged::none();
    let merged = found.merged.unwrap_or(&none);
    let toml = |raw: &Option<Raw>| raw.as_ref().filter(|_| !element).map(Raw::to_toml);
    Ok(Explanation {
        path: path.to_owned(),
        ty: ty.to_string(),
        doc: decl.doc.clone(),
        value: merged.json(),
        default: toml(&decl.default),
        example: toml(&decl.example),
        set_by: settings(&merged.set, sources),
        overridden: settings(&merged.overridden, sources),
        parts: parts(path, merged, sources),
    })
}

struct Found<'a> {
    decl: &'a OptionDecl,
    ty: &'a Type,
    /// An element or entry of the option rather than the option itself.
    element: bool,
    merged: Option<&'a Merged>,
}

fn find<'a>(
    options: &'a [OptionDecl],
    evaluation: &'a Evaluation,
    keys: &[String],
) -> Result<Found<'a>, Option<String>> {
    let (first, rest) = keys.split_first().ok_or(None)?;
    let decl = pick(options, first, "")?;
    let mut found = Found { decl, ty: &decl.ty, element: false, merged: evaluation.top.get(first) };
    let mut walked = first.clone();
    for key in rest {
        match found.ty {
            Type::Record(options) => {
                found.decl = pick(options, key, &format!("{walked}."))?;
                found.ty = &found.decl.ty;
                found.element = false;
            }
            Type::Map(_, of) => {
                found.ty = of;
                found.element = true;
            }
            Type::List(of) if key.parse::<usize>().is_ok() => {
                found.ty = of;
                found.element = true;
            }
            _ => return Err(Some(walked)),
        }
        let parent = found.merged;
        found.merged = parent.and_then(|merged| merged.child(key));
        if found.merged.is_none()
            && found.element
            && let Some(Value::Map(entries)) = parent.map(|merged| &merged.value)
        {
            let near = near::nearest(key, entries.keys().map(String::as_str));
            return Err(near.map(|near| format!("{walked}.{}", bare(near))).or(Some(walked)));
        }
        walked = format!("{walked}.{}", bare(key));
    }
    Ok(found)
}

fn pick<'a>(options: &'a [OptionDecl], name: &str, prefix: &str) -> Result<&'a OptionDecl, Option<String>> {
    options.iter().find(|option| option.name == name).ok_or_else(|| {
        let names = options.iter().map(|option| option.name.as_str());
        near::nearest(name, names).map(|near| format!("{prefix}{near}"))
    })
}

fn settings(list: &[Setting], sources: &Sources) -> Vec<SetBy> {
    list.iter()
        .map(|setting| SetBy {
            place: sources.show(setting.place),
            priority: setting.priority.word(),
            value: setting.text.clone(),
        })
        .collect()
}

fn parts(path: &str, merged: &Merged, sources: &Sources) -> Vec<Part> {
    let part = |path: String, merged: &Merged| Part {
        path,
        value: merged.json(),
        place: merged.place().map(|place| sources.show(place)),
    };
    match &merged.value {
        Value::Map(entries) | Value::Record(entries) => {
            entries.iter().map(|(key, value)| part(format!("{path}.{}", bare(key)), value)).collect()
        }
        Value::List(items) => {
            items.iter().enumerate().map(|(index, item)| part(format!("{path}[{index}]"), item)).collect()
        }
        _ => Vec::new(),
    }
}

/// `nginx.sites."my.site".listen[0]` to its keys.
pub(crate) fn parse_path(path: &str) -> Result<Vec<String>, ()> {
    let mut keys = Vec::new();
    let mut rest = path;
    loop {
        let (key, after) = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let (key, after) = rest[1..].split_once(quote).ok_or(())?;
                (key, after)
            }
            _ => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
        };
        if key.is_empty() {
            return Err(());
        }
        keys.push(key.to_owned());
        rest = after;
        while let Some(index) = rest.strip_prefix('[') {
            let (index, after) = index.split_once(']').ok_or(())?;
            keys.push(index.to_owned());
            rest = after;
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Ok(keys),
            None => return Err(()),
        }
    }
}

/// JSON as one line of TOML would write it; `(unset)` for null.
pub(crate) fn short(json: &Json) -> String {
    match json {
        Json::Null => "(unset)".to_owned(),
        Json::String(text) => quoted(text),
        Json::Array(items) => format!("[{}]", items.iter().map(short).collect::<Vec<_>>().join(", ")),
        Json::Object(object) => {
            let pairs: Vec<String> = object
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| format!("{} = {}", bare(key), short(value)))
                .collect();
            if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
        }
        other => other.to_string(),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parts.is_empty() {
            writeln!(f, "{} = {}", self.path, short(&self.value))?;
        } else {
            writeln!(f, "{}", self.path)?;
        }
        writeln!(f)?;
        for line in self.doc.lines() {
            writeln!(f, "{}", format!("  {line}").trim_end())?;
        }
        writeln!(f)?;
        let mut rows: Vec<(&str, String)> = vec![("type", self.ty.clone())];
        rows.extend(self.default.clone().map(|text| ("default", text)));
        rows.extend(self.example.clone().map(|text| ("example", text)));
        rows.extend(self.set_by.iter().map(|by| ("set by", said(by, self.set_by.len() > 1))));
        if self.set_by.is_empty() {
            rows.push(("set by", "nothing".to_owned()));
        }
        rows.extend(self.overridden.iter().map(|by| ("overrides", said(by, true))));
        for (name, text) in rows {
            writeln!(f, "  {name:<9}  {text}")?;
        }
        if self.parts.is_empty() {
            return Ok(());
        }
        writeln!(f)?;
        let width = self.parts.iter().map(|part| part.path.chars().count()).max().unwrap_or(0);
        for part in &self.parts {
            let place = part.place.as_deref().map(|place| format!("  ({place})")).unwrap_or_default();
            writeln!(f, "  {:<width$} = {}{place}", part.path, short(&part.value))?;
        }
        Ok(())
    }
}

fn said(by: &SetBy, with_value: bool) -> String {
    let mut text = by.place.clone();
    if by.priority != "normal" {
        let _ = write!(text, " ({})", by.priority);
    }
    if with_value && !by.value.is_empty() {
        let _ = write!(text, ": {}", by.value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_at_dots_quotes_and_brackets() {
        for (path, keys) in [
            ("name", vec!["name"]),
            ("nginx.sites.main", vec!["nginx", "sites", "main"]),
            ("files.\"/etc/motd\".mode", vec!["files", "/etc/motd", "mode"]),
            ("nginx.sites.main.listen[1]", vec!["nginx", "sites", "main", "listen", "1"]),
            ("packages[0]", vec!["packages", "0"]),
        ] {
            assert_eq!(parse_path(path).unwrap(), keys);
        }
        for path in ["", ".", "a.", "a..b", "a[", "a[0", "\"a", "a[0]b"] {
            assert!(parse_path(path).is_err(), "{path}");
        }
    }
}
