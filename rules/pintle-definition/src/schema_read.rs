//! `module.toml` to a [`Module`]. A module's author deserves the same errors as a definition's.

use crate::near;
use crate::problem::Problem;
use crate::raw::{Data, Entry, Raw, RawTable};
use crate::schema::{
    ANY_INTEGER, Active, Contribution, KINDS, Kind, Module, ModuleFile, OptionDecl, PORT, Type,
};
use crate::source::Place;
use crate::text::TextKind;

const OPTION_KEYS: [&str; 9] =
    ["type", "doc", "default", "example", "options", "choices", "min", "max", "keys"];

/// What is known of a module besides its `module.toml`.
pub(crate) struct Folder {
    pub(crate) name: String,
    pub(crate) shown: String,
    pub(crate) shipped: bool,
    pub(crate) files: Vec<ModuleFile>,
}

/// Reads a module from its table; `whole` is a place for what the file lacks.
pub(crate) fn module(table: &RawTable, folder: Folder, whole: Place, problems: &mut Vec<Problem>) -> Module {
    let mut known: Vec<&str> = OPTION_KEYS.to_vec();
    known.push("active");
    known.extend(KINDS.iter().map(|(_, name, _)| *name));
    refuse_unknown(table, &known, "module.toml", problems);
    let mut value = option(&folder.name, table, whole, problems);
    let active = match table.get("active") {
        None => Active::WhenUsed,
        Some(entry) => active(&entry.value, problems),
    };
    if active != Active::Always {
        add_enable(&mut value, active, whole, problems);
    }
    let mut contributions = Vec::new();
    for (kind, name, fields) in KINDS {
        if let Some(entry) = table.get(name) {
            read_contributions(kind, name, fields, &entry.value, &mut contributions, problems);
        }
    }
    contributions.sort_by_key(|contribution| contribution.place);
    Module {
        name: folder.name,
        folder: folder.shown,
        value,
        active,
        shipped: folder.shipped,
        contributions,
        files: folder.files,
    }
}

fn active(raw: &Raw, problems: &mut Vec<Problem>) -> Active {
    match raw.as_str() {
        Some("always") => Active::Always,
        Some("by-default") => Active::ByDefault,
        Some("when-used") => Active::WhenUsed,
        _ => {
            problems.push(Problem::new(
                "`active` must be \"always\", \"by-default\" or \"when-used\"",
                raw.place,
            ));
            Active::WhenUsed
        }
    }
}

/// Every module that is not always there can be switched on and off by the same option.
fn add_enable(value: &mut OptionDecl, active: Active, whole: Place, problems: &mut Vec<Problem>) {
    let Type::Record(options) = &mut value.ty else {
        problems.push(Problem::new("a module that is not a record must have `active = \"always\"`", whole));
        return;
    };
    let doc = match active {
        Active::WhenUsed => {
            "Whether this module is part of the system. On as soon as anything of it is set, be it only its empty table."
        }
        _ => "Whether this module is part of the system. On by default.",
    };
    let default = (active != Active::WhenUsed).then_some(Raw { data: Data::Bool(true), place: whole });
    options.insert(
        0,
        OptionDecl {
            name: "enable".to_owned(),
            ty: Type::Bool,
            optional: default.is_none(),
            doc: doc.to_owned(),
            default,
            example: None,
            place: None,
        },
    );
}

fn refuse_unknown(table: &RawTable, known: &[&str], what: &str, problems: &mut Vec<Problem>) {
    for (key, entry) in table {
        if known.contains(&key.as_str()) {
            continue;
        }
        let mut problem =
            Problem::new(format!("`{key}` is not a key of {what}"), entry.key).label("not known");
        if let Some(name) = near::nearest(key, known.iter().copied()) {
            problem = problem.help(format!("did you mean `{name}`?"));
        }
        problems.push(problem.doc(format!("keys: {}", known.join(", "))));
    }
}

/// Reads a declaration; `place` is where it stands.
fn option(name: &str, table: &RawTable, place: Place, problems: &mut Vec<Problem>) -> OptionDecl {
    let doc = text_of(table, "doc", problems);
    if doc.is_none() {
        problems.push(Problem::new(format!("`{name}` has no `doc`: say what it is for"), place));
    }
    let (words, type_place) = match table.get("type") {
        None => ("record".to_owned(), place),
        Some(entry) => (entry.value.as_str().unwrap_or_default().to_owned(), entry.value.place),
    };
    let (optional, words) = match words.strip_prefix("optional ") {
        Some(rest) => (true, rest.to_owned()),
        None => (false, words),
    };
    let ty = type_of(&words, type_place, table, problems);
    OptionDecl {
        name: name.to_owned(),
        ty,
        optional,
        doc: doc.unwrap_or_default().trim().to_owned(),
        default: table.get("default").map(|entry| entry.value.clone()),
        example: table.get("example").map(|entry| entry.value.clone()),
        place: Some(place),
    }
}

fn text_of(table: &RawTable, key: &str, problems: &mut Vec<Problem>) -> Option<String> {
    let entry = table.get(key)?;
    match entry.value.as_str() {
        Some(text) => Some(text.to_owned()),
        None => {
            problems.push(Problem::new(format!("`{key}` must be a string"), entry.value.place));
            Some(String::new())
        }
    }
}

