//! TOML text to values that know where they were written.

use crate::problem::Problem;
use crate::source::{FileId, Place, Sources};
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Raw {
    pub(crate) data: Data,
    pub(crate) place: Place,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    String(String),
    Integer(i64),
    /// Text of a number that is not whole.
    Float(String),
    Bool(bool),
    /// Text of a date or time.
    Datetime(String),
    List(Vec<Raw>),
    Table(RawTable),
}

pub(crate) type RawTable = BTreeMap<String, Entry>;

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Place,
    pub(crate) value: Raw,
}

impl Raw {
    pub(crate) fn kind(&self) -> &'static str {
        match &self.data {
            Data::String(_) => "a string",
            Data::Integer(_) => "a whole number",
            Data::Float(_) => "a number that is not whole",
            Data::Bool(_) => "a boolean",
            Data::Datetime(_) => "a date",
            Data::List(_) => "a list",
            Data::Table(_) => "a table",
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_table(&self) -> Option<&RawTable> {
        match &self.data {
            Data::Table(table) => Some(table),
            _ => None,
        }
    }

    /// One line of TOML, for explanations and the reference.
    pub(crate) fn to_toml(&self) -> String {
        match &self.data {
            Data::String(text) => quoted(text),
            Data::Integer(number) => number.to_string(),
            Data::Float(text) | Data::Datetime(text) => text.clone(),
            Data::Bool(value) => value.to_string(),
            Data::List(items) => {
                format!("[{}]", items.iter().map(Self::to_toml).collect::<Vec<_>>().join(", "))
            }
            Data::Table(table) if table.is_empty() => "{}".to_owned(),
            Data::Table(table) => {
                let pair =
                    |(key, entry): (&String, &Entry)| format!("{} = {}", bare(key), entry.value.to_toml());
                format!("{{ {} }}", table.iter().map(pair).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A TOML string.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A TOML key, quoted only where it must be.
pub(crate) fn bare(key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if plain { key.to_owned() } else { quoted(key) }
}

/// Reads a TOML file. Whatever is wrong is added to `problems`; what could be read is still returned.
pub(crate) fn parse(file: FileId, sources: &Sources, problems: &mut Vec<Problem>) -> RawTable {
    let text = sources.text(file);
    let (table, errors) = DeTable::parse_recoverable(text);
    let at = |span: Range<usize>| Place { file, start: span.start as u32, end: span.end as u32 };
    // One slip of the pen makes the parser stumble several times on the same line: the first is the cause.
    let mut last_line = None;
    for error in errors {
        let place = at(error.span().unwrap_or(0..0));
        let (line, _) = sources.position(place);
        if last_line.replace(line) == Some(line) {
            continue;
        }
        problems.push(syntax_problem(error.message(), place, text));
    }
    convert_table(table.get_ref(), &at, problems)
}

fn syntax_problem(message: &str, place: Place, text: &str) -> Problem {
    if message != "duplicate key" {
        return Problem::new(format!("this is not TOML: {message}"), place).label("here");
    }
    let name = &text[place.start as usize..place.end as usize];
    let problem = Problem::new(format!("`{name}` is defined twice in this file"), place).label("again here");
    match crate::duplicate::first_definition(text, place.start as usize) {
        Some(first) => {
            let first = Place { file: place.file, start: first.start as u32, end: first.end as u32 };
            problem.related(first, "first defined here")
        }
        None => problem,
    }
}

fn convert_table(
    table: &DeTable<'_>,
    at: &dyn Fn(Range<usize>) -> Place,
    problems: &mut Vec<Problem>,
) -> RawTable {
    table
        .iter()
        .map(|(key, value)| {
            let data = convert(value.get_ref(), at(value.span()), at, problems);
            let entry = Entry { key: at(key.span()), value: Raw { data, place: at(value.span()) } };
            (key.get_ref().to_string(), entry)
        })
        .collect()
}

fn convert(
    value: &DeValue<'_>,
    place: Place,
    at: &dyn Fn(Range<usize>) -> Place,
    problems: &mut Vec<Problem>,
) -> Data {
    match value {
        DeValue::String(text) => Data::String(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Data::Integer(number),
            Err(_) => {
                problems.push(Problem::new("this number is too large", place).label("beyond 64 bits"));
                Data::Integer(0)
            }
        },
        DeValue::Float(number) => Data::Float(number.as_str().to_owned()),
        DeValue::Boolean(value) => Data::Bool(*value),
        DeValue::Datetime(time) => Data::Datetime(time.to_string()),
        DeValue::Array(items) => {
            let convert_item = |item: &toml::Spanned<DeValue<'_>>| Raw {
                data: convert(item.get_ref(), at(item.span()), at, problems),
                place: at(item.span()),
            };
            Data::List(items.iter().map(convert_item).collect())
        }
        DeValue::Table(table) => Data::Table(convert_table(table, at, problems)),
    }
}