fn type_of(words: &str, place: Place, table: &RawTable, problems: &mut Vec<Problem>) -> Type {
    if let Some(of) = words.strip_prefix("list of ") {
        return Type::List(Box::new(type_of(of, place, table, problems)));
    }
    if let Some(of) = words.strip_prefix("map of ") {
        let keys = table.get("keys").and_then(|entry| TextKind::from_word(entry.value.as_str()?));
        let of = type_of(of, place, table, problems);
        return Type::Map(keys.unwrap_or(TextKind::Line), Box::new(of));
    }
    match words {
        "bool" => Type::Bool,
        "integer" => integer(table, problems),
        "port" => PORT,
        "size" => Type::Size,
        "scalar" => Type::Scalar,
        "enum" => Type::Choice(choices(table, place, problems)),
        "record" => Type::Record(options(table, problems)),
        word => TextKind::from_word(word).map_or_else(
            || {
                let known = ["bool", "integer", "port", "size", "scalar", "enum", "record"];
                let all: Vec<&str> = known.into_iter().chain(TextKind::words()).collect();
                problems.push(
                    Problem::new(format!("`{word}` is not a type"), place)
                        .doc(format!("types: {}; `list of T`, `map of T`, `optional T`", all.join(", "))),
                );
                Type::Scalar
            },
            Type::Text,
        ),
    }
}

fn integer(table: &RawTable, problems: &mut Vec<Problem>) -> Type {
    let mut bound = |key: &str, otherwise: i64| match table.get(key).map(|entry| &entry.value) {
        None => otherwise,
        Some(Raw { data: Data::Integer(number), .. }) => *number,
        Some(raw) => {
            problems.push(Problem::new(format!("`{key}` must be a whole number"), raw.place));
            otherwise
        }
    };
    let Type::Integer { min, max } = ANY_INTEGER else { return ANY_INTEGER };
    Type::Integer { min: bound("min", min), max: bound("max", max) }
}

fn choices(table: &RawTable, place: Place, problems: &mut Vec<Problem>) -> Vec<String> {
    let listed = table.get("choices").and_then(|entry| strings(&entry.value));
    listed.filter(|choices| !choices.is_empty()).unwrap_or_else(|| {
        problems.push(Problem::new("an enum needs `choices = [\"…\"]`", place));
        Vec::new()
    })
}

fn strings(raw: &Raw) -> Option<Vec<String>> {
    match &raw.data {
        Data::List(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// The declared options in the order of the file.
fn options(table: &RawTable, problems: &mut Vec<Problem>) -> Vec<OptionDecl> {
    let Some(entry) = table.get("options") else { return Vec::new() };
    let Some(declared) = entry.value.as_table() else {
        problems.push(Problem::new("`options` must be a table", entry.value.place));
        return Vec::new();
    };
    let mut entries: Vec<(&String, &Entry)> = declared.iter().collect();
    entries.sort_by_key(|(_, entry)| entry.key);
    let mut list = Vec::new();
    for (name, entry) in entries {
        match entry.value.as_table() {
            Some(table) => {
                refuse_unknown(table, &OPTION_KEYS, "an option's declaration", problems);
                list.push(option(name, table, entry.key, problems));
            }
            None => problems
                .push(Problem::new(format!("`{name}` must be a table with `type` and `doc`"), entry.key)),
        }
    }
    list
}

fn read_contributions(
    kind: Kind,
    name: &str,
    fields: &[&str],
    raw: &Raw,
    out: &mut Vec<Contribution>,
    problems: &mut Vec<Problem>,
) {
    let Data::List(items) = &raw.data else {
        problems
            .push(Problem::new(format!("`{name}` must be a list of tables: write [[{name}]]"), raw.place));
        return;
    };
    for item in items {
        let Some(table) = item.as_table() else {
            problems.push(Problem::new(format!("write [[{name}]]"), item.place));
            continue;
        };
        let mut known = vec!["when", "for-each"];
        known.extend(fields);
        refuse_unknown(table, &known, &format!("[[{name}]]"), problems);
        let each = table.get("for-each").and_then(|entry| match entry.value.as_str() {
            Some(".") => Some(Vec::new()),
            Some(path) => Some(path.split('.').map(str::to_owned).collect()),
            None => {
                problems.push(Problem::new("`for-each` must be the path of an option", entry.value.place));
                None
            }
        });
        let when = table.get("when").map(|entry| entry.value.clone());
        let mut fields = table.clone();
        fields.retain(|key, _| key != "when" && key != "for-each");
        out.push(Contribution { kind, each, when, fields, place: item.place });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What module authors read names everything that they can write.
    #[test]
    fn the_guide_for_modules_is_complete() {
        let guide = include_str!("../../../modules/README.md");
        let fields = KINDS.iter().filter(|(kind, _, _)| *kind != Kind::Services);
        let words = OPTION_KEYS
            .into_iter()
            .chain(["bool", "integer", "port", "size", "scalar", "enum", "record"])
            .chain(TextKind::words())
            .chain(KINDS.iter().map(|(_, name, _)| *name))
            .chain(fields.flat_map(|(_, _, fields)| fields.iter().copied()))
            .chain(crate::template::FILTERS);
        for word in words {
            let named = ["`", " ", "("].iter().any(|end| guide.contains(&format!("`{word}{end}")));
            assert!(named, "modules/README.md does not name `{word}`");
        }
    }
}
